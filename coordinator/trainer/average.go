package trainer

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
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

// toward moves a part of an average, which begins at its value lo, toward new values.
func (a average) toward(values []float32, lo int, weight float32) {
	at := a[lo:][:len(values)]
	if weight == 1 {
		copy(at, values)
		return
	}
	for i, v := range values {
		at[i] += float32(weight * (v - at[i]))
	}
}

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

// averaging is the average with the weight of the next model in it.
type averaging struct {
	average
	weight float32
}

// averaging returns what the step at hand does to the average. The first steps
// count alike, so that the first model of all is soon forgotten.
func (t *Trainer) averaging() averaging {
	span := max(1, float64(t.set.Optimizer.Average*float64(t.schedule())))
	return averaging{t.average, float32(1 / min(float64(t.at.Step+1), span))}
}

// apply takes the parameters of a range into the average.
func (a averaging) apply(params []float32, r kernel.Range) {
	if a.average != nil {
		a.toward(params[r.Lo:r.Hi], r.Lo, a.weight)
	}
}

// Slots returns the vectors of the optimizer's state, and, if there is one, the
// average, which is longer by the buffers.
func (t *Trainer) Slots() []optim.Slot {
	if t.average == nil {
		return t.opt.Slots()
	}
	return append(slices.Clip(t.opt.Slots()), optim.Slot{Name: optim.AverageSlot, Data: t.average})
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
	if t.average == nil || t.at.Averaged || !t.done() {
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
	// Turn orders the weights of one step and generation: what is asked for
	// later has a higher one. A run without an average has but one.
	Turn string
}

// Weights returns those that the round which Next returns is computed with: the
// average for evaluations, if there is one.
func (t *Trainer) Weights() Weights {
	_, _, evaluates := t.evaluation()
	switch {
	case t.average == nil:
		return Weights{t.model, t.Spans(), ""}
	case t.at.Averaged:
		return Weights{t.model, nil, "-2"}
	case evaluates:
		p, b := t.average.split(len(t.model.Params))
		return Weights{&nn.Model{Graph: t.model.Graph, Params: p, Buffers: b}, nil, "-0"}
	}
	return Weights{t.model, t.Spans(), "-1"}
}
