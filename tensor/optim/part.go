package optim

import "github.com/tinygrow/tinygrow/tensor/kernel"

// Undivided returns the stretches of the parameters, in order, that an update needs
// as a whole: those of the Prepared. What lies between may be cut anywhere, and each
// part be updated by an optimizer of its own.
func (o *Optimizer) Undivided() []kernel.Range {
	var list []kernel.Range
	for _, s := range o.prepared {
		list = append(list, kernel.Range{Lo: s.lo, Hi: s.hi})
	}
	return list
}

// Part returns the layout of a range of the parameters, which cuts none of the
// Undivided. An optimizer of it makes the updates of the range that one of the whole
// makes, given the same scale, rate and count.
func (l Layout) Part(r kernel.Range) Layout {
	var out Layout
	at := 0
	for _, t := range l {
		end := at + t.Len
		lo, hi := max(at, r.Lo), min(end, r.Hi)
		if lo < hi {
			if hi-lo < t.Len { // it is updated element by element
				t.Len, t.Rows, t.Births = hi-lo, 0, nil
			}
			out = append(out, t)
		}
		at = end
	}
	return out
}

// SetCount says that so many updates were made, by optimizers of the parts.
func (o *Optimizer) SetCount(n uint64) { o.count = n }

// SlotNames returns the names of the state vectors that c keeps, in order, or what is
// wrong with c.
func SlotNames(c Config) ([]string, error) { return slotNames(c), c.Validate() }
