package kernel

import (
	"unsafe"

	"github.com/tinygrow/tinygrow/tensor"
)

// A gradient is the plan of BackwardWeights. Samples are the summed index
// there, so strips of rows of x and dy are transposed to [row][lane][column][channel]
// first. In that layout all taps of one kernel row are neighbours: the
// gradient of kernel row kh is a matrix product of dy (channels) and x
// (column, channel), summed over (row, lane, output column).
//
// Input channels are taken in groups, so that the strips and the sums of one
// group stay in the second-level cache.
type gradient struct {
	g          Geometry
	outH, outW int
	swap       bool // sums have the taps as rows and the output channels as columns
	colStep    int  // distance of the columns of x that are transposed
	width      int  // transposed columns of x, padding included
	pixels     int  // pixels of a kernel that covers the whole image; g is then a linear layer on (channel, pixel)
}

// Bounds of the working set, in floats.
const (
	stripFloats   = 256 << 10 // strips of x and dy beside the sums of a group
	wholeFloats   = 416 << 10 // x of all rows and a panel of dy, when the sums are those of one panel
	sumsFloats    = 128 << 10 // sums of one group
	maxSegs       = 32        // output rows of a strip
	wholeLinks    = 1024      // longest sum for which all rows at once pay
	wholeChannels = 32        // least group worth working on all rows at once
)

func newGradient(g Geometry) gradient {
	p := gradient{g: g, outH: g.OutH(), outW: g.OutW(), colStep: 1, pixels: 1}
	if g.KH == g.InH && g.KW == g.InW && g.Pad == 0 {
		p.pixels = g.InH * g.InW
		g = Geometry{InC: g.InC * p.pixels, InH: 1, InW: 1, OutC: g.OutC, KH: 1, KW: 1, Stride: 1}
		p.g = g
	}
	p.width = (p.outW-1)*g.Stride + g.KW
	if g.KW == 1 {
		p.colStep, p.width = g.Stride, p.outW
	}
	// The side that wastes less of its last vector gives the columns.
	taps := g.KW * g.InC
	p.swap = taps*vectors(g.OutC) < g.OutC*vectors(taps)
	return p
}

// vectors returns how many vectors hold n columns.
func vectors(n int) int { return (n + vec - 1) / vec }

// A split is how one call divides the work.
type split struct {
	channels        int  // channels of every group but the last
	outRows, inRows int  // rows of dy and of x in a strip
	whole           bool // one strip holds all rows of x and one panel of dy; sums are those of the panel
}

// split chooses the largest group whose working set fits.
func (p *gradient) split(blocks int) split {
	units := vectors(p.g.InC)
	total := blocks * p.outH
	for count := 1; count <= units && total <= maxSegs && total*p.outW*tensor.Lanes <= wholeLinks && !p.swap; count++ {
		s := split{channels: (units + count - 1) / count * vec, outRows: total, inRows: blocks * p.g.InH, whole: true}
		if count > 1 && s.channels < wholeChannels {
			break
		}
		x, _ := p.slots(min(s.channels, p.g.InC))
		if s.inRows*x+s.outRows*p.panelSlot() <= wholeFloats {
			return s
		}
	}
	count := 1
	for count < units {
		channels := min((units+count-1)/count*vec, p.g.InC)
		x, dy := p.slots(channels)
		if p.g.KH*x+dy <= stripFloats && p.sumsLen(split{channels: channels}) <= sumsFloats {
			break
		}
		count++
	}
	s := split{channels: (units + count - 1) / count * vec}
	p.fit(&s, blocks)
	return s
}

// fit sets how many output rows fit a strip, and how many rows of x they read.
func (p *gradient) fit(s *split, blocks int) {
	x, dy := p.slots(min(s.channels, p.g.InC))
	rows := func(n int) int {
		if n < p.outH {
			return min(p.g.InH, (n-1)*p.g.Stride+p.g.KH)
		}
		return n / p.outH * p.g.InH
	}
	s.outRows = 1
	for n := 2; n <= min(maxSegs, p.outH*blocks); n++ {
		if n > p.outH && n%p.outH != 0 {
			continue
		}
		if rows(n)*x+n*dy > stripFloats {
			break
		}
		s.outRows = n
	}
	s.inRows = rows(s.outRows)
}

// stride returns the distance of pixels of so many channels in transposed rows of x:
// whole vectors where the taps of a kernel row take no more vectors for it. Loads then
// never reach into two cache lines. What lies between is summed and not stored.
func (p *gradient) stride(channels int) int {
	if p.g.KW > 1 && !p.swap && p.g.KW*vectors(channels) == vectors(p.g.KW*channels) {
		return vectors(channels) * vec
	}
	return channels
}

// lines returns the distances of lanes in the transposed rows of x and dy: odd
// numbers of cache lines, so that a transposition writes whole lines into
// different sets of the cache.
func (p *gradient) lines(channels int) (x, dy int) {
	return (vectors(p.width*p.stride(channels)) | 1) * vec, (vectors(p.outW*p.g.OutC) | 1) * vec
}

// slots returns the lengths of one transposed row of x and of dy.
func (p *gradient) slots(channels int) (x, dy int) {
	x, dy = p.lines(channels)
	return tensor.Lanes * x, tensor.Lanes * dy
}

// direct reports whether sums of whole vectors go straight to dw.
func (p *gradient) direct() bool { return p.g.KH == 1 && p.g.KW == 1 && !p.swap }

// sumsWidth returns the columns of the sums of one kernel row.
func (p *gradient) sumsWidth(channels int) int {
	switch {
	case p.direct():
		return vec
	case p.swap:
		return vectors(p.g.OutC) * vec
	}
	return vectors(p.g.KW*channels) * vec
}

// sumsLen returns the length of the sums of a group, or of its panel.
func (p *gradient) sumsLen(s split) int {
	channels, outputs := min(s.channels, p.g.InC), p.g.OutC
	switch {
	case p.swap:
		outputs = p.g.KW * channels
	case s.whole:
		outputs = p.panel()
	}
	return p.g.KH * outputs * p.sumsWidth(channels)
}

// panel returns how many output channels a whole split sums at a time.
func (p *gradient) panel() int { return min(p.g.OutC, 14) }

// panelSlot returns the length of one transposed row of a panel of dy.
func (p *gradient) panelSlot() int { return tensor.Lanes * p.outW * p.panel() }

// gradientScratch is the use of the scratch slice. Slack at the end of x
// and dy is read by the last vector, slack at the end of sums by store.
type gradientScratch struct{ x, dy, sums []float32 }

func (p *gradient) lengths(s split) (x, dy, sums int) {
	x, dy = p.slots(min(s.channels, p.g.InC))
	if s.whole {
		dy = p.panelSlot()
	}
	return s.inRows*x + vec, s.outRows*dy + vec, p.sumsLen(s) + vec
}

// cut divides scratch. The first column of x inside the image starts a cache
// line, and so does dy.
func (p *gradient) cut(scratch []float32, s split, channels int) (g gradientScratch) {
	take := func(n, before int) []float32 {
		skip := (vec - (misalignment(scratch)+before)%vec) % vec
		part := scratch[skip : skip+n : skip+n]
		scratch = scratch[skip+n:]
		return part
	}
	x, dy, sums := p.lengths(s)
	lo, _ := p.valid()
	g.x = take(x, lo*p.stride(channels))
	g.dy = take(dy, 0)
	g.sums = take(sums, 0)
	return g
}

// misalignment returns how many floats past a cache line x starts.
func misalignment(x []float32) int { return int(uintptr(unsafe.Pointer(unsafe.SliceData(x)))%64) / 4 }

func (p *gradient) scratchLen(blocks int) int {
	if blocks == 0 || p.g.weights() == 0 {
		return vec * p.g.OutC
	}
	x, dy, sums := p.lengths(p.split(blocks))
	return max(x+dy+sums+3*vec, vec*p.g.OutC)
}

// valid returns which transposed columns of x lie inside the image.
func (p *gradient) valid() (lo, hi int) {
	lo = min(p.width, (p.g.Pad+p.colStep-1)/p.colStep)
	hi = max(lo, min(p.width, (p.g.InW-1+p.g.Pad)/p.colStep+1))
	return lo, hi
}

// run computes dw and db.
func (p *gradient) run(isa ISA, dw, db, x, dy []float32, blocks int, scratch []float32) {
	if blocks == 0 || len(dw) == 0 {
		clear(dw)
	} else {
		s := p.split(blocks)
		for first := 0; first < p.g.InC; first += s.channels {
			w := gradientWork{gradient: p, split: s, isa: isa, first: first, blocks: blocks}
			w.channels = min(s.channels, p.g.InC-first)
			w.gradientScratch = p.cut(scratch, s, w.channels)
			w.pixel = p.stride(w.channels)
			w.xLine, w.dyLine = p.lines(w.channels)
			w.xSlot, w.dySlot = p.slots(w.channels)
			w.run(dw, x, dy)
		}
	}
	if db != nil {
		sums := scratch[:vec*p.g.OutC]
		clear(sums)
		laneSums(isa, sums, dy, p.g.OutC)
		for c := range db {
			db[c] = combine((*[vec]float32)(sums[c*vec:]))
		}
	}
}
