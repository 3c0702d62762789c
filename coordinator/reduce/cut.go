package reduce

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Chunk is the number of parameters that are updated and hashed together: with
// gradient and optimizer state they stay in the L2 cache between the two. It
// is part of the digest's definition, and a span of the weights' (see proto.Spans).
const Chunk Grain = proto.DigestSpan / 4

// Grain is a number of parameters that are updated and hashed together: Chunk, which the
// zero value stands for, but in tests of small networks.
type Grain int

func (g Grain) size() int { return int(cmp.Or(g, Chunk)) }

// Chunks returns of how many chunks n parameters are.
func (g Grain) Chunks(n int) int { return (n + g.size() - 1) / g.size() }

// whole returns which chunks of n parameters lie in a stretch from beginning to end.
func (g Grain) whole(r kernel.Range, n int) kernel.Range {
	c := kernel.Range{Lo: g.Chunks(r.Lo), Hi: r.Hi / g.size()}
	if r.Hi == n {
		c.Hi = g.Chunks(n)
	}
	c.Hi = max(c.Hi, c.Lo)
	return c
}

// Ranges says how the parameters are shared out: each owner adds up the gradients of its
// range and tells the weights of it. What it updates is the hull of its range: an update
// that is made of a whole matrix, and a digest that is made of a whole chunk, need what
// neighbours have added up, which they send. So where a hull reaches into the range
// of another, both owners make the same update of the same numbers.
type Ranges struct {
	Params int // of the network
	Grain  Grain
	Half   bool           // weights travel in 16 bits: their spans have two chunks each
	Cuts   []int          // where each range ends; the last one ends with the parameters
	Hulls  []kernel.Range // of each range
}

// Cut is what parameters are shared out by.
type Cut struct {
	Params int
	Owners int // at most
	// Undivided are the stretches that an update needs as a whole, in order (see
	// optim.Optimizer.Undivided).
	Undivided []kernel.Range
	Grain     Grain
	Half      bool // see Ranges
}

// Ranges returns ranges of about one size. Cuts may lie within what is undivided, but lie at an
// end of that, or of a chunk, where one is near.
func (c Cut) Ranges() Ranges {
	const least, step = 16, 1 << 11 // parts of a chunk: a range is no smaller, and ends at a multiple of it
	n, size := c.Params, c.Grain.size()
	owners := max(1, min(c.Owners, n/max(1, size/least)))
	r := Ranges{Params: n, Grain: Grain(size), Half: c.Half, Cuts: make([]int, 0, owners)}
	seams := c.seams()
	for i := 1; i < owners; i++ {
		even := max(1, size/step)
		ideal := n * i / owners
		r.Cuts = append(r.Cuts, near(ideal, ideal/even*even, n/owners/32, seams))
	}
	r.Cuts = append(r.Cuts, n)
	for i := range r.Cuts {
		r.Hulls = append(r.Hulls, r.hull(r.Own(i), c.Undivided))
	}
	return r
}

// seams returns where a cut parts nothing that belongs together.
func (c Cut) seams() (list []int) {
	for at := c.Grain.size(); at < c.Params; at += c.Grain.size() {
		list = append(list, at)
	}
	for _, u := range c.Undivided {
		list = append(list, u.Lo, u.Hi)
	}
	return list
}

// near returns the seam that is nearest to a place, if one is no farther than slack, else
// another place.
func near(ideal, other, slack int, seams []int) int {
	for _, s := range seams {
		if d := max(s-ideal, ideal-s); d <= slack {
			slack, other = d, s
		}
	}
	return other
}

// span is the number of parameters of a span of the weights, at least a chunk's.
func (r *Ranges) span() Grain {
	if r.Half {
		return 2 * r.Grain
	}
	return r.Grain
}

// hull widens a range to the end of the span that begins in it last, and that to the ends of
// what is undivided.
func (r *Ranges) hull(own kernel.Range, undivided []kernel.Range) kernel.Range {
	for _, g := range []Grain{r.Grain, r.span()} {
		if g.Chunks(own.Lo)*int(g) < own.Hi {
			own.Hi = min(r.Params, g.Chunks(own.Hi)*int(g))
		}
	}
	h := own
	for _, u := range undivided {
		if u.Lo < own.Hi && own.Lo < u.Hi {
			h.Lo, h.Hi = min(h.Lo, u.Lo), max(h.Hi, u.Hi)
		}
	}
	return h
}

// Own returns range i.
func (r *Ranges) Own(i int) kernel.Range {
	own := kernel.Range{Hi: r.Cuts[i]}
	if i > 0 {
		own.Lo = r.Cuts[i-1]
	}
	return own
}

// Shared returns the part of a range that the owner of another one needs the sums of,
// because its hull has it; empty if Lo is not below Hi.
func (r *Ranges) Shared(from, to int) kernel.Range {
	own, hull := r.Own(from), r.Hulls[to]
	return kernel.Range{Lo: max(own.Lo, hull.Lo), Hi: min(own.Hi, hull.Hi)}
}

// Chunks returns the chunks that the owner of range i reports of: all that its hull has
// whole. Each chunk is one of some owner.
func (r *Ranges) Chunks(i int) kernel.Range { return r.Grain.whole(r.Hulls[i], r.Params) }

// Spans returns the spans of the weights that the owner of range i reports of: those of its
// hull, and, if it has the last of these, those of the buffers behind it, of which there are
// so many.
func (r *Ranges) Spans(i, buffers int) kernel.Range {
	g := r.span()
	c := g.whole(r.Hulls[i], r.Params)
	if c.Lo < c.Hi && c.Hi == g.Chunks(r.Params) {
		c.Hi = g.Chunks(r.Params + buffers)
	}
	return c
}

// check says what is wrong with ranges that came from outside, as those of the owner of
// range i whose hull has so many parameters.
func (r *Ranges) check(i, hull int) error {
	switch {
	case r.Grain < 1 || r.Grain > 1<<30 || r.Params < 1 || r.Params > proto.MaxBlob/4:
		return fmt.Errorf("%d parameters in chunks of %d", r.Params, r.Grain)
	case len(r.Cuts) < 1 || len(r.Cuts) > proto.MaxShares || len(r.Hulls) != len(r.Cuts) || i < 0 || i >= len(r.Cuts):
		return fmt.Errorf("range %d of %d, with %d hulls", i, len(r.Cuts), len(r.Hulls))
	case r.Cuts[len(r.Cuts)-1] != r.Params:
		return errors.New("the last range does not end with the parameters")
	}
	for k := range r.Cuts {
		own, h := r.Own(k), r.Hulls[k]
		if own.Lo >= own.Hi || h.Lo < 0 || h.Lo > own.Lo || h.Hi < own.Hi || h.Hi > r.Params {
			return fmt.Errorf("range %d, %v, with the hull %v", k, own, h)
		}
	}
	if h := r.Hulls[i]; h.Len() != hull {
		return fmt.Errorf("the hull %v has %d parameters", h, hull)
	}
	return nil
}
