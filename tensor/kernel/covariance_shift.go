package kernel

import (
	"math/bits"

	"github.com/tinygrow/tinygrow/tensor"
)

// At stride 1 the product of two taps of u, summed over positions, depends on
// the distance of the taps alone, but for pixels at the border that only one of
// them reads. So every pixel of x is multiplied once by those around it, and
// sums are kept apart by which taps read the pixel: a pair of taps is the sum of
// the groups that both belong to. A 3 x 3 kernel takes 13 products of pixels
// instead of 45 of taps, on images of any size.

// A shiftGroup is the sums of products of pixels of row r and their neighbours
// in row r - down, over the pixels that the same taps read.
type shiftGroup struct {
	down       int
	rows, cols uint64 // the kernel rows and columns that read the pixel
	from, n    int    // columns of x, transposed
	least      int    // distance of the first neighbour, in columns
	vecs       int    // vectors of a row of its sums
	at         int    // first of its sums in a row of all groups
}

// A shiftPair is two taps of u and the groups that make up their product.
type shiftPair struct {
	row, col int   // tap of the left and right operand
	square   bool  // they are the same
	offs     []int // start of the product in the sums of each of its groups
}

// shifts is the plan of the products of u with itself.
type shifts struct {
	groups []shiftGroup
	pairs  []shiftPair
	line   int     // floats of one channel's sums, all groups
	of     [][]int // the groups that take each row of x
}

// planShifts returns nil where the products do not depend on distances alone.
func (c *Covariance) planShifts(rowCount, colCount []int) *shifts {
	u := c.u
	if u.Stride != 1 || u.KH*u.KW == 1 || u.InC == 0 || max(u.KH, u.KW) > 64 || rowCount != nil || colCount != nil {
		return nil
	}
	s := &shifts{of: make([][]int, u.InH)}
	lo, hi := c.valid()
	vertical, horizontal := tapLine{u.KH, u.OutH}, tapLine{u.KW, u.OutW}
	for r := range u.InH {
		for down := 0; down < u.KH && down <= r; down++ {
			rows := vertical.readers(r+u.PadH) &^ (1<<down - 1)
			if rows == 0 {
				continue
			}
			for p := lo; p < hi; {
				cols, from := horizontal.readers(p), p
				for p < hi && horizontal.readers(p) == cols {
					p++
				}
				if cols != 0 {
					s.of[r] = append(s.of[r], s.group(u, shiftGroup{down: down, rows: rows, cols: cols, from: from, n: p - from}))
				}
			}
		}
	}
	s.pair(u)
	return s
}

// A tapLine is a line of taps that stops at each of its outputs.
type tapLine struct{ taps, outputs int }

// readers returns the taps that read element i of the input, padding included.
func (t tapLine) readers(i int) uint64 {
	var set uint64
	for k := range t.taps {
		if i-k >= 0 && i-k < t.outputs {
			set |= 1 << k
		}
	}
	return set
}

// group returns the index of g, which is made if it is new.
func (s *shifts) group(u Unfold, g shiftGroup) int {
	for i, old := range s.groups {
		if old.down == g.down && old.rows == g.rows && old.from == g.from && old.n == g.n {
			return i
		}
	}
	if g.down > 0 {
		g.least = -(bits.Len64(g.cols) - 1)
	}
	width := u.KW - bits.TrailingZeros64(g.cols) - g.least
	g.vecs, g.at = vectors(width*u.InC), s.line
	s.line += g.vecs * vec
	s.groups = append(s.groups, g)
	return len(s.groups) - 1
}

// pair lists the pairs of taps.
func (s *shifts) pair(u Unfold) {
	for i := range u.KH {
		for j := range i + 1 {
			for a := range u.KW {
				for b := range u.KW {
					if i == j && b < a {
						continue
					}
					p := shiftPair{row: i*u.KW + a, col: j*u.KW + b, square: i == j && a == b}
					for _, of := range s.groups {
						if of.down == i-j && of.rows>>i&1 == 1 && of.cols>>a&1 == 1 {
							p.offs = append(p.offs, of.at+(b-a-of.least)*u.InC)
						}
					}
					s.pairs = append(s.pairs, p)
				}
			}
		}
	}
}

// shiftRows returns how many channels have their sums at a time.
func (c *Covariance) shiftRows() int { return max(1, min(c.u.InC, c.held/max(1, c.shifts.line))) }

// shiftPass adds the products of channels w.lo to w.hi with all others.
func (w *covarianceWork) shiftPass() {
	u, links := w.u, 0
	w.done = 0
	sums := w.sums[:(w.hi-w.lo)*w.shifts.line]
	clear(sums)
	for lo := 0; lo < u.OutH; lo += w.strip {
		hi := min(u.OutH, lo+w.strip)
		n := (hi - lo) * u.OutW * tensor.Lanes
		if links > 0 && links+n > covarianceChain {
			w.flushShifts()
			clear(sums)
			links = 0
		}
		from := max(0, lo-u.PadH, w.done)
		w.loadRows(Range{lo, hi})
		w.shiftStrip(Range{from, w.done})
		links += n
	}
	w.flushShifts()
}

// shiftStrip adds the products of rows of x with those above them.
func (w *covarianceWork) shiftStrip(rows Range) {
	for g := range w.shifts.groups {
		t, count := &w.shifts.groups[g], 0
		for r := rows.Lo; r < rows.Hi; r++ {
			for _, of := range w.shifts.of[r] {
				if of == g {
					w.segs[count] = seg{w.slot(r) + t.from*w.u.InC, w.slot(r-t.down) + (t.from+t.least)*w.u.InC}
					if count++; count == maxSegs {
						w.addGroup(t, w.segs[:count])
						count = 0
					}
				}
			}
		}
		if count > 0 {
			w.addGroup(t, w.segs[:count])
		}
	}
}

func (w *covarianceWork) addGroup(t *shiftGroup, segs []seg) {
	channels := w.u.InC
	s := sum{rows: w.hi - w.lo, vecs: t.vecs, upper: t.down == 0 && w.lo == 0, c: w.sums[t.at:], cStep: w.shifts.line,
		a: w.xT[w.lo:], aLane: w.xLine, aStep: channels, b: w.xT, bLane: w.xLine, bStep: channels, segs: segs, n: w.used, k: t.n}
	s.fuse()
	s.do(w.isa)
}

// flushShifts adds the sums to dst, one channel after the other: the part of
// dst that one of them touches stays in cache.
func (w *covarianceWork) flushShifts() {
	for c := w.lo; c < w.hi; c++ {
		for i := range w.shifts.pairs {
			w.flushPair(&w.shifts.pairs[i], c)
		}
	}
}

// flushPair adds the products of channel c at the left tap and all channels at
// the right one.
func (w *covarianceWork) flushPair(p *shiftPair, c int) {
	n, taps, channels := w.Order(), w.u.KH*w.u.KW, w.u.InC
	row := w.sums[(c-w.lo)*w.shifts.line:][:w.shifts.line]
	left, first := c*taps+p.row, 0
	if p.square {
		first = c
	}
	var room [64]float64
	for ; first < channels; first += len(room) {
		total := room[:min(len(room), channels-first)]
		offs := p.offs
		if len(offs) == 0 {
			return
		}
		if len(offs)%2 == 1 {
			for k, v := range row[offs[0]+first:][:len(total)] {
				total[k] = float64(v)
			}
			offs = offs[1:]
		} else {
			clear(total)
		}
		for ; len(offs) > 1; offs = offs[2:] {
			one, two := row[offs[0]+first:][:len(total)], row[offs[1]+first:][:len(total)]
			for k := range total {
				total[k] = total[k] + float64(one[k]) + float64(two[k])
			}
		}
		right, k := first*taps+p.col, 0
		if right < left {
			at, step := PackedIndex(n, right, left), taps*(n-right-1)-taps*(taps-1)/2
			for ; k < len(total) && right < left; k++ {
				w.dst[at] += total[k]
				right += taps
				at += step
				step -= taps * taps
			}
		}
		if k == len(total) {
			continue
		}
		out := w.dst[PackedIndex(n, left, right):]
		for j, v := range total[k:] {
			out[j*taps] += v
		}
	}
}
