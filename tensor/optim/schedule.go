package optim

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// LR returns the learning rate of update number step (from 0) of a run of
// totalSteps updates: during the warm-up LR (step+1)/warmup, then the
// schedule's. An epoch need not be a whole number of steps.
func LR(c Config, step, totalSteps uint64, stepsPerEpoch float64) float64 {
	warmup := math.Round(c.WarmupEpochs * stepsPerEpoch)
	at := float64(step)
	if at < warmup {
		return c.LR * (at + 1) / warmup
	}
	switch c.Schedule {
	case Step:
		drops := 0.0
		if stepsPerEpoch > 0 {
			drops = math.Floor(at / (c.StepEpochs * stepsPerEpoch))
		}
		return float64(c.LR * portable.PowInt(c.StepFactor, uint64(min(drops, 1e6))))
	case Cosine:
		part := 1.0
		if rest := float64(totalSteps) - warmup; rest > 0 {
			part = min((at-warmup)/rest, 1)
		}
		return c.MinLR + float64((c.LR-c.MinLR)*(0.5*(1+portable.CosPi(part))))
	}
	return c.LR
}
