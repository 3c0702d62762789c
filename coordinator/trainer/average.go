package trainer

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// average is the moving average of a model over the steps: its parameters, then
// its buffers. Evaluations read it, and the run ends with it.
type average []float32

// averageOf returns the average of a model alone.
func averageOf(m *nn.Model) average { return slices.Concat(m.Params, m.Buffers) }

// split returns the parameters and the buffers.
func (a average) split(params int) (p, b []float32) { return a[:params], a[params:] }

// carried returns the average behind surgery: what is new begins with its own
// value, and what surgery changed is changed by as much.
func (a average) carried(old, new *nn.Model) average {
	params, buffers := a.split(len(old.Params))
	out := slices.Concat(site.Carry(old.Graph, new.Graph, params), site.CarryBuffers(old.Graph, new.Graph, buffers))
	was := slices.Concat(site.Carry(old.Graph, new.Graph, old.Params), site.CarryBuffers(old.Graph, new.Graph, old.Buffers))
	for i, v := range averageOf(new) {
		out[i] += v - was[i]
	}
	return out
}

// averageWeight returns the weight of the next model in the average, whose update stands
// for so many steps. The first steps count alike, so that the first model of all is soon forgotten.
func (t *Trainer) averageWeight(steps uint64) float32 {
	span := max(1, float64(t.set.Optimizer.Average*float64(t.schedule())))
	return float32(min(1, float64(steps)/min(float64(t.at.Step+steps), span)))
}

// Slots returns the vectors of the optimizer's state, the parameters without gates while there are gates, and, if
// there is one, the average, which is longer by the buffers.
func (t *Trainer) Slots() []optim.Slot {
	slots := t.masked(slices.Clip(t.opt.Slots()))
	if t.at.Gates != nil {
		slots = append(slots, optim.Slot{Name: ungatedSlot, Data: t.ungated.params})
	}
	if t.average != nil {
		slots = append(slots, optim.Slot{Name: optim.AverageSlot, Data: t.average})
	}
	return slots
}

// takeAverage takes the average from the slots of a checkpoint and returns the others.
func (t *Trainer) takeAverage(slots []optim.Slot) ([]optim.Slot, error) {
	if t.set.Optimizer.Average == 0 {
		return slots, nil
	}
	last := len(slots) - 1
	if want := len(t.model.Params) + len(t.model.Buffers); last < 0 || slots[last].Name != optim.AverageSlot ||
		len(slots[last].Data) != want {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: it has no average of %d values", want)
	}
	t.average = slots[last].Data
	return slots[:last], nil
}

// end lets a run that is over end with its average. From there on that is the model.
func (t *Trainer) end() {
	if t.average == nil || t.at.Averaged || !t.done() || t.at.Gates != nil {
		return
	}
	p, b := t.average.split(len(t.model.Params))
	copy(t.model.Params, p)
	copy(t.model.Buffers, b)
	t.hashed.model, t.hashed.spans = nil, nil
	t.at.Averaged = true
}

// Weights is what the workers need of a model.
type Weights struct {
	Model *nn.Model
	Spans proto.Spans // see Trainer.Spans
	// Wire says how the parameters are rounded; they travel alone then, without buffers.
	Wire proto.Wire
	// Turn orders the weights of one step and generation: what is asked for
	// later has a higher one.
	Turn string
}

// Weights returns those that the round which Next returns is computed with: the
// average for evaluations, if there is one.
// Those of a gradient round come behind all others of the step if they are rounded.
func (t *Trainer) Weights() Weights {
	if t.learner != nil {
		own := *t.model
		own.Params, _ = t.learner.Want()
		return Weights{Model: &own, Turn: t.probedTurn()}
	}
	w := t.weights()
	if w.Wire = t.wire(); !w.Wire.Half() {
		return w
	}
	if r, ok := t.Next(); !ok || r.Kind != proto.Gradient {
		w.Wire, w.Turn = proto.Wire{}, w.Turn+"-0"
		return w
	}
	w.Wire.Exponent, w.Turn = 0, w.Turn+rounded
	return w
}

// rounded ends the turn of rounded weights.
const rounded = "-1"

func (t *Trainer) weights() Weights {
	_, _, evaluates := t.evaluation()
	switch {
	case t.average == nil || t.at.Gates != nil || !evaluates && !t.at.Averaged:
		return Weights{Model: t.model, Spans: t.Spans(), Turn: t.turn()}
	case t.at.Averaged:
		return Weights{Model: t.model, Turn: t.turn()}
	}
	p, b := t.average.split(len(t.model.Params))
	return Weights{Model: &nn.Model{Graph: t.model.Graph, Params: p, Buffers: b}, Turn: t.turned("-0")}
}
