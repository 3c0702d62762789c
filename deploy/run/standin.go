package run

import (
	"fmt"
	"log/slog"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/growth"
)

// standsIn refuses growth in a run whose workers compute nothing, and says what such a
// run is.
func (s *Settings) standsIn() error {
	if s.Worker.StandIn == 0 {
		return nil
	}
	if s.Growth.Policy != growth.PolicyNone {
		return usagef("worker.stand_in %s: stand-ins compute no statistics of growth: give --policy none", s.Worker.StandIn)
	}
	slog.Warn("workers stand in: the run measures times and bytes, and trains nothing", "run", s.Run, "microshard", s.Worker.StandIn)
	return nil
}

// trained refuses a model that stand-ins made.
func (s *Saved) trained() error {
	if s.Card == nil || !s.Card.StandIn {
		return nil
	}
	return as(ErrRun, fmt.Errorf("%s: %w: workers computed nothing (worker.stand_in); train a model for that", s.Path,
		coordinator.ErrStandIn))
}
