package coordinator

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
)

// ErrComplete is returned to a standby when there is nothing to take over.
var ErrComplete = errors.New("the run is complete")

// Prepare gets a directory ready for the coordinator that took the lease, or
// is waiting for it, and reports whether it holds a run to resume; otherwise
// the run is to be begun there. What the directory lacks comes from the object
// store. A standby never begins again what others began.
func Prepare(ctx context.Context, l *lead.Lead, dir string) (resume bool, err error) {
	past, err := l.History(ctx)
	if err != nil {
		return false, err
	}
	if past.Ended {
		return false, fmt.Errorf("run %s: %w", l.Run(), ErrComplete)
	}
	holds, step, err := newest(dir, past)
	switch {
	case err != nil:
		return false, err
	case past.Checkpoint != nil && (!holds || step < past.Checkpoint.Step):
		return true, fetch(ctx, l, *past.Checkpoint, dir)
	case !holds && past.Term > 0:
		return false, fmt.Errorf("%s: %w: the commit log tells of run %s, but nothing of it is here or in the object store yet: give "+
			"this coordinator the run directory of the others (--run-dir)", dir, checkpoint.ErrNoRun, l.Run())
	}
	return holds, nil
}

// Ended returns the result of the complete run in j.Dir: who finished it may have
// died before it told. found is false where the end is not there, or where the
// process that holds the directory is about to tell.
func Ended(j Job) (r Result, found bool, err error) {
	j.Resume, j.Lead, j.End = true, nil, nil
	store, err := openStorage(j, lead.History{}, proto.NewStart())
	switch {
	case errors.Is(err, checkpoint.ErrLocked), errors.Is(err, checkpoint.ErrNoRun), errors.Is(err, checkpoint.ErrNoCheckpoint):
		return Result{}, false, nil
	case err != nil:
		return Result{}, false, err
	}
	r, err = newServer(j, store, nil, nil).result()
	return r, r.Done, errors.Join(err, store.dir.Close())
}

// newest returns the step of the newest checkpoint in dir, which must be of
// the run that the log tells of; holds says whether there is one.
func newest(dir string, past lead.History) (holds bool, step proto.Step, err error) {
	if _, err := checkpoint.ReadConfig(dir); errors.Is(err, checkpoint.ErrNoRun) {
		return false, 0, nil
	} else if err != nil {
		return false, 0, err
	}
	c, err := checkpoint.Latest(dir)
	if errors.Is(err, checkpoint.ErrNoCheckpoint) {
		return past.Term == 0, 0, nil
	}
	if err != nil {
		return false, 0, err
	}
	return true, c.Step, sameRun(dir, &c.State, past)
}

// origin refuses a directory of another run than the one that the log tells of,
// before anything is done to it. What cannot be read is told when it is opened.
func origin(dir string, past lead.History) error {
	state := checkpoint.NewestState(dir)
	if state == nil {
		return nil
	}
	return sameRun(dir, state, past)
}

// sameRun refuses a checkpoint of another run of the same id.
func sameRun(dir string, c *checkpoint.State, past lead.History) error {
	switch {
	case past.Term == 0: // the log knows no run
		return nil
	case c.Born != past.Born && c.Born != "" && past.Born != "":
		return fmt.Errorf("%s: %w: it began with start %s, the run %s that the commit log tells of with start %s: name another "+
			"directory with --run-dir, or another run with --run",
			dir, ErrOtherRun, c.Born, c.Run, past.Born)
	case c.Term >= past.Origin:
		return nil
	}
	return fmt.Errorf("%s: %w: it ended with term %d, the commit log of run %s began anew in term %d: name another directory with "+
		"--run-dir, or another run with --run",
		dir, ErrOtherRun, c.Term, c.Run, past.Origin)
}

// fetch unpacks the newest checkpoint of the object store.
func fetch(ctx context.Context, l *lead.Lead, c proto.Commit, dir string) error {
	r, err := l.Objects().Get(ctx, c.Object)
	if err == nil {
		err = errors.Join(checkpoint.Unpack(dir, r, c.Step), r.Close())
	}
	if err != nil {
		return fmt.Errorf("checkpoint of step %d of run %s from the object store: %w", c.Step, l.Run(), err)
	}
	return nil
}
