package trainer

import (
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Sync says after how many steps workers put together what they did. The zero value
// stands for after each one.
type Sync struct {
	// Every is how many steps of the optimizer each replica takes from the same
	// weights, on its own part of each batch, before the mean of their changes is
	// taken for a gradient by an outer step [diloco]. 1: workers add up their gradients
	// in each step, and there are no replicas. The steps that are left at the end of an
	// epoch and of the run make a shorter round.
	Every int `yaml:"every" json:"every"`
	// Replicas is into how many parts a batch is cut, one for each replica. They
	// are computed by any number of workers, but by no more than there are replicas at once.
	Replicas int `yaml:"replicas" json:"replicas"`
	// OuterLR and OuterMomentum are those of the outer step, in Nesterov's form. 1 and 0
	// take the mean of the replicas as it is [local SGD].
	OuterLR       float64 `yaml:"outer_lr" json:"outer_lr"`
	OuterMomentum float64 `yaml:"outer_momentum" json:"outer_momentum"`
}

// DefaultSync puts together after each step.
func DefaultSync() Sync { return Sync{Every: 1, OuterLR: 0.7, OuterMomentum: 0.9} }

// local reports whether replicas take steps of their own.
func (s Sync) local() bool { return s.Every > 1 }

// Validate returns all faults at once, or nil, for a run of configuration c.
func (s Sync) Validate(c Config) error {
	if s == (Sync{}) {
		return nil
	}
	var found faults.List
	found.Check(s.Every >= 1 && s.Every <= proto.MaxLocalSteps, "sync.every %d: must be 1 to %d", s.Every, proto.MaxLocalSteps)
	found.Check(s.Replicas >= 0 && s.Replicas <= proto.MaxReplicas, "sync.replicas %d: must be 0 to %d", s.Replicas, proto.MaxReplicas)
	found.Check(s.OuterLR > 0 && s.OuterLR <= 100, "sync.outer_lr %v: must be above 0 and at most 100", s.OuterLR)
	found.Check(s.OuterMomentum >= 0 && s.OuterMomentum < 1, "sync.outer_momentum %v: must be 0 to below 1", s.OuterMomentum)
	if d := DefaultSync(); s.Every == 1 {
		found.Check(s == d, "sync.replicas %d, sync.outer_lr %v, sync.outer_momentum %v: there are replicas and outer steps only with "+
			"sync.every above 1: set that, or leave them at %d, %v and %v", s.Replicas, s.OuterLR, s.OuterMomentum, d.Replicas, d.OuterLR,
			d.OuterMomentum)
		return found.Err()
	}
	found.Check(s.Replicas >= 1, "sync.every %d: set sync.replicas to the number of replicas that each take so many steps, as 8", s.Every)
	found.Check(c.format() == kernel.FP32, "sync.every %d, train.wire %s: changes of replicas travel in fp32: leave out train.wire, or "+
		"set sync.every to 1", s.Every, c.Wire)
	if s.Replicas >= 1 {
		each := c.Batch / s.Replicas
		found.Check(c.Batch%s.Replicas == 0, "sync.replicas %d: a batch of %d samples cannot be cut into so many equal parts: set "+
			"train.batch to %d, or other replicas", s.Replicas, c.Batch, max(each, c.MicroShard)*s.Replicas)
		found.Check(each >= c.MicroShard, "sync.replicas %d: of a batch of %d samples a replica gets %d, less than a micro-shard of %d: "+
			"raise train.batch to %d or more, or lower train.microshard", s.Replicas, c.Batch, each, c.MicroShard, s.Replicas*c.MicroShard)
	}
	return found.Err()
}

// optimizer returns how what a run that stands there learns is updated: weights as the configuration says, or,
// where replicas take such steps of their own, by the outer step; scores while masks are found.
func (s Settings) optimizer(at Progress) optim.Config {
	if s.Train.Masks.Until > 0 && !at.Masked {
		return s.scoring()
	}
	if !s.Sync.local() {
		return s.Optimizer
	}
	c := optim.Default()
	c.Name, c.LR, c.Momentum, c.Nesterov = optim.SGD, s.Sync.OuterLR, s.Sync.OuterMomentum, s.Sync.OuterMomentum > 0
	c.Schedule, c.ClipNorm = optim.Constant, 0
	return c
}
