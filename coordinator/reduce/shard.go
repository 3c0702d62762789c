package reduce

import (
	"cmp"
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/parallel"
	"github.com/zeebo/xxh3"
)

// Shard is the state of a stretch of the parameters: the parameters, the optimizer with
// its slots, and the moving average if there is one.
type Shard struct {
	Params  []float32
	Average []float32 // of the parameters; nil: none
	Opt     *optim.Optimizer
	Grain   Grain
	Lo      int // the first parameter of the stretch
	All     int // number of all parameters; 0: the stretch has all
}

// Step is what an update is made with.
type Step struct {
	Scale float32 `msgpack:"scale"` // factor on the sum of the gradients
	LR    float64 `msgpack:"lr"`
	// Average is the weight of the new parameters in the average.
	Average float32 `msgpack:"average"`
}

// Parts are what the chunks that a shard has whole are known by.
type Parts struct {
	State   []proto.Digest // of parameters, optimizer state and average
	Params  proto.Spans    // of the parameters alone
	Squares []float64      // sums of the squares of the gradient of an update
}

// whole returns the chunks that the shard has from beginning to end.
func (s *Shard) whole() kernel.Range {
	return s.Grain.whole(kernel.Range{Lo: s.Lo, Hi: s.Lo + len(s.Params)}, cmp.Or(s.All, len(s.Params)))
}

// each calls do for all that the shard has of each chunk, several at once, with its place
// in the shard and with the place of the chunk in Parts, which is -1 if it is not whole.
func (s *Shard) each(do func(r kernel.Range, part int)) {
	size, hi, whole := s.Grain.size(), s.Lo+len(s.Params), s.whole()
	first := s.Lo / size
	parallel.Each(s.Grain.Chunks(hi)-first, func(i int) {
		k := first + i
		part := k - whole.Lo
		if k >= whole.Hi {
			part = -1
		}
		do(kernel.Range{Lo: max(k*size, s.Lo) - s.Lo, Hi: min((k+1)*size, hi) - s.Lo}, max(part, -1))
	})
}

func (s *Shard) newParts() Parts {
	c := s.whole()
	return Parts{State: make([]proto.Digest, c.Len()), Params: make(proto.Spans, c.Len())}
}

// Update makes one update by grad times s.Scale, moves the average, and hashes the
// result. Every parameter is touched by one goroutine, so the bits do not depend on how
// many there are, nor on where the parameters are cut.
func (s *Shard) Update(grad []float32, step Step) Parts {
	u := s.Opt.Begin(step.Scale, step.LR)
	parallel.Each(u.Prepared(), func(i int) { u.Prepare(i, s.Params, grad) })
	p := s.newParts()
	p.Squares = make([]float64, len(p.State))
	s.each(func(r kernel.Range, part int) {
		if part >= 0 {
			p.Squares[part] = kernel.Squares(grad[r.Lo:r.Hi])
		}
		u.Apply(s.Params, grad, r)
		if s.Average != nil {
			Toward(s.Average[r.Lo:r.Hi], s.Params[r.Lo:r.Hi], step.Average)
		}
		s.hash(part, r, p)
	})
	return p
}

// Parts hashes the shard as it is.
func (s *Shard) Parts() Parts {
	p := s.newParts()
	s.each(func(r kernel.Range, part int) { s.hash(part, r, p) })
	return p
}

// hash hashes part i, which is range r of the shard; one that is not whole is none.
func (s *Shard) hash(i int, r kernel.Range, p Parts) {
	if i < 0 {
		return
	}
	var sums [4 * 16]byte
	p.Params[i] = proto.HashSpan(proto.Bytes32(s.Params[r.Lo:r.Hi]))
	at := append(sums[:0], p.Params[i][:]...)
	for _, slot := range s.Opt.Slots() {
		at = AppendSum(at, slot.Data[r.Lo:r.Hi])
	}
	if s.Average != nil {
		at = AppendSum(at, s.Average[r.Lo:r.Hi])
	}
	p.State[i] = xxh3.Hash128(at).Bytes()
}

// AppendSum appends what values are known by.
func AppendSum(dst []byte, values []float32) []byte {
	b := xxh3.Hash128(proto.Bytes32(values)).Bytes()
	return append(dst, b[:]...)
}

// Toward moves an average toward new values by weight.
func Toward(average, values []float32, weight float32) {
	if weight == 1 {
		copy(average, values)
		return
	}
	for i, v := range values {
		average[i] += float32(weight * (v - average[i]))
	}
}

// Look returns what is to be known of a gradient of the shard before its update.
func (s *Shard) Look(grad []float32) Looks {
	n := s.whole().Len()
	l := Looks{make([]float64, n), make([]uint32, n)}
	s.each(func(r kernel.Range, part int) {
		if part >= 0 {
			l.Squares[part], l.Largest[part] = optim.Squares(grad[r.Lo:r.Hi]), Largest(grad[r.Lo:r.Hi])
		}
	})
	return l
}

// vectors returns the shard's values in the order in which they travel.
func (s *Shard) vectors() [][]float32 {
	all := [][]float32{s.Params}
	for _, slot := range s.Opt.Slots() {
		all = append(all, slot.Data)
	}
	if s.Average != nil {
		all = append(all, s.Average)
	}
	return all
}

// Values returns a copy of the values of a range of the shard's parameters: those, their
// slots, their average.
func (s *Shard) Values(r kernel.Range) []float32 {
	var out []float32
	for _, v := range s.vectors() {
		out = append(out, v[r.Lo:r.Hi]...)
	}
	return out
}

// NewShard returns the shard of a state with values that are those of Values of all of it;
// it keeps them.
func NewShard(p State, values []float32) (*Shard, error) {
	n := p.Layout.Len()
	cut := func() []float32 {
		v := values[:n:n]
		values = values[n:]
		return v
	}
	if err := p.Ranges.check(p.Share, n); err != nil {
		return nil, err
	}
	names, err := optim.SlotNames(p.Optimizer)
	if err != nil {
		return nil, err
	}
	vectors := 1 + len(names)
	if p.Averaged {
		vectors++
	}
	if n == 0 || len(values) != n*vectors {
		return nil, fmt.Errorf("a range of %d parameters and %d vectors of state has %d values", n, vectors-1, len(values))
	}
	s := &Shard{Params: cut(), Grain: p.Ranges.Grain, Lo: p.hull().Lo, All: p.Ranges.Params}
	var slots []optim.Slot
	for _, name := range names {
		slots = append(slots, optim.Slot{Name: name, Data: cut()})
	}
	if p.Averaged {
		s.Average = cut()
	}
	s.Opt, err = optim.Restore(p.Optimizer, p.Layout, p.Updates, slots)
	return s, err
}
