package kernel

import "github.com/tinygrow/tinygrow/tensor"

// gradientWork is the pass of one group of input channels over all rows.
type gradientWork struct {
	*gradient
	split
	gradientScratch
	isa           ISA
	first         int // first input channel of the group
	channels      int
	pixel         int // distance of pixels in transposed rows of x
	blocks        int
	xLine, dyLine int
	xSlot, dySlot int
	start         int // first output row of the strip at hand
	done          int // rows (block, row) of x below this one are in their slots
	segs          [maxSegs]seg
	triples       bool // the three kernel rows share a tile
	three         [maxSegs]triple
}

func (w *gradientWork) run(dw, x, dy []float32) {
	w.clearPadding()
	total := w.blocks * w.outH
	if w.whole {
		w.loadRows(x, Range{0, total})
		count := (w.g.OutC + w.panel() - 1) / w.panel()
		for i := range count {
			o := Range{w.g.OutC * i / count, w.g.OutC * (i + 1) / count}
			w.loadPanel(dy, total, o)
			for kh := range w.g.KH {
				w.sumRow(dw, kh, Range{0, total}, o)
			}
			w.store(dw, o)
		}
		return
	}
	all := Range{0, w.g.OutC}
	w.triples = w.isa == AVX512 && !w.swap && w.g.KH == 3 && w.sumsWidth(w.channels) == vec
	if w.triples {
		clear(w.sums)
	}
	for lo := 0; lo < total; {
		hi := min(total, lo+w.outRows)
		if w.outRows < w.outH { // strips stay within a block
			hi = min(hi, (lo/w.outH+1)*w.outH)
		}
		rows := Range{lo, hi}
		w.loadStrip(dy, rows)
		w.loadRows(x, rows)
		if w.triples {
			w.sumTriples(dw, rows, all)
		} else {
			for kh := range w.g.KH {
				w.sumRow(dw, kh, rows, all)
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
		clear(row[:lo*w.pixel])
		clear(row[hi*w.pixel:])
	}
}

// loadStrip transposes rows of dy, which start a strip.
func (w *gradientWork) loadStrip(dy []float32, rows Range) {
	w.start = rows.Lo
	row := w.outW * w.g.OutC
	for r := rows.Lo; r < rows.Hi; r++ {
		t := transpose{
			dst: w.dy[(r-w.start)*w.dySlot:][:w.dySlot], dstStep: w.dyLine, rows: row,
			src: dy[r*row*tensor.Lanes:][:row*tensor.Lanes], srcStep: tensor.Lanes, cols: tensor.Lanes,
		}
		t.do(w.isa)
	}
}

// loadPanel transposes output channels o, whose sums then start at index 0, of all rows of dy to [row][lane][column][channel].
func (w *gradientWork) loadPanel(dy []float32, rows int, o Range) {
	n := o.Len()
	pixels := w.outW
	if n == w.g.OutC { // all pixels of a row are one matrix
		n, pixels = n*pixels, 1
	}
	line := w.outW * (o.Len())
	t := transpose{dstStep: line, rows: n, srcStep: tensor.Lanes, cols: tensor.Lanes}
	for r := range rows {
		for i := range pixels {
			t.dst = w.dy[r*tensor.Lanes*line+i*n:]
			t.src = dy[((r*w.outW+i)*w.g.OutC+o.Lo)*tensor.Lanes:]
			t.do(w.isa)
		}
	}
}

// loadRows transposes the rows of x that a range of output rows reads.
func (w *gradientWork) loadRows(x []float32, out Range) {
	g := w.g
	for b := out.Lo / w.outH; b <= (out.Hi-1)/w.outH; b++ {
		from := max(out.Lo, b*w.outH) - b*w.outH
		to := min(out.Hi, (b+1)*w.outH) - b*w.outH
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
	if w.channels == g.InC && w.pixel == w.channels && w.colStep == 1 { // all pixels are one matrix
		t.dst, t.src, t.rows = dst[lo*w.pixel:], src[(lo-g.Pad)*pixel:], (hi-lo)*w.channels
		t.do(w.isa)
		return
	}
	t.rows = w.channels
	for i := lo; i < hi; i++ {
		t.dst = dst[i*w.pixel:]
		t.src = src[(i*w.colStep-g.Pad)*pixel+w.first*tensor.Lanes:]
		t.do(w.isa)
	}
}

// sumRow adds output rows of the strip at hand to the sums of kernel row kh and
// of output channels o.
func (w *gradientWork) sumRow(dw []float32, kh int, rows, o Range) {
	g := w.g
	s, slot := w.call(o)
	n := 0
	for r := rows.Lo; r < rows.Hi; r++ {
		b, oh := r/w.outH, r%w.outH
		if ih := oh*g.Stride + kh - g.Pad; ih >= 0 && ih < g.InH {
			w.segs[n] = seg{(r - w.start) * slot, w.slot(b*g.InH + ih)}
			n++
		}
	}
	// The first strip zeroes, and so do later ones until a row has been read.
	read := (g.Pad - kh + g.Stride - 1) / g.Stride
	s.fresh = w.start <= max(0, read) && !w.triples
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
		s.c, s.segs, s.rows, s.vecs = c, w.segs[:n], o.Hi-o.Lo, vectors(g.KW*w.channels)
		s.do(w.isa)
		return
	}
	whole := w.channels / vec
	if whole < vectors(w.channels) {
		last := s
		last.b = s.b[whole*vec:]
		last.c, last.segs, last.rows, last.vecs = c, w.segs[:n], o.Hi-o.Lo, 1
		last.do(w.isa)
	}
	s.cStep = g.InC
	if whole > 0 {
		s.c, s.segs, s.rows, s.vecs = dw[o.Lo*g.InC+w.first:], w.segs[:n], o.Hi-o.Lo, whole
		s.do(w.isa)
	}
}

// store copies the group's sums to dw (OutC, InC, KH, KW).
func (w *gradientWork) store(dw []float32, o Range) {
	g := w.g
	area := g.KH * g.KW
	width := w.sumsWidth(w.channels)
	for oc := o.Lo; oc < o.Hi; oc++ {
		out := dw[(oc*g.InC+w.first)*area:][:w.channels*area]
		if w.swap {
			for kh := range g.KH {
				for j := range g.KW * w.channels {
					out[j%w.channels*area+kh*g.KW+j/w.channels] = w.sums[(j*g.KH+kh)*width+oc]
				}
			}
			continue
		}
		in := w.sums[(oc-o.Lo)*g.KH*width:]
		switch {
		case w.direct():
			whole := w.channels / vec * vec
			copy(out[whole:], in)
		case width == g.KW*w.pixel: // all taps are rows of one matrix
			t := transpose{dst: out, dstStep: area, src: in, srcStep: w.pixel, rows: area, cols: w.channels}
			t.do(w.isa)
		default:
			for kh := range g.KH {
				t := transpose{dst: out[kh*g.KW:], dstStep: area, src: in[kh*width:], srcStep: w.pixel, rows: g.KW, cols: w.channels}
				t.do(w.isa)
			}
		}
	}
}

// call returns a sum call of dy and x, and the distance of rows of dy.
func (w *gradientWork) call(o Range) (s sum, slot int) {
	s = sum{
		n: tensor.Lanes, k: w.outW,
		a: w.dy, aLane: w.dyLine, aStep: w.g.OutC,
		b: w.x, bLane: w.xLine, bStep: w.g.Stride * w.pixel,
	}
	if w.colStep > 1 {
		s.bStep = w.channels
	}
	slot = w.dySlot
	if w.whole {
		s.aStep = o.Len()
		s.aLane = w.outW * s.aStep
		slot = tensor.Lanes * s.aLane
	}
	return s, slot
}

// sumTriples adds the output rows of a strip to the sums of three kernel rows at
// once: with few channels one kernel row has too few independent sums to keep the
// arithmetic busy. Rows at the border go one by one.
func (w *gradientWork) sumTriples(dw []float32, rows, o Range) {
	g := w.g
	s, slot := w.call(o)
	s.c, s.cStep, s.rows, s.vecs = w.sums, g.KH*vec, g.OutC, 3
	s.fuse()
	n := 0
	for r := rows.Lo; r < rows.Hi; r++ {
		b, oh := r/w.outH, r%w.outH
		ih := oh*g.Stride - g.Pad
		if ih >= 0 && ih+2 < g.InH {
			at := [3]int{}
			for kh := range at {
				at[kh] = w.slot(b*g.InH + ih + kh)
			}
			w.three[n] = triple{(r - w.start) * slot, at[0], at[1] - at[0], at[2] - at[0]}
			n++
			continue
		}
		if n > 0 {
			s.doTriples(w.isa, w.three[:n])
			n = 0
		}
		for kh := range g.KH {
			w.sumRow(dw, kh, Range{r, r + 1}, o)
		}
	}
	if n > 0 {
		s.doTriples(w.isa, w.three[:n])
	}
}
