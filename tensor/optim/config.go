// Package optim updates parameters from summed gradients: SGD with momentum,
// Nesterov's form and weight decay, AdamW, Muon, and learning-rate schedules. It
// follows PyTorch's definitions. Updates are element-wise, but for those by matrix,
// which are prepared one by one, so any split of the parameters over goroutines gives
// the same bits. It computes no gradients and starts no goroutine.
package optim

import (
	"math"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// The optimizers and schedules by name.
const (
	SGD       = "sgd"
	AdamW     = "adamw"
	Muon      = "muon"
	Constant  = "constant"
	Step      = "step"
	Cosine    = "cosine"
	Trapezoid = "trapezoid"
	OneCycle  = "one_cycle"
)

// Schedules names the schedules of the learning rate.
var Schedules = []string{Constant, Step, Cosine, Trapezoid, OneCycle}

// Config says how parameters are updated. The zero value is invalid; start
// from Default.
type Config struct {
	// Name is sgd, adamw, or muon, which makes the updates of convolutions orthogonal
	// matrices and treats the rest as sgd does.
	Name        string  `json:"name" yaml:"name"`
	LR          float64 `json:"lr" yaml:"lr"` // the peak learning rate
	WeightDecay float64 `json:"weight_decay" yaml:"weight_decay"`
	// DecayBiases: weight decay acts on biases and on the parameters of
	// normalisations too, as in PyTorch.
	DecayBiases bool `json:"decay_biases" yaml:"decay_biases"`
	// NormBiasFactor is a factor on the rate of what normalisations add.
	NormBiasFactor float64 `json:"norm_bias_factor" yaml:"norm_bias_factor"`
	// Momentum and Nesterov are sgd's; momentum 0 keeps no velocity.
	Momentum float64 `json:"momentum" yaml:"momentum"`
	Nesterov bool    `json:"nesterov" yaml:"nesterov"`
	// Beta1, Beta2 and Eps are adamw's.
	Beta1 float64    `json:"beta1" yaml:"beta1"`
	Beta2 float64    `json:"beta2" yaml:"beta2"`
	Eps   float64    `json:"eps" yaml:"eps"`
	Muon  MuonConfig `json:"muon" yaml:"muon"`
	// Births is variance_transfer where weights have a rate by the growth event that they
	// were born in (see Births); none where all have one. The matrices of muon have one:
	// by it all their rows turn alike, whenever they were born.
	Births string     `json:"births,omitempty" yaml:"births"`
	Arch   ArchConfig `json:"arch,omitzero" yaml:"arch"`
	// Schedule is constant, step (times StepFactor every StepEpochs epochs), cosine (half a
	// cosine from LR to MinLR over what follows the warm-up), trapezoid (LR until the part
	// Hold of the run is done, then a straight line to MinLR) or one_cycle (PyTorch's
	// OneCycleLR: half a cosine up from LR / 25 over the part Warmup, then one down to MinLR).
	Schedule   string  `json:"schedule" yaml:"schedule"`
	StepEpochs float64 `json:"step_epochs" yaml:"step_epochs"`
	StepFactor float64 `json:"step_factor" yaml:"step_factor"`
	MinLR      float64 `json:"min_lr" yaml:"min_lr"`
	// Warmup is the part of the run over which the rate rises, linearly from near 0 but for one_cycle.
	Warmup float64 `json:"warmup" yaml:"warmup"`
	Hold   float64 `json:"hold" yaml:"hold"`
	// Average is the part of the run over which weights are averaged, later ones with exponentially more
	// weight, for evaluations and for the model that the run ends with. 0: those of the last step count.
	Average float64 `json:"average" yaml:"average"`
	// ClipNorm bounds the Euclidean norm of the mean gradient: a longer one is
	// shortened to it, in its own direction. 0 clips nothing.
	ClipNorm float64 `json:"clip_norm" yaml:"clip_norm"`
}

// MuonConfig says how muon updates convolutions: K. Jordan's Muon as in airbench94_muon. A matrix
// with an output in each row whose values go into batch normalisation is held at the norm
// sqrt(outputs), so that the rate alone says how far it turns; others are subject to weight decay.
type MuonConfig struct {
	// Factor times the rate of the rest is that of convolutions.
	Factor   float64 `json:"factor" yaml:"factor"`
	Momentum float64 `json:"momentum" yaml:"momentum"` // Nesterov's form
}

// Default returns SGD with momentum 0.9 at a rate of 0.1 that falls to 0 along a cosine, gradients of norm at most 5, and
// PyTorch's defaults for the rest.
func Default() Config {
	return Config{Name: SGD, LR: 0.1, DecayBiases: true, NormBiasFactor: 1, Momentum: 0.9, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8,
		Muon: MuonConfig{Factor: 0.5, Momentum: 0.6}, Births: OneRate,
		Arch:     ArchConfig{Rule: ArchNone, BaseDepth: 1},
		Schedule: Cosine, StepEpochs: 30, StepFactor: 0.1, Hold: 0.3, ClipNorm: 5}
}

// Validate returns all faults at once (errors.Join), or nil.
func (c Config) Validate() error {
	var found faults.List
	within := func(name string, v, lo, hi float64) {
		found.Check(v >= lo && v <= hi, "%s %v: must be %v to %v", name, v, lo, hi)
	}
	below1 := math.Nextafter(1, 0)
	found.Check(c.Name == SGD || c.Name == AdamW || c.Name == Muon, "optimizer %q: must be %q, %q or %q", c.Name, SGD, AdamW, Muon)
	found.Check(c.LR > 0 && c.LR <= 1e6, "lr %v: must be above 0", c.LR)
	within("weight_decay", c.WeightDecay, 0, 1e6)
	within("norm_bias_factor", c.NormBiasFactor, 0, 1e6)
	if c.Name == SGD || c.Name == Muon {
		within("momentum", c.Momentum, 0, below1)
		found.Check(!c.Nesterov || c.Momentum > 0, "nesterov: needs a momentum above 0")
	}
	if c.Name == Muon {
		found.Check(c.Momentum > 0, "momentum %v: muon needs one above 0", c.Momentum)
		found.Check(c.Muon.Factor > 0 && c.Muon.Factor <= 1e6, "muon.factor %v: must be above 0", c.Muon.Factor)
		within("muon.momentum", c.Muon.Momentum, 0, below1)
	}
	if c.Name == AdamW {
		within("beta1", c.Beta1, 0, below1)
		within("beta2", c.Beta2, 0, below1)
		found.Check(c.Eps > 0 && c.Eps <= 1, "eps %v: must be above 0 and at most 1", c.Eps)
	}
	switch c.Schedule {
	case Constant:
	case Step:
		found.Check(c.StepEpochs > 0, "step_epochs %v: must be above 0", c.StepEpochs)
		within("step_factor", c.StepFactor, 0, 1)
	case Cosine, OneCycle:
		within("min_lr", c.MinLR, 0, c.LR)
	case Trapezoid:
		within("min_lr", c.MinLR, 0, c.LR)
		found.Check(c.Hold >= c.Warmup && c.Hold <= 1, "hold %v: must be warmup (%v) to 1", c.Hold, c.Warmup)
	default:
		found.Check(false, "schedule %q: must be one of %s", c.Schedule, strings.Join(Schedules, ", "))
	}
	within("warmup", c.Warmup, 0, 1)
	within("average", c.Average, 0, 1)
	found.Check(c.Births == "" || c.Births == OneRate || c.Births == VarianceTransfer, "births %q: must be %q or %q", c.Births, OneRate,
		VarianceTransfer)
	c.Arch.check(&found, c.Name)
	within("clip_norm", c.ClipNorm, 0, 1e30)
	return found.Err()
}
