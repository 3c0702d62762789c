package trainer

import (
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Before the first step of a run that learns the scales of its first weights come gradient rounds of which no
// step is made. The model stays that of fresh weights until the last of them; what checkpoints
// hold of the scales is in Progress.

// InitRecord is what one iteration of learning first weights is remembered by: a line of the metrics.
type InitRecord struct {
	Kind       string     `json:"kind"` // init
	Step       proto.Step `json:"step"` // 0
	Learn      string     `json:"learn"`
	Iteration  int        `json:"iteration"` // from 1
	Iterations int        `json:"iterations"`
	Loss       float64    `json:"loss"`      // mean over the batch, at the scales before
	GradNorm   float64    `json:"grad_norm"` // what is held against gamma; 0: it is no number
	GradCosine float64    `json:"grad_cosine,omitempty"`
	// Shrunk says that the gradient was too large, so that this iteration makes it smaller.
	Shrunk bool `json:"shrunk,omitempty"`
	// Done says that it was the last one: Scales are what the fresh tensors were multiplied by, and
	// Digest is that of what training begins with.
	Done   bool          `json:"done,omitempty"`
	Scales []TensorScale `json:"scales,omitempty"`
	Digest string        `json:"digest,omitempty"`
}

// TensorScale is what a tensor was multiplied by.
type TensorScale struct {
	Tensor string  `json:"tensor"`
	Scale  float64 `json:"scale"`
}

// learn goes on with learning the scales of the model's weights where a state ends.
func (t *Trainer) learn(from initial.State) (err error) {
	t.learner, err = initial.New(t.set.Train.Init.Config, t.set.Optimizer.Name == optim.AdamW, t.model.Graph, t.model.Params, from)
	return err
}

// probe makes r the next round of learning first weights.
func (t *Trainer) probe(r *Round) {
	_, part := t.learner.Want()
	batch, per := uint64(t.set.Train.Batch), t.set.perEpoch()
	made := uint64(t.learner.Iteration())
	r.Kind = proto.Gradient
	r.Order = t.set.order(proto.Order{Split: "train", Stream: "epoch", Index: made / per})
	r.Offset, r.Count, r.Augment = made%per*batch, batch, t.set.Train.Augmentation()
	switch half := batch - batch/2; part {
	case initial.First:
		r.Count = half
	case initial.Second:
		r.Offset, r.Count = r.Offset+half, batch-half
	case initial.Next:
		if r.Offset+half+batch <= uint64(t.set.train()) {
			r.Offset += half
		} else if r.Offset >= half { // at the end of an epoch the other half is shared
			r.Offset -= half
		}
	}
	r.F32, r.F64 = len(t.model.Params), t.model.Graph.GradientSums().Len()
}

// probed takes the sums of a round of learning first weights.
func (t *Trainer) probed(r Round, s proto.Sums) (a Applied, err error) {
	if err := fits(r, s); err != nil {
		return a, err
	}
	m := tally(s.F64)
	t.eventFLOPs += t.cost(r.Count)
	found := t.learner.Feed(s.F32, m.Loss, m.Samples)
	if found == nil {
		return a, nil
	}
	t.at.FLOPs, t.eventFLOPs = t.at.FLOPs+t.eventFLOPs, 0
	state := t.learner.State()
	a.Init = &InitRecord{Kind: "init", Learn: t.set.Train.Init.Learn, Iteration: found.Iteration,
		Iterations: t.set.Train.Init.Iterations, Loss: found.Loss, GradNorm: found.GradNorm, GradCosine: found.Cosine, Shrunk: found.Shrunk}
	if t.at.Learning = &state; !t.learner.Done() {
		if t.spend(0); !t.done() {
			return a, nil
		}
	}
	a.Init.Done = true
	for i, e := range t.model.Graph.ParamEntries() {
		a.Init.Scales = append(a.Init.Scales, TensorScale{e.Name, state.Scales[i]})
	}
	own := *t.model
	own.Params = t.learner.Scaled()
	t.model, t.learner, t.at.Learning = &own, nil, nil
	if t.average != nil {
		t.average = averageOf(t.model)
	}
	t.end()
	a.Init.Digest = t.Digest().String()
	return a, t.settle(&a)
}

// probedTurn is the turn of the weights of the round at hand, which come before all others of step 0.
func (t *Trainer) probedTurn() string {
	return fmt.Sprintf("-8-%07d-%d", t.learner.Iteration(), t.learner.Fed())
}

// turned returns a turn of weights that steps are made from, or evaluations, which come behind those that
// first weights were learned by.
func (t *Trainer) turned(turn string) string {
	if t.set.Train.Init.On() {
		return "-9" + turn
	}
	return turn
}
