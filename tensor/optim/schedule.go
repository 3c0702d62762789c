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

// LR returns the learning rate of update number step (from 0) of a run: during the warm-up
// LR (step+1)/warmup, or the rise of one_cycle, then the schedule's.
func LR(c Config, step uint64, run Length) float64 {
	if c.Schedule == OneCycle {
		return oneCycle(c, step, run)
	}
	at, total := float64(step), float64(run.Steps)
	warmup := math.Round(c.Warmup * total)
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
		return span{c.LR, c.MinLR}.anneal(span{warmup, total}.passed(at))
	case Trapezoid:
		return c.LR + float64((c.MinLR-c.LR)*span{float64(c.Hold * total), total}.passed(at))
	}
	return c.LR
}

// span is the way from one value, or step, to another.
type span struct{ from, to float64 }

// passed returns which part of the way from one step to another is behind, from 0 to 1.
func (s span) passed(at float64) float64 {
	switch {
	case at < s.from:
		return 0
	case at >= s.to:
		return 1
	}
	return (at - s.from) / (s.to - s.from)
}

// anneal returns what half a cosine that goes from one value to another has at a part of the way.
func (s span) anneal(part float64) float64 {
	return s.to + float64((s.from-s.to)*(0.5*(1+portable.CosPi(part))))
}

// startFactor is PyTorch's div_factor of OneCycleLR: the peak over the first rate.
const startFactor = 25

// oneCycle is PyTorch's OneCycleLR, whose last rate is MinLR and whose pct_start is Warmup.
func oneCycle(c Config, step uint64, run Length) float64 {
	at, total := float64(step), float64(run.Steps)
	peak := float64(c.Warmup*total) - 1
	if at < peak {
		return span{float64(c.LR / startFactor), c.LR}.anneal(span{0, peak}.passed(at))
	}
	return span{c.LR, c.MinLR}.anneal(span{max(peak, 0), total - 1}.passed(at))
}
