package kernel

import "github.com/tinygrow/tinygrow/tensor"

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
	groups     []int
	colStep    int // distance of the columns of x that are transposed
	width      int // transposed columns of x, padding included
}

// Bounds of the working set, in floats.
const (
	gradientStrip = 256 << 10 // strips of x and dy
	gradientSums  = 128 << 10 // sums of one group
	maxSegs       = 32        // output rows of a strip
)

func newGradient(g Geometry) gradient {
	p := gradient{g: g, outH: g.OutH(), outW: g.OutW(), colStep: 1}
	p.width = (p.outW-1)*g.Stride + g.KW
	if g.KW == 1 {
		p.colStep, p.width = g.Stride, p.outW
	}
	// Whole vectors wasted on a ragged edge decide which side is the columns.
	taps := g.KW * g.InC
	p.swap = taps*((g.OutC+vec-1)/vec) < g.OutC*((taps+vec-1)/vec)
	units := (g.InC + vec - 1) / vec
	count := 1
	for count < units && !p.fits((units+count-1)/count*vec) {
		count++
	}
	for i := range count {
		lo, hi := units*i/count*vec, min(g.InC, units*(i+1)/count*vec)
		if hi > lo {
			p.groups = append(p.groups, hi-lo)
		}
	}
	return p
}

// fits reports whether a group of that many channels leaves room for a strip of one output row.
func (p *gradient) fits(channels int) bool {
	x, dy := p.slots(channels)
	return p.g.KH*x+dy <= gradientStrip && p.sumsLen(channels) <= gradientSums
}

// slots returns the lengths of one transposed row of x and of dy.
func (p *gradient) slots(channels int) (x, dy int) {
	return tensor.Lanes * p.width * channels, tensor.Lanes * p.outW * p.g.OutC
}

func (p *gradient) sumsLen(channels int) int {
	rows, cols := p.g.OutC, p.g.KW*channels
	if p.swap {
		rows, cols = cols, rows
	}
	return p.g.KH * rows * ((cols + vec - 1) / vec * vec)
}

// strip returns how many output rows are worked on at a time, and how many
// rows of x that takes.
func (p *gradient) strip(channels, blocks int) (out, in int) {
	x, dy := p.slots(channels)
	rows := func(n int) int {
		if n < p.outH {
			return min(p.g.InH, (n-1)*p.g.Stride+p.g.KH)
		}
		return n / p.outH * p.g.InH
	}
	out = 1
	for n := 2; n <= min(maxSegs, p.outH*blocks); n++ {
		if n > p.outH && n%p.outH != 0 {
			continue
		}
		if rows(n)*x+n*dy > gradientStrip {
			break
		}
		out = n
	}
	return out, rows(out)
}

// scratch is the use of the scratch slice.
type gradientScratch struct{ x, dy, sums, bias []float32 }

// cut divides scratch for a group; slack at the end of x and dy is read by the last vector.
func (p *gradient) cut(scratch []float32, channels, blocks int) (s gradientScratch) {
	take := func(n int) []float32 {
		part := scratch[:n:n]
		scratch = scratch[n:]
		return part
	}
	x, dy := p.slots(channels)
	out, in := p.strip(channels, blocks)
	s.x = take(in*x + vec)
	s.dy = take(out*dy + vec)
	s.sums = take(p.sumsLen(channels) + 16*channels)
	s.bias = take(vec * p.g.OutC)
	return s
}

func (p *gradient) scratchLen(blocks int) int {
	longest := 0
	for _, channels := range p.groups {
		x, dy := p.slots(channels)
		out, in := p.strip(channels, blocks)
		longest = max(longest, in*x+out*dy+2*vec+p.sumsLen(channels)+16*channels)
	}
	return longest + vec*p.g.OutC
}

// run computes dw and db.
func (p *gradient) run(isa ISA, dw, db, x, dy []float32, blocks int, scratch []float32) {
	if blocks == 0 {
		clear(dw)
	}
	first := 0
	for _, channels := range p.groups {
		w := gradientWork{gradient: p, isa: isa, first: first, channels: channels, blocks: blocks,
			gradientScratch: p.cut(scratch, channels, blocks)}
		w.xSlot, w.dySlot = p.slots(channels)
		w.outRows, w.inRows = p.strip(channels, blocks)
		w.run(dw, x, dy)
		first += channels
	}
	if db != nil {
		sums := scratch[:vec*p.g.OutC]
		clear(sums)
		laneSums(isa, sums, dy, p.g.OutC, blocks*p.outH*p.outW)
		for c := range db {
			db[c] = combine((*[vec]float32)(sums[c*vec:]))
		}
	}
}

// gradientWork is one group's pass over all rows.
type gradientWork struct {
	*gradient
	gradientScratch
	isa             ISA
	first, channels int
	blocks          int
	xSlot, dySlot   int
	outRows, inRows int
	done            int // rows (block, row) of x below this one are in their slots
	segs            [maxSegs]seg
}

func (w *gradientWork) run(dw, x, dy []float32) {
	w.clearPadding()
	total := w.blocks * w.outH
	for lo := 0; lo < total; {
		hi := min(total, lo+w.outRows)
		if w.outRows < w.outH { // strips stay within a block
			hi = min(hi, (lo/w.outH+1)*w.outH)
		}
		w.loadStrip(x, dy, lo, hi)
		for kh := range w.g.KH {
			w.sumRow(dw, kh, lo, hi)
		}
		lo = hi
	}
	w.store(dw)
}

// clearPadding zeroes the columns of x that no transposition writes, and the slack.
func (w *gradientWork) clearPadding() {
	clear(w.x[len(w.x)-vec:])
	clear(w.dy[len(w.dy)-vec:])
	lo, hi := w.valid()
	if lo == 0 && hi == w.width {
		return
	}
	line := w.width * w.channels
	for l := range w.inRows * tensor.Lanes {
		row := w.x[l*line:][:line]
		clear(row[:lo*w.channels])
		clear(row[hi*w.channels:])
	}
}

// valid returns which transposed columns of x lie inside the image.
func (w *gradientWork) valid() (lo, hi int) {
	g := w.g
	lo = min(w.width, (g.Pad+w.colStep-1)/w.colStep)
	hi = max(lo, min(w.width, (g.InW-1+g.Pad)/w.colStep+1))
	return lo, hi
}

// loadStrip transposes the rows that output rows lo to hi read.
func (w *gradientWork) loadStrip(x, dy []float32, lo, hi int) {
	g := w.g
	row := w.outW * g.OutC
	for r := lo; r < hi; r++ {
		t := transpose{
			dst: w.dy[(r-lo)*w.dySlot:][:w.dySlot], dstStep: row, rows: row,
			src: dy[r*w.dySlot:][:w.dySlot], srcStep: tensor.Lanes, cols: tensor.Lanes,
		}
		t.do(w.isa)
	}
	for b := lo / w.outH; b <= (hi-1)/w.outH; b++ {
		from := max(lo, b*w.outH) - b*w.outH
		to := min(hi, (b+1)*w.outH) - b*w.outH
		ih := max(0, from*g.Stride-g.Pad)
		end := min(g.InH, (to-1)*g.Stride-g.Pad+g.KH)
		for ; ih < end; ih++ {
			if b*g.InH+ih < w.done || (ih+g.Pad)%g.Stride >= g.KH {
				continue
			}
			w.loadRow(x, b*g.InH+ih)
			w.done = b*g.InH + ih + 1
		}
	}
}

// slot is where the row (block, row) of x lies, transposed.
func (w *gradientWork) slot(row int) int { return row % w.inRows * w.xSlot }

// loadRow transposes the group's channels of one row of x.
func (w *gradientWork) loadRow(x []float32, row int) {
	g := w.g
	lo, hi := w.valid()
	pixel := g.InC * tensor.Lanes
	src := x[row*g.InW*pixel:][:g.InW*pixel]
	dst := w.x[w.slot(row):][:w.xSlot]
	t := transpose{dstStep: w.width * w.channels, srcStep: tensor.Lanes, cols: tensor.Lanes}
	if w.channels == g.InC && w.colStep == 1 { // all pixels are one matrix
		t.dst, t.src, t.rows = dst[lo*w.channels:], src[(lo-g.Pad)*pixel:], (hi-lo)*w.channels
		t.do(w.isa)
		return
	}
	t.rows = w.channels
	for i := lo; i < hi; i++ {
		t.dst = dst[i*w.channels:]
		t.src = src[(i*w.colStep-g.Pad)*pixel+w.first*tensor.Lanes:]
		t.do(w.isa)
	}
}

// sumRow adds the strip of output rows lo to hi to the sums of kernel row kh.
func (w *gradientWork) sumRow(dw []float32, kh, lo, hi int) {
	g := w.g
	n, before := 0, 0 // rows read; rows of earlier strips that were read
	for r := lo; r < hi; r++ {
		b, oh := r/w.outH, r%w.outH
		ih := oh*g.Stride + kh - g.Pad
		if ih < 0 || ih >= g.InH {
			continue
		}
		w.segs[n] = seg{(r - lo) * w.dySlot, w.slot(b*g.InH + ih)}
		n++
	}
	first := (g.Pad - kh + g.Stride - 1) / g.Stride // first output row that reads this kernel row
	if lo > max(0, first) {
		before = 1
	}
	dyStep, xStep := g.OutC, g.Stride*w.channels
	if w.colStep > 1 {
		xStep = w.channels
	}
	s := sum{
		fresh: before == 0, n: tensor.Lanes, k: w.outW,
		a: w.dy, aLane: w.outW * g.OutC, aStep: dyStep,
		b: w.x, bLane: w.width * w.channels, bStep: xStep,
	}
	rows, cols := g.OutC, g.KW*w.channels
	if w.swap {
		s.a, s.b = s.b, s.a
		s.aLane, s.bLane = s.bLane, s.aLane
		s.aStep, s.bStep = s.bStep, s.aStep
		rows, cols = cols, rows
		for i := range w.segs[:n] {
			w.segs[i].a, w.segs[i].b = w.segs[i].b, w.segs[i].a
		}
	}
	s.segs = w.segs[:n]
	s.fuse()
	width := (cols + vec - 1) / vec * vec
	s.cStep = w.g.KH * width
	w.tiles(&s, w.sums[kh*width:], rows, width/vec)
}

// tiles runs s over all tiles of rows x vecs vectors of c.
func (w *gradientWork) tiles(s *sum, c []float32, rows, vecs int) {
	a, b := s.a, s.b
	for v := 0; v < vecs; v += s.vecs {
		s.vecs = tileVecs(w.isa, rows, vecs-v)
		limit := sumRows(w.isa, s.vecs)
		count := (rows + limit - 1) / limit
		s.b = b[v*vec:]
		for i := range count {
			r := rows * i / count
			s.rows = rows*(i+1)/count - r
			s.a = a[r:]
			s.c = c[r*s.cStep+v*vec:]
			s.do(w.isa)
		}
	}
}

// tileVecs returns how many of the vecs vectors that are left the next tile
// takes, so that no single vector stays behind if that can be avoided.
func tileVecs(isa ISA, rows, vecs int) int {
	switch {
	case isa == AVX2:
		return 1
	case vecs <= 3:
		return vecs
	case rows <= 4 && vecs != 4:
		return 3
	case vecs == 5 || vecs%2 == 1:
		return 3
	}
	return 2
}

// store copies the group's sums to dw (OutC, InC, KH, KW).
func (w *gradientWork) store(dw []float32) {
	g := w.g
	area := g.KH * g.KW
	for oc := range g.OutC {
		out := dw[(oc*g.InC+w.first)*area:][:w.channels*area]
		if w.swap {
			width := (g.OutC + vec - 1) / vec * vec
			for kh := range g.KH {
				for kw := range g.KW {
					for ic := range w.channels {
						out[ic*area+kh*g.KW+kw] = w.sums[((kw*w.channels+ic)*g.KH+kh)*width+oc]
					}
				}
			}
			continue
		}
		width := (g.KW*w.channels + vec - 1) / vec * vec
		for kh := range g.KH {
			for kw := range g.KW {
				in := w.sums[(oc*g.KH+kh)*width+kw*w.channels:][:w.channels]
				at := kh*g.KW + kw
				for _, v := range in {
					out[at] = v
					at += area
				}
			}
		}
	}
}
