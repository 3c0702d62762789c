package run

import (
	"context"

	"github.com/tinygrow/tinygrow/deploy/run/replay"
	"github.com/tinygrow/tinygrow/worker"
)

// Verify makes the run in the directory of o again, with the data set that was
// given or its own, and compares every bit. It fills in all of o but the
// directory, the steps and who is told.
func Verify(ctx context.Context, g Given, o replay.Options) (replay.Report, error) {
	s, err := g.ReadRun(o.Dir, Nothing)
	if err != nil {
		return replay.Report{}, err
	}
	if err := s.sameBasis(o.Dir); err != nil {
		return replay.Report{}, err
	}
	set, data, err := s.openData()
	if err != nil {
		return replay.Report{}, err
	}
	o.Config, o.Data, o.Local = s.Config, data, worker.Local{Samples: set, Threads: s.Worker.Threads}
	return replay.Run(ctx, o)
}
