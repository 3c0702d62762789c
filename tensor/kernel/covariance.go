package kernel

import (
	"slices"

	"github.com/tinygrow/tinygrow/tensor"
)

// Unfold says what a layer reads at each of its positions: the vector u of
// (InC, KH, KW), and a 1 last if Ones is set. Element (c, kh, kw) at position
// (y, x) is channel c of input pixel (y*Stride + kh - PadH, x*Stride + kw - PadW),
// and 0 outside the image. Pads may be negative, and OutH and OutW any size.
type Unfold struct {
	InC, InH, InW int
	KH, KW        int
	Stride        int
	PadH, PadW    int
	OutH, OutW    int
	Ones          bool
}

// UnfoldOf returns what a convolution reads at all its outputs.
func UnfoldOf(g Geometry, ones bool) Unfold {
	return Unfold{InC: g.InC, InH: g.InH, InW: g.InW, KH: g.KH, KW: g.KW, Stride: g.Stride, PadH: g.Pad, PadW: g.Pad,
		OutH: g.OutH(), OutW: g.OutW(), Ones: ones}
}

// Rows returns the length of u.
func (u Unfold) Rows() int {
	n := u.InC * u.KH * u.KW
	if u.Ones {
		n++
	}
	return n
}

// Beside is a second activation v of C channels that is read along with an
// unfold: at position (y, x) its pixel (y + Y, x + X) of an image W pixels wide.
type Beside struct{ C, W, Y, X int }

// Covariance is an immutable plan for sums of outer products of u and v over
// positions and samples. Products are summed in float32 chains of fused
// multiply-adds, of at most about covarianceChain links in an order that depends on
// the geometry alone, and chains in float64.
type Covariance struct {
	u       Unfold
	v       Beside
	isa     ISA
	colStep int // distance of the columns of x that are transposed
	width   int // transposed columns of x, padding included
	stretch []stretch
	weights []int
	strip   int   // output rows of a strip
	ring    int   // rows of x that a strip reads
	ext     []int // index in u of element (kh, kw, c)
	held    int   // floats of sums held at a time
	shifts  *shifts
}

// A stretch is a run of positions of one row, of equal weight.
type stretch struct{ row, col, n, weight int }

const (
	covarianceChain = 8192
	covarianceSums  = 1 << 20 // floats of sums held at a time
)

// NewCovariance plans for the active instruction set. v.C may be 0. rowCount and
// colCount, if not nil, say how often each row and column of positions
// counts: position (y, x) counts rowCount[y] * colCount[x] times.
func NewCovariance(u Unfold, v Beside, rowCount, colCount []int) *Covariance {
	if min(u.InC, u.PadH+u.InH, u.PadW+u.InW, v.C, v.W, v.X, v.Y) < 0 || min(u.InH, u.InW, u.KH, u.KW, u.Stride, u.OutH, u.OutW) < 1 ||
		v.C > 0 && v.W < v.X+u.OutW || rowCount != nil && len(rowCount) != u.OutH || colCount != nil && len(colCount) != u.OutW {
		panic("kernel: impossible covariance")
	}
	c := &Covariance{u: u, v: v, isa: Active(), colStep: 1, width: (u.OutW-1)*u.Stride + u.KW, held: covarianceSums}
	if u.KW == 1 {
		c.colStep, c.width = u.Stride, u.OutW
	}
	c.planStretches(rowCount, colCount)
	x, vs := c.lines()
	c.strip = 1
	rows := func(n int) int { return (n-1)*u.Stride + u.KH }
	for n := 2; n <= min(u.OutH, maxSegs, covarianceChain/(tensor.Lanes*u.OutW)) && tensor.Lanes*(rows(n)*x+n*vs) <= stripFloats; n++ {
		c.strip = n
	}
	c.ring = rows(c.strip)
	for kh := range u.KH {
		for kw := range u.KW {
			for ic := range u.InC {
				c.ext = append(c.ext, (ic*u.KH+kh)*u.KW+kw)
			}
		}
	}
	c.shifts = c.planShifts(rowCount, colCount)
	return c
}

func (c *Covariance) planStretches(rowCount, colCount []int) {
	count := func(list []int, i int) int {
		if list == nil {
			return 1
		}
		return list[i]
	}
	for y := range c.u.OutH {
		for x := 0; x < c.u.OutW; {
			n := 1
			for x+n < c.u.OutW && count(colCount, x+n) == count(colCount, x) {
				n++
			}
			if w := count(rowCount, y) * count(colCount, x); w != 0 {
				c.stretch = append(c.stretch, stretch{y, x, n, w})
				if !slices.Contains(c.weights, w) {
					c.weights = append(c.weights, w)
				}
			}
			x += n
		}
	}
	slices.Sort(c.weights)
	// Equal lengths together within a row, so that a sum call takes many.
	slices.SortStableFunc(c.stretch, func(a, b stretch) int {
		if a.row != b.row {
			return a.row - b.row
		}
		return b.n - a.n
	})
}

// Unfold returns what u is.
func (c *Covariance) Unfold() Unfold { return c.u }

// Rows returns the length of u.
func (c *Covariance) Rows() int { return c.u.Rows() }

// Order returns the length of u and v together.
func (c *Covariance) Order() int { return c.u.Rows() + c.v.C }

// lines returns the distances of lanes in transposed rows of x and v.
func (c *Covariance) lines() (x, v int) {
	return (vectors(c.width*c.u.InC) | 1) * vec, (vectors(c.u.OutW*c.v.C) | 1) * vec
}

// kernelRow returns the length of u that one kernel row contributes, and its columns of sums.
func (c *Covariance) kernelRow() (n, cols int) {
	n = c.u.KW * c.u.InC
	return n, vectors(n) * vec
}

// sumsLine returns the columns of sums.
func (c *Covariance) sumsLine(cross bool) int {
	_, cols := c.kernelRow()
	if cross {
		cols = 0
	}
	return c.u.KH*cols + vectors(c.v.C)*vec
}

// sumsRows returns how many rows of sums are held at a time.
func (c *Covariance) sumsRows(cross bool) int {
	return max(1, min(c.u.KH*c.u.KW*c.u.InC+c.v.C+1, c.held/max(1, c.sumsLine(cross))))
}

// sumsLen returns the floats of sums.
func (c *Covariance) sumsLen() int {
	n := max(c.sumsRows(false)*c.sumsLine(false), c.sumsRows(true)*c.sumsLine(true))
	if c.shifts != nil {
		n = max(n, c.shiftRows()*c.shifts.line)
	}
	return n
}

// ScratchLen returns the scratch length of Add and AddCross.
func (c *Covariance) ScratchLen() int {
	x, v := c.lines()
	sums := c.sumsLen()
	return tensor.Lanes*(c.ring*x+c.strip*v) + sums + 7*vec
}

// Add adds the sum of (u, v)(u, v)' over all positions of one block x (InH,
// InW, InC, 32) and v (H, W, C, 32) and its first used lanes to dst, a symmetric matrix
// of order Order, packed as its upper triangle row by row.
func (c *Covariance) Add(dst []float64, x, v []float32, used int, scratch []float32) {
	n := c.Order()
	if len(dst) < n*(n+1)/2 {
		panic("kernel: covariance: destination too short")
	}
	c.run(dst, x, v, used, scratch, false)
}

// AddCross adds the sum of u v' to dst (Rows, C), row-major.
func (c *Covariance) AddCross(dst []float64, x, v []float32, used int, scratch []float32) {
	if len(dst) < c.Rows()*c.v.C {
		panic("kernel: covariance: destination too short")
	}
	c.run(dst, x, v, used, scratch, true)
}

func (c *Covariance) run(dst []float64, x, v []float32, used int, scratch []float32, cross bool) {
	u := c.u
	if len(x) < u.InH*u.InW*u.InC*tensor.Lanes || used < 0 || used > tensor.Lanes ||
		c.v.C > 0 && len(v) < ((c.v.Y+u.OutH-1)*c.v.W+c.v.X+u.OutW)*c.v.C*tensor.Lanes {
		panic("kernel: covariance: data too short")
	}
	if len(scratch) < c.ScratchLen() {
		panic("kernel: covariance: scratch too short")
	}
	if used == 0 || cross && c.v.C == 0 {
		return
	}
	w := covarianceWork{Covariance: c, dst: dst, xs: x, vs: v, used: used, cross: cross}
	w.cut(scratch)
	if u.Ones && !cross {
		count := 0
		for _, s := range c.stretch {
			count += s.n * s.weight * used
		}
		dst[PackedIndex(c.Order(), c.Rows()-1, c.Rows()-1)] += float64(count)
	}
	if w.shared() {
		for lo := 0; lo < u.InC; lo += c.shiftRows() {
			w.lo, w.hi = lo, min(u.InC, lo+c.shiftRows())
			w.shiftPass()
		}
		if c.v.C == 0 && !u.Ones {
			return
		}
	}
	for lo := 0; lo < w.rows(); lo += c.sumsRows(cross) {
		w.lo, w.hi = lo, min(w.rows(), lo+c.sumsRows(cross))
		for _, weight := range c.weights {
			w.pass(weight)
		}
	}
}
