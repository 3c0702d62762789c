package coordinator

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
)

// ErrComplete is returned to a standby when there is nothing to take over.
var ErrComplete = errors.New("the run is complete")

// Prepare gets the directory of a run ready for the coordinator that took the
// lease, and reports whether it holds a run to resume; otherwise the run is to
// be begun there. A standby must not begin again what others began.
func Prepare(ctx context.Context, l *lead.Lead, dir string) (resume bool, err error) {
	past, err := l.History(ctx)
	if err != nil {
		return false, err
	}
	_, err = checkpoint.ReadConfig(dir)
	switch {
	case past.Ended:
		return false, fmt.Errorf("run %s: %w", l.Run(), ErrComplete)
	case err == nil:
		return true, nil
	case !errors.Is(err, checkpoint.ErrNoRun):
		return false, err
	case past.Term > 0:
		return false, fmt.Errorf("%s: %w: the commit log tells of run %s, and no checkpoint of it is here: give this coordinator the run directory of the others (--run-dir)", dir, checkpoint.ErrNoRun, l.Run())
	}
	return false, nil
}
