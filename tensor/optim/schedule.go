package optim

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Length is how long a run is. An epoch need not be a whole number of steps.
type Length struct {
	Steps    uint64  // updates of the whole run
	PerEpoch float64 // updates of an epoch
}

// LR returns the learning rate of update number step (from 0) of a run: during
// the warm-up LR (step+1)/warmup, then the schedule's.
func LR(c Config, step uint64, run Length) float64 {
	warmup := math.Round(c.WarmupEpochs * run.PerEpoch)
	at := float64(step)
	if at < warmup {
		return c.LR * (at + 1) / warmup
	}
	switch c.Schedule {
	case Step:
		drops := 0.0
		if run.PerEpoch > 0 {
			drops = math.Floor(at / (c.StepEpochs * run.PerEpoch))
		}
		return float64(c.LR * portable.PowInt(c.StepFactor, uint64(min(drops, 1e6))))
	case Cosine:
		part := 1.0
		if rest := float64(run.Steps) - warmup; rest > 0 {
			part = min((at-warmup)/rest, 1)
		}
		return c.MinLR + float64((c.LR-c.MinLR)*(0.5*(1+portable.CosPi(part))))
	}
	return c.LR
}
