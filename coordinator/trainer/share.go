package trainer

import (
	"encoding/json"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Shares reports whether the update of the round that Next returns may be made by others,
// range by range, who have the parameters, the optimizer's state and the average. It may
// not where more than its digest has to be known here: before a growth event, while new
// neurons are followed and gates learn, and at the end of a run that ends with its average.
func (t *Trainer) Shares() bool {
	r, ok := t.Next()
	if !ok || r.Kind != proto.Gradient && r.Kind != proto.Local || t.learner != nil || t.at.Newborn != nil || t.at.Gates != nil ||
		t.masks != nil {
		return false
	}
	next := t.ahead(r)
	return !next.GrowthDue() && (t.average == nil || !next.done())
}

// rode returns where the run stands once what rides along with the round at hand is paid
// for: what an update is made with may follow from that.
func (t *Trainer) rode() *Trainer {
	next := *t
	if ride, ok := t.ride(); ok {
		next.at.FLOPs += float64(t.at.Riding.FLOPs(ride) * float64(t.set.Train.Batch))
	}
	return &next
}

// ahead returns where the run stands behind gradient round r, apart from its numbers.
func (t *Trainer) ahead(r Round) *Trainer {
	next := t.rode()
	next.counted(next.move(r, float64(r.Count)), r.Count)
	return next
}

// Cut shares the parameters out between at most so many owners.
func (t *Trainer) Cut(owners int) reduce.Ranges {
	return reduce.Cut{Params: len(t.model.Params), Owners: owners, Undivided: t.opt.Undivided(), Grain: t.set.grain(),
		Half: t.wire().Half()}.Ranges()
}

// Part returns what the owner of range i has to know to update the values of its hull.
func (t *Trainer) Part(ranges reduce.Ranges, i int) reduce.State {
	c := t.set.optimizer(t.at)
	layout := layoutAged(c, t.model.Graph, t.at.Ages).Part(ranges.Hulls[i])
	return reduce.State{Optimizer: c, Layout: layout, Updates: t.opt.Count(), Averaged: t.average != nil,
		Wire: t.wire().Format, Ranges: ranges, Share: i}
}

// Values returns a copy of the values of a stretch.
func (t *Trainer) Values(r kernel.Range) []float32 { return slices.Concat(t.vectors(r)...) }

// Vectors returns how many values there are of a parameter.
func (t *Trainer) Vectors() int { return len(t.vectors(kernel.Range{})) }

// Grain is how many parameters are updated and hashed together.
func (t *Trainer) Grain() reduce.Grain { return t.set.grain() }

// Turn is that of the weights which gradients read (see Weights).
func (t *Trainer) Turn() string {
	if t.wire().Half() {
		return t.turn() + rounded
	}
	return t.turn()
}

// turn is that of weights as they are.
func (t *Trainer) turn() string {
	switch {
	case t.average == nil:
		return t.turned("")
	case t.at.Averaged:
		return t.turned("-2")
	}
	return t.turned("-1")
}

// Parts returns what the chunks of the parameters are known by.
func (t *Trainer) Parts() []proto.Digest { return t.whole().Parts().State }

// Take overwrites the values of all parameters by those that their owners have.
func (t *Trainer) Take(values []float32) {
	for _, v := range t.vectors(kernel.Range{Hi: len(t.model.Params)}) {
		values = values[copy(v, values):]
	}
	t.hashed.model, t.hashed.spans = nil, nil
}

// vectors are the values of a stretch: parameters, slots, average.
func (t *Trainer) vectors(r kernel.Range) [][]float32 {
	all := [][]float32{t.model.Params[r.Lo:r.Hi]}
	for _, s := range t.opt.Slots() {
		all = append(all, s.Data[r.Lo:r.Hi])
	}
	if t.average != nil {
		all = append(all, t.average[r.Lo:r.Hi])
	}
	return all
}

// Looks reports whether owners have to look at their gradients before Order.
func (t *Trainer) Looks() bool { return t.set.optimizer(t.at).ClipNorm != 0 || t.scales() }

// Order is what owners make an update with.
type Order struct {
	reduce.Step
	// Buffers are the running statistics behind it, which follow the parameters in the
	// weights; nil: they do not travel.
	Buffers []float32
	// Told says that steps come next, which read the new weights as the owners have them.
	Told bool
	// Again says that there is no update: the gradient did not fit, and the round comes again.
	Again bool
	top   float32
}

// Order returns what the owners make the update of the gradient round at hand with, given
// its float64 sums and, if it Looks, what they found in order. An error ends the run.
func (t *Trainer) Order(f64 []float64, looks reduce.Looks) (o Order, err error) {
	r, _ := t.Next()
	r.F32 = 0
	if err := check(r, proto.Sums{F64: f64}); err != nil {
		return o, err
	}
	o.top = looks.Top()
	if t.scales() {
		if o.Again, err = t.overflows16(o.top); o.Again || err != nil {
			return o, err
		}
	}
	by := t.rode().move(r, tally(f64).Samples)
	o.Step = by.Step
	if clip := t.set.optimizer(t.at).ClipNorm; clip != 0 {
		o.Scale = optim.Clip(looks.Squares, o.Scale, clip)
	}
	half := t.wire().Half()
	if !half {
		o.Buffers = slices.Clone(t.model.Buffers)
		nn.UpdateRunningBy(t.model.Graph, o.Buffers, t.model.Graph.GradientSums().Moments(f64), by.steps)
	}
	_, _, evaluated := t.ahead(r).evaluation()
	o.Told = !evaluated || t.average == nil && !half
	return o, nil
}

// ApplyShared is Apply for a round whose update the owners made by an order, given its float64
// sums, what the chunks of the parameters are known by now, and the squares of their gradients. The
// trainer's own numbers stay those of before, until Take.
func (t *Trainer) ApplyShared(f64 []float64, o Order, parts reduce.Parts) (Applied, error) {
	r, _ := t.Next()
	r.F32 = 0
	if t.scales() {
		t.rescale(o.top)
	}
	return t.apply(r, proto.Sums{F64: f64}, func(proto.Sums, reduce.Step) reduce.Parts {
		t.opt.SetCount(t.opt.Count() + 1)
		return reduce.Parts{State: parts.State, Squares: parts.Squares}
	})
}

// Mark is where a trainer stood, without the values of Part.
type Mark struct {
	progress []byte
	riding   []float64
	best     *nn.Model
	buffers  []float32
	average  []float32 // of the buffers
	updates  uint64
}

// Mark remembers where the trainer stands, for Back.
func (t *Trainer) Mark() (*Mark, error) {
	progress, err := json.Marshal(t.at)
	m := &Mark{progress: progress, riding: slices.Clone(t.at.Values()), best: t.at.Best(), buffers: slices.Clone(t.model.Buffers),
		updates: t.opt.Count()}
	if t.average != nil {
		_, buffers := t.average.split(len(t.model.Params))
		m.average = slices.Clone(buffers)
	}
	return m, err
}

// Back takes the trainer back to where it stood, of the same generation and with the same
// values of Part: the rounds since come again, and lead to the same.
func (t *Trainer) Back(m *Mark) error {
	var at Progress
	if err := json.Unmarshal(m.progress, &at); err != nil {
		return err
	}
	at, err := at.WithBest(m.best).WithValues(t.model.Graph, slices.Clone(m.riding))
	if err != nil {
		return err
	}
	t.at, t.overflows = at, 0
	copy(t.model.Buffers, m.buffers)
	if t.average != nil {
		_, buffers := t.average.split(len(t.model.Params))
		copy(buffers, m.average)
	}
	t.opt.SetCount(m.updates)
	t.hashed.model, t.hashed.spans = nil, nil
	return nil
}
