package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Budget is what a run may spend on training, in all.
type Budget struct {
	Samples float64 // samples to train on, epoch after epoch; 0: unknown
	FLOPs   float64 // FLOPs of gradients and growth events; 0: no limit
}

// The size of network that a budget trains best, in FLOPs of a sample's forward pass,
// is sizeFactor times the root of the budget in FLOPs, of which a sample's gradient
// costs passes forward passes. Of vgg networks on CIFAR-10 with the default recipe
// (deploy/bench/results/recipe.jsonl) those of 4.6 to 6.1 million FLOPs a sample ended
// best after 4e12 FLOPs (78.2 to 78.6 %, 2.7 million 77.0 %), and those of 6.1 to 7
// million after 1.35e13 (81.4 to 81.7 %, 11 million 81.1 %): the optimum is flat.
const (
	sizeFactor = 2.3
	passes     = 3
)

// size returns the FLOPs of a sample's forward pass that a network should have at the
// end of a run of that budget; +Inf if the budget is unknown. A run that ends by
// samples spends passes*size on each of them, so its size is proportional to them.
func (b Budget) size() float64 {
	best := math.Inf(1)
	if b.FLOPs > 0 {
		best = float64(sizeFactor * math.Sqrt(b.FLOPs))
	}
	if b.Samples > 0 {
		best = min(best, float64(sizeFactor*sizeFactor*passes*b.Samples))
	}
	return best
}

// The power of the part of the run that is done by which the size grows, of runs that
// FLOPs and that samples end. It is that of the law above: at every moment the network
// is the one that trains best with what has been spent so far divided by the part of
// the run during which it grows.
const (
	powerOfFLOPs   = 0.5
	powerOfSamples = 1
)

// scheduled returns the part of the final size that a network should have once part
// of the run is done; growth ends at c.Until.
func (b Budget) scheduled(part float64, c *Config) float64 {
	switch {
	case part >= c.Until:
		return 1
	case part <= 0:
		return 0
	}
	power := float64(powerOfSamples)
	if b.FLOPs > 0 {
		power = powerOfFLOPs
	}
	return portable.Exp(float64(power * portable.Log(part/c.Until)))
}
