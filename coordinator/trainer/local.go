package trainer

import (
	"math"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// In a run of local steps a round is many steps: of each, the batch is the one that a run
// without would compute, cut into a part for each replica. What workers send back in place of
// a gradient is the change of the weights, summed over replicas.

// localSteps returns how many steps the next round is: none goes beyond the end of an epoch
// or of the run, nor beyond the step that uses up its budget.
func (t *Trainer) localSteps() uint64 {
	per := t.set.perEpoch()
	n := min(uint64(t.set.Sync.Every), per-t.at.Step%per, t.total()-t.at.Step)
	if limit := t.set.Train.MaxFLOPs; limit > 0 {
		left := math.Ceil((limit - t.at.FLOPs) / t.cost(uint64(t.set.Train.Batch)))
		n = min(n, uint64(portable.Int(max(1, min(left, float64(n))))))
	}
	return n
}

// localize makes a gradient round one of local steps, where the run has these.
func (t *Trainer) localize(r *Round) {
	if !t.set.Sync.local() {
		return
	}
	n := t.localSteps()
	r.Kind, r.Count = proto.Local, n*r.Count
	r.Local = proto.LocalSpec{Replicas: uint32(t.set.Sync.Replicas), Steps: uint32(n), Update: t.opt.Count()}
	r.Plan = &local.Plan{Optimizer: t.set.Optimizer, Rates: make([]float64, n)}
	for i := range r.Plan.Rates {
		r.Plan.Rates[i] = t.rate(uint64(i))
		r.Moved += r.Plan.Rates[i]
	}
	layout := layoutAged(t.set.Optimizer, t.model.Graph, t.at.Ages)
	births := make([]*optim.Births, len(layout))
	any := false
	for i, l := range layout {
		births[i], any = l.Births, any || l.Births != nil
	}
	if any {
		r.Plan.Births = births
	}
}

// rate returns the learning rate of the step behind i more than are made: that of the
// schedule, times the factor of the architecture at hand.
func (t *Trainer) rate(i uint64) float64 {
	at := t.at
	if i > 0 {
		at.Step += i
		at.FLOPs += t.cost(i * uint64(t.set.Train.Batch))
	}
	return t.set.rate(at, t.model.Graph)
}

// rate returns the learning rate of the step that comes next where a run stands with a network g.
func (s Settings) rate(at Progress, g *nn.Graph) float64 {
	c := s.Optimizer
	if s.finding(at) {
		c = s.scoring()
	}
	lr := optim.LR(c, at.Step, optim.Length{Steps: s.schedule(at), PerEpoch: float64(s.perEpoch())})
	return float64(lr * ArchFactor(c.Arch, g))
}

// move is what an update does.
type move struct {
	reduce.Step         // but for what clipping the gradient's norm makes of its scale
	steps       uint64  // that it stands for
	lr          float64 // of the last of these
	local       bool
}

// made returns the steps for records, 0 where there is but one.
func (m move) made() uint64 {
	if !m.local {
		return 0
	}
	return m.steps
}

// move returns what the update of round r does, the one at hand, whose sums are over so
// many samples. It must be called once what rides along is paid for.
func (t *Trainer) move(r Round, samples float64) move {
	if s := t.set.Sync; s.local() {
		n := uint64(r.Local.Steps)
		step := reduce.Step{Scale: float32(1 / float64(s.Replicas)), LR: s.OuterLR, Average: t.averageWeight(n)}
		return move{step, n, t.rate(n - 1), true}
	}
	lr := t.rate(0)
	return move{reduce.Step{Scale: float32(1 / samples), LR: lr, Average: t.averageWeight(1)}, 1, lr, false}
}

// samplesOf returns what the sums of a round are divided by to compare them with a mean gradient.
func (t *Trainer) samplesOf(m Tally) float64 {
	if !t.set.Sync.local() {
		return m.Samples
	}
	var moved float64
	for i := range t.localSteps() {
		moved += t.rate(i)
	}
	if moved == 0 {
		moved = 1 // nothing moved
	}
	return float64(moved * float64(t.set.Sync.Replicas))
}
