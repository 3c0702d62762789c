package kernel

// An axis says, for one of the two image axes, which source positions each
// destination position sums over. Forward, the destination is the output;
// backward, the input. Source positions of one destination always ascend by
// one, and so do the taps in packed order, which turns all taps of one kernel
// row into one run of memory.
type axis struct {
	phases [][]int // tap indices in packed order, by phase
	at     []reach // one for each destination position
}

// reach is what one destination position sums over: taps lo to hi (exclusive)
// of its phase, the first of them on source position src.
type reach struct {
	phase, lo, hi int
	src           int
}

// forward has one phase: taps k ascending read position o*stride + k - pad.
func (s slide) forward() axis {
	taps := make([]int, s.k)
	for i := range taps {
		taps[i] = i
	}
	a := axis{phases: [][]int{taps}}
	for o := range s.outputs() {
		first := o*s.stride - s.pad
		lo, hi := max(0, -first), min(s.k, s.n-first)
		if lo >= hi {
			a.at = append(a.at, reach{})
			continue
		}
		a.at = append(a.at, reach{lo: lo, hi: hi, src: first + lo})
	}
	return a
}

// backward has one phase for each residue of i+pad modulo stride: its taps
// k descend, because output position (i + pad - k)/stride ascends.
func (s slide) backward() axis {
	a := axis{phases: make([][]int, s.stride)}
	for t := s.k - 1; t >= 0; t-- {
		a.phases[t%s.stride] = append(a.phases[t%s.stride], t)
	}
	outs := s.outputs()
	for i := range s.n {
		r := reach{phase: (i + s.pad) % s.stride}
		found := false
		for j, t := range a.phases[r.phase] {
			d := i + s.pad - t
			if d < 0 || d/s.stride >= outs {
				continue
			}
			if !found {
				r.lo, r.src, found = j, d/s.stride, true
			}
			r.hi = j + 1
		}
		a.at = append(a.at, r)
	}
	return a
}

// A span is a group of count destination positions first, first+step, ... of
// equal phase and taps, whose source positions start at src and ascend by srcStep.
type span struct {
	first, count, step int
	phase, lo, hi      int
	src, srcStep       int
}

// steps are the distances of neighbouring destinations of a span and of their
// first sources.
type steps struct{ dst, src int }

// spans groups the destinations.
func (a axis) spans(by steps) []span {
	var list []span
	last := make([]int, len(a.phases)) // index+1 of the open span of each phase
	for i, r := range a.at {
		if j := last[r.phase]; j > 0 {
			s := &list[j-1]
			if s.lo == r.lo && s.hi == r.hi && (r.lo == r.hi || r.src == s.src+s.count*by.src) {
				s.count++
				continue
			}
		}
		next := by.src
		if r.lo == r.hi { // nothing is read
			next = 0
		}
		list = append(list, span{first: i, count: 1, step: by.dst, phase: r.phase, lo: r.lo, hi: r.hi, src: r.src, srcStep: next})
		last[r.phase] = len(list)
	}
	return list
}
