package optim

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Slot is one vector of an optimizer's state, laid out like the parameters.
type Slot struct {
	Name string // velocity; exp_avg, exp_avg_sq; AverageSlot
	Data []float32
}

// AverageSlot is the name that the average of Config.Average has among slots. Whoever
// trains keeps it: it is no state of an Optimizer, and longer, by the network's buffers.
const AverageSlot = "average"

// Optimizer is a Config with its state for n parameters.
type Optimizer struct {
	config   Config
	n        int
	segments []segment
	prepared []segment // segments that are no plain ones
	count    uint64
	slots    []Slot
}

// slotNames returns the state vectors that c keeps.
func slotNames(c Config) []string {
	switch {
	case c.Name == AdamW:
		return []string{"exp_avg", "exp_avg_sq"}
	case c.Momentum != 0:
		return []string{"velocity"}
	}
	return nil
}

// New returns an optimizer of zero state. c must be valid.
func New(c Config, l Layout) *Optimizer {
	if c.Validate() != nil {
		panic("optim: invalid config")
	}
	n := l.Len()
	o := newOptimizer(c, l)
	for _, name := range slotNames(c) {
		o.slots = append(o.slots, Slot{name, make([]float32, n)})
	}
	return o
}

// Restore returns an optimizer that has made count updates and whose state is
// slots, which it keeps. Growth and checkpoints come back through here.
func Restore(c Config, l Layout, count uint64, slots []Slot) (*Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names, n := slotNames(c), l.Len()
	if len(slots) != len(names) {
		return nil, fmt.Errorf("optimizer state has %d vectors, %s needs %v", len(slots), c.Name, names)
	}
	for i, s := range slots {
		if s.Name != names[i] || len(s.Data) != n {
			return nil, fmt.Errorf("optimizer state %q of %d values: %s needs %q of %d", s.Name, len(s.Data), c.Name, names[i], n)
		}
	}
	o := newOptimizer(c, l)
	o.count, o.slots = count, append([]Slot(nil), slots...)
	return o, nil
}

func newOptimizer(c Config, l Layout) *Optimizer {
	o := &Optimizer{config: c, n: l.Len(), segments: l.segments(c)}
	for _, s := range o.segments {
		if !s.plain() {
			o.prepared = append(o.prepared, s)
		}
	}
	return o
}

// Slots returns the state vectors themselves, not copies.
func (o *Optimizer) Slots() []Slot { return o.slots }

// Count returns the number of updates made.
func (o *Optimizer) Count() uint64 { return o.count }

// Config returns the optimizer's config.
func (o *Optimizer) Config() Config { return o.config }

// Step makes one update of all parameters in place. The gradient is grad times
// scale: 1/n where grad is a sum over n samples.
func (o *Optimizer) Step(params, grad []float32, scale float32, lr float64) {
	u := o.Begin(scale, lr)
	for i := range o.prepared {
		u.Prepare(i, params, grad)
	}
	u.Apply(params, grad, kernel.Range{Hi: o.n})
}

// Update is one update, whose parts may be applied by several goroutines.
type Update struct {
	o      *Optimizer
	sgd    [kinds]kernel.SGDCoefs
	adam   [kinds]kernel.AdamCoefs
	rate   [kinds]float64
	muonLR float64
}

// Begin starts an update and counts it. Then Prepare must be called once for each
// of the Prepared, and after that every parameter be covered by exactly one Apply.
func (o *Optimizer) Begin(scale float32, lr float64) Update {
	o.count++
	c := o.config
	u := Update{o: o, muonLR: float64(lr * c.Muon.Factor)}
	for k := range kinds {
		decay := 0.0
		if c.decays(k) {
			decay = c.WeightDecay
		}
		if u.rate[k] = float64(lr * c.factor(k)); c.Name != AdamW {
			u.sgd[k] = kernel.SGDCoefs{Scale: scale, Momentum: float32(c.Momentum), WeightDecay: float32(decay), Nesterov: c.Nesterov}
		} else {
			u.adam[k] = kernel.AdamCoefs{Scale: scale, Beta1: float32(c.Beta1), Beta2: float32(c.Beta2), Rest1: float32(1 - c.Beta1),
				Rest2: float32(1 - c.Beta2), Eps: float32(c.Eps), Root: float32(1 / math.Sqrt(1-portable.PowInt(c.Beta2, o.count)))}
		}
		u.setRate(k, 1)
	}
	return u
}

// setRate gives the coefficients of a kind that many times its rate.
func (u *Update) setRate(k Kind, factor float64) {
	c, rate, decay := &u.o.config, float64(u.rate[k]*factor), 0.0
	if c.decays(k) {
		decay = c.WeightDecay
	}
	u.sgd[k].LR = float32(rate)
	u.adam[k].Keep = float32(1 - float64(rate*decay))
	u.adam[k].Step = float32(rate / (1 - portable.PowInt(c.Beta1, u.o.count)))
}

// Prepared returns how many tensors have to be known as a whole before their update.
func (u Update) Prepared() int { return len(u.o.prepared) }

// Prepare finds the direction of an update by matrix, or the rates of weights by their
// birth, for one of the Prepared; several goroutines may do so for different ones. params
// and grad are the full vectors.
func (u Update) Prepare(i int, params, grad []float32) {
	u.check(params, grad)
	s := u.o.prepared[i]
	if s.groups != nil {
		s.groups.measure(params[s.lo:s.hi])
		return
	}
	s.matrix.direct(params[s.lo:s.hi], grad[s.lo:s.hi], u.o.slots[0].Data[s.lo:s.hi], u)
}

// Apply updates a range of the parameters; params and grad are the full vectors.
func (u Update) Apply(params, grad []float32, part kernel.Range) {
	u.check(params, grad)
	for _, seg := range u.o.segments {
		if lo, hi := max(part.Lo, seg.lo), min(part.Hi, seg.hi); lo < hi {
			u.apply(seg, params[lo:hi], grad[lo:hi], lo)
		}
	}
}

// apply updates the part of a segment that begins at parameter lo.
func (u Update) apply(seg segment, params, grad []float32, lo int) {
	s, hi := u.o.slots, lo+len(params)
	switch {
	case seg.groups != nil:
		g := seg.groups
		seg.groups = nil
		for at := lo - seg.lo; at < hi-seg.lo; {
			t := g.at(at, hi-seg.lo)
			u.setRate(seg.kind, g.factor[t.group])
			from, to := t.lo+seg.lo-lo, t.hi+seg.lo-lo
			u.apply(seg, params[from:to], grad[from:to], t.lo+seg.lo)
			at = t.hi
		}
	case seg.matrix != nil:
		seg.matrix.apply(params, lo-seg.lo)
	case u.o.config.Name == AdamW:
		kernel.AdamW(params, grad, s[0].Data[lo:hi], s[1].Data[lo:hi], u.adam[seg.kind])
	case len(s) > 0:
		kernel.SGD(params, grad, s[0].Data[lo:hi], u.sgd[seg.kind])
	default:
		kernel.SGD(params, grad, nil, u.sgd[seg.kind])
	}
}

func (u Update) check(params, grad []float32) {
	if len(params) != u.o.n || len(grad) != u.o.n {
		panic("optim: wrong number of parameters")
	}
}
