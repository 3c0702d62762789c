package trainer

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// A pruning by magnitude is a decision between two steps. One by gates begins with a stage in which the
// gates learn in place of the weights (see prune.Gates): rounds are those of any step, and the parameters that they
// are computed with have the gates in them. The parameters without gates are kept beside them up to the cut.

// ungatedSlot is the name of the parameters without gates among slots.
const ungatedSlot = "ungated"

// pruning returns the next pruning of a run, or the one at hand: the parts of the run at which it begins and ends.
func (t *Trainer) pruning() (from, to float64, ok bool) {
	n := t.at.Prunings
	if t.at.Gates != nil {
		n--
	}
	from, to, ok = t.set.Prune.Begins(n)
	return from - slack, to - slack, ok
}

// slack is a part of a run that is shorter than any step: what sums of parts are rounded by is to delay nothing.
const slack = 1e-13

// pruningDue reports whether a pruning begins now.
func (t *Trainer) pruningDue() bool {
	from, _, ok := t.pruning()
	return ok && t.at.Gates == nil && t.PartDone() >= from
}

// toPrune reports whether the run still has something to prune: what it is now is not what it is to become.
func (t *Trainer) toPrune() bool {
	_, _, ok := t.pruning()
	return ok || t.at.Gates != nil
}

// prune begins the pruning that is due, or ends the one at hand if its time is over. It reports whether
// there was any: then nothing grows behind this step.
func (t *Trainer) prune(a *Applied) (busy bool, err error) {
	switch {
	case t.at.Gates != nil:
		if _, to, _ := t.pruning(); t.PartDone() < to {
			return true, nil
		}
		return true, t.cut(a)
	case !t.pruningDue():
		return false, nil
	}
	t.at.Prunings++
	if t.set.Prune.Policy != prune.DNAL {
		return true, t.cut(a)
	}
	t.at.Gates = prune.NewGates(t.model.Graph)
	t.setUngated(slices.Clone(t.model.Params))
	if a.Health == nil {
		a.Health = t.followed(0) // new neurons do not learn meanwhile
	}
	return true, nil
}

// setUngated takes the parameters without gates.
func (t *Trainer) setUngated(params []float32) {
	t.ungated.params, t.ungated.sum = params, reduce.AppendSum(nil, params)
}

// gate makes a step of the gates in place of one of the weights, and returns what the chunks of the parameters are known
// by behind it. An average of the weights rests, as they do.
func (t *Trainer) gate(grad []float32, samples float64) reduce.Parts {
	c, g := t.set.Prune, t.model.Graph
	from, _, _ := t.pruning()
	gradient := t.at.Gates.Gradient(g, t.ungated.params, grad, 1/samples, c.Lambda)
	t.at.Gates = t.at.Gates.Step(gradient, c.LR, prune.DeltaAt((t.PartDone()-from)/c.Gates, c.Delta))
	t.at.Gates.Weights(g, t.model.Params, t.ungated.params)
	return t.whole().Parts()
}

// cut takes neurons out of model, optimizer and average, and ends the stage of the gates.
func (t *Trainer) cut(a *Applied) error {
	gates := t.at.Gates
	out, err := growth.NewPruning(t.set.Prune, t.model, gates,
		growth.EventInfo{Number: t.Events(), Step: t.at.Step, Epoch: t.set.epochOf(t.at.Step)})
	if err != nil {
		return fmt.Errorf("pruning behind step %d: %w", t.at.Step, err)
	}
	if gates != nil && t.average != nil {
		params, _ := t.average.split(len(t.model.Params))
		gates.Weights(t.model.Graph, params, params)
	}
	t.at.Gates, t.ungated.params, t.ungated.sum = nil, nil, nil
	if out.Shrunk != nil {
		t.at.Ages = t.at.Ages.Without(out.Gone)
		var slots []optim.Slot
		for _, s := range t.opt.Slots() {
			slots = append(slots, optim.Slot{Name: s.Name, Data: out.Params(s.Data)})
		}
		c := t.set.optimizer(t.at)
		opt, err := optim.Restore(c, layoutAged(c, out.Graph, t.at.Ages), t.opt.Count(), slots)
		if err != nil {
			return fmt.Errorf("pruning behind step %d: %w", t.at.Step, err)
		}
		if t.average != nil {
			p, b := t.average.split(len(t.model.Params))
			t.average = slices.Concat(out.Params(p), out.Buffers(b))
		}
		t.model, t.opt = out.Model(t.model), opt
		if a.Health == nil {
			a.Health = t.followed(0)
		}
	}
	t.hashed.model, t.hashed.spans = nil, nil
	if t.done() { // what is left is still to be evaluated
		t.at.Evaluated, t.at.Validated = false, false
	}
	t.end()
	t.changed(a, out.Record, out.Shrunk != nil)
	return nil
}

// takeUngated takes the parameters without gates from the slots of a checkpoint and returns the others.
func (t *Trainer) takeUngated(slots []optim.Slot) ([]optim.Slot, error) {
	if t.at.Gates == nil {
		return slots, nil
	}
	if err := t.at.Gates.Fits(t.model.Graph); err != nil {
		return nil, fmt.Errorf("the checkpoint does not fit its own network: %w", err)
	}
	last := len(slots) - 1
	if last < 0 || slots[last].Name != ungatedSlot || len(slots[last].Data) != len(t.model.Params) {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: it has no %d parameters without gates", len(t.model.Params))
	}
	t.setUngated(slots[last].Data)
	return slots[:last], nil
}

// gatesDigested returns what the digest covers of gates.
func (t *Trainer) gatesDigested() []byte {
	g := t.at.Gates
	if g == nil {
		return nil
	}
	out := binary.LittleEndian.AppendUint64(slices.Clone(t.ungated.sum), math.Float64bits(g.Delta))
	for _, s := range g.Sites {
		for _, v := range s.S {
			out = binary.LittleEndian.AppendUint64(out, math.Float64bits(v))
		}
	}
	return out
}
