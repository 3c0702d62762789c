package optim

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Slot is one vector of an optimizer's state, laid out like the parameters.
type Slot struct {
	Name string // velocity; exp_avg, exp_avg_sq
	Data []float32
}

// Optimizer is a Config with its state for n parameters.
type Optimizer struct {
	config Config
	n      int
	count  uint64
	slots  []Slot
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
func New(c Config, n int) *Optimizer {
	if c.Validate() != nil {
		panic("optim: invalid config")
	}
	o := &Optimizer{config: c, n: n}
	for _, name := range slotNames(c) {
		o.slots = append(o.slots, Slot{name, make([]float32, n)})
	}
	return o
}

// Restore returns an optimizer that has made count updates and whose state is
// slots, which it keeps. Growth and checkpoints come back through here.
func Restore(c Config, n int, count uint64, slots []Slot) (*Optimizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	names := slotNames(c)
	if len(slots) != len(names) {
		return nil, fmt.Errorf("optimizer state has %d vectors, %s needs %v", len(slots), c.Name, names)
	}
	for i, s := range slots {
		if s.Name != names[i] || len(s.Data) != n {
			return nil, fmt.Errorf("optimizer state %q of %d values: %s needs %q of %d", s.Name, len(s.Data), c.Name, names[i], n)
		}
	}
	return &Optimizer{config: c, n: n, count: count, slots: append([]Slot(nil), slots...)}, nil
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
	o.Begin(scale, lr).Apply(params, grad, kernel.Range{Hi: o.n})
}

// Update is one update, whose parts may be applied by several goroutines.
type Update struct {
	o    *Optimizer
	sgd  kernel.SGDCoefs
	adam kernel.AdamCoefs
}

// Begin starts an update and counts it; every parameter must then be covered
// by exactly one Apply.
func (o *Optimizer) Begin(scale float32, lr float64) Update {
	o.count++
	c := o.config
	u := Update{o: o}
	if c.Name == SGD {
		u.sgd = kernel.SGDCoefs{Scale: scale, LR: float32(lr), Momentum: float32(c.Momentum), WeightDecay: float32(c.WeightDecay),
			Nesterov: c.Nesterov}
		return u
	}
	u.adam = kernel.AdamCoefs{
		Scale: scale, Beta1: float32(c.Beta1), Beta2: float32(c.Beta2), Rest1: float32(1 - c.Beta1), Rest2: float32(1 - c.Beta2),
		Keep: float32(1 - float64(lr*c.WeightDecay)), Eps: float32(c.Eps),
		Step: float32(lr / (1 - portable.PowInt(c.Beta1, o.count))),
		Root: float32(1 / math.Sqrt(1-portable.PowInt(c.Beta2, o.count))),
	}
	return u
}

// Apply updates a range of the parameters; params and grad are the full vectors.
func (u Update) Apply(params, grad []float32, part kernel.Range) {
	if len(params) != u.o.n || len(grad) != u.o.n {
		panic("optim: wrong number of parameters")
	}
	s, lo, hi := u.o.slots, part.Lo, part.Hi
	switch {
	case u.o.config.Name == AdamW:
		kernel.AdamW(params[lo:hi], grad[lo:hi], s[0].Data[lo:hi], s[1].Data[lo:hi], u.adam)
	case len(s) > 0:
		kernel.SGD(params[lo:hi], grad[lo:hi], s[0].Data[lo:hi], u.sgd)
	default:
		kernel.SGD(params[lo:hi], grad[lo:hi], nil, u.sgd)
	}
}
