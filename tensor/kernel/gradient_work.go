package kernel

import "github.com/tinygrow/tinygrow/tensor"

// gradientWork is the pass of one group of input channels over all rows.
type gradientWork struct {
	*gradient
	split
	gradientScratch
	isa           ISA
	first         int // input channel
	channels      int
	blocks        int
	xLine, dyLine int
	xSlot, dySlot int
	done          int // rows (block, row) of x below this one are in their slots
	segs          [maxSegs]seg
	triples       bool // the three kernel rows share a tile
	three         [maxSegs]triple
}

// outRange is a range of output channels, whose sums start at index 0.
type outRange struct{ lo, hi int }

func (w *gradientWork) run(dw, x, dy []float32) {
	w.clearPadding()
	total := w.blocks * w.outH
	if w.whole {
		w.loadRows(x, 0, total)
		count := (w.g.OutC + w.panel() - 1) / w.panel()
		for i := range count {
			o := outRange{w.g.OutC * i / count, w.g.OutC * (i + 1) / count}
			w.loadPanel(dy, total, o)
			for kh := range w.g.KH {
				w.sumRow(dw, kh, 0, 0, total, o)
			}
			w.store(dw, o)
		}
		return
	}
	all := outRange{0, w.g.OutC}
	w.triples = w.isa == AVX512 && !w.swap && w.g.KH == 3 && w.sumsWidth(w.channels) == vec
	if w.triples {
		clear(w.sums)
	}
	for lo := 0; lo < total; {
		hi := min(total, lo+w.outRows)
		if w.outRows < w.outH { // strips stay within a block
			hi = min(hi, (lo/w.outH+1)*w.outH)
		}
		w.loadStrip(dy, lo, hi)
		w.loadRows(x, lo, hi)
		if w.triples {
			w.sumTriples(dw, lo, hi, all)
		} else {
			for kh := range w.g.KH {
				w.sumRow(dw, kh, lo, lo, hi, all)
			}
		}
		lo = hi
	}
	w.store(dw, all)
}

// clearPadding zeroes the columns of x that no transposition writes, and the slack.
func (w *gradientWork) clearPadding() {
	clear(w.x[len(w.x)-vec:])
	clear(w.dy[len(w.dy)-vec:])
	lo, hi := w.valid()
	if lo == 0 && hi == w.width {
		return
	}
	for l := range w.inRows * tensor.Lanes {
		row := w.x[l*w.xLine:][:w.xLine]
		clear(row[:lo*w.channels])
		clear(row[hi*w.channels:])
	}
}

// loadStrip transposes rows lo to hi of dy.
func (w *gradientWork) loadStrip(dy []float32, lo, hi int) {
	row := w.outW * w.g.OutC
	for r := lo; r < hi; r++ {
		t := transpose{
			dst: w.dy[(r-lo)*w.dySlot:][:w.dySlot], dstStep: w.dyLine, rows: row,
			src: dy[r*row*tensor.Lanes:][:row*tensor.Lanes], srcStep: tensor.Lanes, cols: tensor.Lanes,
		}
		t.do(w.isa)
	}
}

// loadPanel transposes the channels o of all rows of dy to [row][lane][column][channel].
func (w *gradientWork) loadPanel(dy []float32, rows int, o outRange) {
	n := o.hi - o.lo
	pixels := w.outW
	if n == w.g.OutC { // all pixels of a row are one matrix
		n, pixels = n*pixels, 1
	}
	line := w.outW * (o.hi - o.lo)
	t := transpose{dstStep: line, rows: n, srcStep: tensor.Lanes, cols: tensor.Lanes}
	for r := range rows {
		for i := range pixels {
			t.dst = w.dy[r*tensor.Lanes*line+i*n:]
			t.src = dy[((r*w.outW+i)*w.g.OutC+o.lo)*tensor.Lanes:]
			t.do(w.isa)
		}
	}
}

// loadRows transposes the rows of x that output rows lo to hi read.
func (w *gradientWork) loadRows(x []float32, lo, hi int) {
	g := w.g
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
	t := transpose{dstStep: w.xLine, srcStep: tensor.Lanes, cols: tensor.Lanes}
	if w.pixels > 1 {
		c := g.InC / w.pixels
		t.srcStep = c * tensor.Lanes
		for k := 0; k < w.channels; k += t.rows {
			at, p := (w.first+k)/w.pixels, (w.first+k)%w.pixels
			t.rows = min(w.pixels-p, w.channels-k)
			t.dst, t.src = dst[k:], src[(p*c+at)*tensor.Lanes:]
			t.do(w.isa)
		}
		return
	}
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

// sumRow adds output rows from to to of the strip that starts at row lo to the
// sums of kernel row kh.
func (w *gradientWork) sumRow(dw []float32, kh, lo, from, to int, o outRange) {
	g := w.g
	s, slot := w.call(o)
	n := 0
	for r := from; r < to; r++ {
		b, oh := r/w.outH, r%w.outH
		if ih := oh*g.Stride + kh - g.Pad; ih >= 0 && ih < g.InH {
			w.segs[n] = seg{(r - lo) * slot, w.slot(b*g.InH + ih)}
			n++
		}
	}
	// The first strip zeroes, and so do later ones until a row has been read.
	read := (g.Pad - kh + g.Stride - 1) / g.Stride
	s.fresh = lo <= max(0, read) && !w.triples
	width := w.sumsWidth(w.channels)
	s.cStep = g.KH * width
	c := w.sums[kh*width:]
	if w.swap {
		s.a, s.b = s.b, s.a
		s.aLane, s.bLane = s.bLane, s.aLane
		s.aStep, s.bStep = s.bStep, s.aStep
		for i := range w.segs[:n] {
			w.segs[i].a, w.segs[i].b = w.segs[i].b, w.segs[i].a
		}
		s.fuse()
		s.c, s.segs, s.rows, s.vecs = c, w.segs[:n], g.KW*w.channels, vectors(g.OutC)
		s.do(w.isa)
		return
	}
	s.fuse()
	if !w.direct() {
		s.c, s.segs, s.rows, s.vecs = c, w.segs[:n], o.hi-o.lo, vectors(g.KW*w.channels)
		s.do(w.isa)
		return
	}
	whole := w.channels / vec
	if whole < vectors(w.channels) {
		last := s
		last.b = s.b[whole*vec:]
		last.c, last.segs, last.rows, last.vecs = c, w.segs[:n], o.hi-o.lo, 1
		last.do(w.isa)
	}
	s.cStep = g.InC
	if whole > 0 {
		s.c, s.segs, s.rows, s.vecs = dw[o.lo*g.InC+w.first:], w.segs[:n], o.hi-o.lo, whole
		s.do(w.isa)
	}
}

// store copies the group's sums to dw (OutC, InC, KH, KW).
func (w *gradientWork) store(dw []float32, o outRange) {
	g := w.g
	area := g.KH * g.KW
	width := w.sumsWidth(w.channels)
	for oc := o.lo; oc < o.hi; oc++ {
		out := dw[(oc*g.InC+w.first)*area:][:w.channels*area]
		if w.swap {
			for kh := range g.KH {
				for j := range g.KW * w.channels {
					out[j%w.channels*area+kh*g.KW+j/w.channels] = w.sums[(j*g.KH+kh)*width+oc]
				}
			}
			continue
		}
		in := w.sums[(oc-o.lo)*g.KH*width:]
		switch {
		case w.direct():
			whole := w.channels / vec * vec
			copy(out[whole:], in)
		case width == g.KW*w.channels: // all taps are rows of one matrix
			t := transpose{dst: out, dstStep: area, src: in, srcStep: w.channels, rows: area, cols: w.channels}
			t.do(w.isa)
		default:
			for kh := range g.KH {
				t := transpose{dst: out[kh*g.KW:], dstStep: area, src: in[kh*width:], srcStep: w.channels, rows: g.KW, cols: w.channels}
				t.do(w.isa)
			}
		}
	}
}

// call returns a sum call of dy and x, and the distance of rows of dy.
func (w *gradientWork) call(o outRange) (s sum, slot int) {
	s = sum{
		n: tensor.Lanes, k: w.outW,
		a: w.dy, aLane: w.dyLine, aStep: w.g.OutC,
		b: w.x, bLane: w.xLine, bStep: w.g.Stride * w.channels,
	}
	if w.colStep > 1 {
		s.bStep = w.channels
	}
	slot = w.dySlot
	if w.whole {
		s.aStep = o.hi - o.lo
		s.aLane = w.outW * s.aStep
		slot = tensor.Lanes * s.aLane
	}
	return s, slot
}

// sumTriples adds the strip of output rows lo to hi to the sums of three kernel
// rows at once: with few channels one kernel row has too few independent sums
// to keep the arithmetic busy. Rows at the border go one by one.
func (w *gradientWork) sumTriples(dw []float32, lo, hi int, o outRange) {
	g := w.g
	s, slot := w.call(o)
	s.c, s.cStep, s.rows, s.vecs = w.sums, g.KH*vec, g.OutC, 3
	s.fuse()
	n := 0
	for r := lo; r < hi; r++ {
		b, oh := r/w.outH, r%w.outH
		ih := oh*g.Stride - g.Pad
		if ih >= 0 && ih+2 < g.InH {
			at := [3]int{}
			for kh := range at {
				at[kh] = w.slot(b*g.InH + ih + kh)
			}
			w.three[n] = triple{(r - lo) * slot, at[0], at[1] - at[0], at[2] - at[0]}
			n++
			continue
		}
		if n > 0 {
			s.doTriples(w.isa, w.three[:n])
			n = 0
		}
		for kh := range g.KH {
			w.sumRow(dw, kh, lo, r, r+1, o)
		}
	}
	if n > 0 {
		s.doTriples(w.isa, w.three[:n])
	}
}
