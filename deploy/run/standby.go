package run

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// openLead opens the commit log of the run, or returns nil where there is none
// and none is needed.
func (s *Settings) openLead(ctx context.Context, system lead.System, standby bool, con Console) (*lead.Lead, error) {
	k := s.Cluster
	if k.Log == coordinator.LogOff && !standby {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	l, err := lead.Open(ctx, system, lead.Options{Run: proto.RunID(s.Run), Dir: s.RunDir, Silence: k.Lease, Replicas: k.Replicas})
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, bus.ErrNoLogs) && k.Log != coordinator.LogOn && !standby:
		con.Line("no commit log and no standby: the NATS server runs without JetStream (nats-server -js)")
		return nil, nil
	}
	return nil, as(ErrNetwork,
		fmt.Errorf("commit log of run %s: %w: start the server with JetStream (nats-server -js), name the coordinator's own key "+
			"(--creds), or go without: leave out --standby and set cluster.log=off", s.Run, err))
}

// claim is how long a coordinator asks whether another one leads its run, where
// no commit log tells.
const claim = 500 * time.Millisecond

// claims returns that where another coordinator may be: at a server that this
// process did not start.
func (s *Settings) claims() time.Duration {
	if s.NATS.URL == "" || s.NATS.Listen != "" {
		return 0
	}
	return claim
}

// readRun lays what was given over the run in the directory of s, and keeps the
// place of s.
func (how Start) readRun(s Settings) (Settings, error) {
	run, err := how.Given.ReadRun(s.RunDir, Nothing)
	if err != nil {
		return run, err
	}
	id := run.Run
	run.Place = s.Place
	run.Run = id
	return run, nil
}

// standBy waits until nobody leads the run. It tells who does, and that this
// process is alive, and ends where that is another run than the one meant.
func (s *Settings) standBy(ctx context.Context, l *lead.Lead, how Start, con Console) error {
	told, life := "", health.NewReporter("coordinator", s.Health)
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	err := l.Acquire(waiting, func(holder string) {
		life.Progress()
		alive(life, "standing by for run "+s.Run)
		if holder == told {
			return
		}
		con.Line("standing by: run %s is led by %s", s.Run, holder)
		told = holder
		if past, err := l.History(waiting); err == nil {
			if err := how.agrees(*s, past); err != nil {
				stop(err)
			}
		}
	})
	if cause := context.Cause(waiting); err != nil && ctx.Err() == nil && cause != nil {
		return cause
	}
	return err
}

// opened is a data set that a standby opened while it had time.
type opened struct {
	config dataset.Config
	set    *dataset.Set
	data   coordinator.Data
}

// openAhead gets what the run will probably need: its configuration and data
// set. settings that are not the run's are an error; what else fails now is
// tried, and told, when it is needed.
func (s Settings) openAhead(ctx context.Context, l *lead.Lead, how Start) (*opened, error) {
	switch resume, err := s.prepare(ctx, l, how); {
	case errors.Is(err, coordinator.ErrOtherRun) || errors.Is(err, ErrUsage):
		return nil, err
	case err == nil && resume:
		if s, err = how.readRun(s); err != nil {
			return nil, err
		}
	}
	set, data, err := s.openData()
	if err != nil {
		return nil, nil
	}
	return &opened{s.Data, set, data}, nil
}

// prepare gets the directory ready for the run on the server, if that is the one
// that was meant.
func (s *Settings) prepare(ctx context.Context, l *lead.Lead, how Start) (resume bool, err error) {
	past, err := l.History(ctx)
	if err == nil {
		err = how.agrees(*s, past)
	}
	if err != nil {
		return false, err
	}
	return coordinator.Prepare(ctx, l, s.RunDir)
}

// openUnless opens the data set unless it is open already.
func (s *Settings) openUnless(ready *opened) (*dataset.Set, coordinator.Data, error) {
	if ready != nil && reflect.DeepEqual(ready.config, s.Data) {
		return ready.set, ready.data, nil
	}
	return s.openData()
}

// led is a run that this process leads.
type led struct {
	lead   *lead.Lead // nil: without a commit log
	resume bool
	ready  *opened
}

// take waits until this process leads the run. A standby gets its
// configuration from the run.
func (s *Settings) take(ctx context.Context, system lead.System, how Start, con Console) (led, error) {
	l, err := s.openLead(ctx, system, how.Standby, con)
	if err != nil || l == nil {
		return led{resume: how.Resume}, err
	}
	if !how.Standby {
		return led{lead: l, resume: how.Resume}, s.lead(ctx, l, how.Resume, con)
	}
	out := led{lead: l}
	if out.ready, err = s.openAhead(ctx, l, how); err != nil {
		return led{}, errors.Join(err, l.Close())
	}
	if err := s.standBy(ctx, l, how, con); err != nil {
		return led{}, err
	}
	if out.resume, err = s.prepare(ctx, l, how); err == nil && out.resume {
		*s, err = how.readRun(*s)
	}
	if err != nil {
		return led{}, errors.Join(err, l.Close())
	}
	return out, nil
}

// ended returns the result of the complete run, if its end is in the directory of s.
func (s Settings) ended(how Start) (r coordinator.Result, found bool, err error) {
	if !holdsRun(s.RunDir) {
		return r, false, nil
	}
	if s, err = how.readRun(s); err != nil {
		return r, false, err
	}
	_, data, err := s.openData()
	if err != nil {
		return r, false, err
	}
	j, err := s.job(data, true, coordinator.Events{})
	if err != nil {
		return r, false, err
	}
	return coordinator.Ended(j)
}

// again reports whether a standby goes on standing by after such an error: the
// run goes on elsewhere, or who had it holds the directory still.
func again(err error) bool {
	return errors.Is(err, lead.ErrFenced) || errors.Is(err, checkpoint.ErrLocked)
}
