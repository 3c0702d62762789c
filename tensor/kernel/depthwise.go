package kernel

// Depthwise is an immutable plan for a convolution that filters each channel by
// weights of its own, PyTorch's conv2d with as many groups as channels; safe for use
// by several goroutines. Shapes: x and dx (blocks, H, W, C, 32), y and dy (blocks,
// OutH, OutW, C, 32), w and dw (C, KH, KW), bias and db (C).
type Depthwise struct {
	window   Window
	isa      ISA
	forward  filterPass
	backward filterPass
}

// NewDepthwise plans a depthwise convolution for the active instruction set.
func NewDepthwise(w Window) *Depthwise {
	g := Geometry{InC: w.C, InH: w.H, InW: w.W, OutC: w.C, KH: w.KH, KW: w.KW, Stride: w.Stride, Pad: w.Pad}
	g.check()
	d := &Depthwise{window: w, isa: Active(),
		forward:  filterPass{rows: g.down().forward(), cols: g.across().forward(), srcH: w.H, srcW: w.W, dstW: w.OutW()},
		backward: filterPass{rows: g.down().backward(), cols: g.across().backward(), srcH: w.OutH(), srcW: w.OutW(), dstW: w.W},
	}
	d.forward.plan(steps{1, w.Stride}, w)
	d.backward.plan(steps{w.Stride, 1}, w)
	return d
}

// FLOPs returns twice the number of multiply-adds of one sample's forward pass,
// padding counted.
func (d *Depthwise) FLOPs() int64 {
	return 2 * int64(d.window.C*d.area()) * int64(d.window.OutH()*d.window.OutW())
}

// area returns the number of weights of a channel.
func (d *Depthwise) area() int { return d.window.KH * d.window.KW }

// Forward computes y = conv(x, w) + bias; bias may be nil.
func (d *Depthwise) Forward(y, x, w, bias []float32, blocks int) {
	d.window.check(x, y, blocks)
	need(len(w) == d.window.C*d.area() && (bias == nil || len(bias) == d.window.C))
	d.forward.apply(d.isa, filter{channels: d.window.C, dst: y, src: x, w: w, bias: bias, wStep: d.area()}, blocks)
}

// BackwardData computes dx, the gradient at x, from dy, the gradient at y.
func (d *Depthwise) BackwardData(dx, dy, w []float32, blocks int) {
	d.window.check(dx, dy, blocks)
	need(len(w) == d.window.C*d.area())
	d.backward.apply(d.isa, filter{channels: d.window.C, dst: dx, src: dy, w: w, wStep: d.area()}, blocks)
}

// ScratchLen returns the scratch length that BackwardWeights needs.
func (d *Depthwise) ScratchLen() int { return d.window.C * d.area() * (lanes + vec) }

// BackwardWeights computes dw and db (which may be nil), the gradients at the
// weights and the bias summed over all samples, pixels and blocks. Lanes without a
// sample must be zero in dy.
func (d *Depthwise) BackwardWeights(dw, db, x, dy []float32, blocks int, scratch []float32) {
	w := d.window
	w.check(x, dy, blocks)
	n := w.C * d.area()
	need(len(dw) == n && (db == nil || len(db) == w.C) && len(scratch) >= d.ScratchLen())
	if n == 0 {
		return
	}
	sums, parts := scratch[:n*lanes], scratch[n*lanes:][:n*vec]
	clear(sums)
	d.sum(sums, x, dy, blocks)
	foldRows(d.isa, dw, sums, parts)
	if db != nil {
		foldRows(d.isa, db, dy, parts[:w.C*vec])
	}
}

// sum adds the products of dy and x to a sum for each weight and lane (C, KH, KW, 32).
func (d *Depthwise) sum(sums, x, dy []float32, blocks int) {
	w, p := d.window, &d.forward
	pixel := w.C * lanes
	outW := w.OutW()
	for row := range blocks * len(p.rows.at) {
		b, r := row/len(p.rows.at), p.rows.at[row%len(p.rows.at)]
		image := x[b*w.H*w.W*pixel:][:w.H*w.W*pixel]
		line := dy[row*outW*pixel:][:outW*pixel]
		for ky := r.lo; ky < r.hi; ky++ {
			from := image[(r.src+ky-r.lo)*w.W*pixel:]
			for _, s := range p.spans {
				for kx := s.lo; kx < s.hi; kx += filterSumTaps {
					call := filterSum{channels: w.C, count: s.count, taps: min(filterSumTaps, s.hi-kx),
						sums: sums[(ky*w.KW+kx)*lanes:], sumsStep: d.area() * lanes,
						x: from[(s.src+kx-s.lo)*pixel:], tapStep: pixel, xStep: s.srcStep * pixel,
						dy: line[s.first*pixel:], dyStep: s.step * pixel}
					call.do(d.isa)
				}
			}
		}
	}
}

// A filterPass is a plan for one direction: forward and backward-data are two passes
// of one driver, as for Conv.
type filterPass struct {
	rows, cols axis
	spans      []span
	srcH, srcW int
	dstW       int
	rowClass   []int           // index into taps, for each destination row
	taps       [][][]filterTap // one list for each class of rows and span
}

// plan makes the spans of columns and the taps of every kind of destination row.
func (p *filterPass) plan(by steps, w Window) {
	p.spans = p.cols.spans(by)
	type kind struct{ phase, lo, hi int }
	known := map[kind]int{}
	for _, r := range p.rows.at {
		k := kind{r.phase, r.lo, r.hi}
		class, ok := known[k]
		if !ok {
			class = len(p.taps)
			known[k] = class
			p.taps = append(p.taps, p.tapsOf(r, w))
		}
		p.rowClass = append(p.rowClass, class)
	}
}

func (p *filterPass) tapsOf(r reach, w Window) [][]filterTap {
	all := make([][]filterTap, len(p.spans))
	for j, s := range p.spans {
		for i := r.lo; i < r.hi; i++ {
			for k := s.lo; k < s.hi; k++ {
				all[j] = append(all[j], filterTap{
					src: ((i-r.lo)*p.srcW + k - s.lo) * w.C * lanes,
					w:   p.rows.phases[r.phase][i]*w.KW + p.cols.phases[s.phase][k],
				})
			}
		}
	}
	return all
}

// apply computes dst from src, both of which call has whole: one kernel call for each
// row and span of columns.
func (p *filterPass) apply(isa ISA, call filter, blocks int) {
	if call.channels == 0 {
		return
	}
	pixel := call.channels * lanes
	dst, src, dstH := call.dst, call.src, len(p.rows.at)
	for row := range blocks * dstH {
		b, h := row/dstH, row%dstH
		r := p.rows.at[h]
		image := src[b*p.srcH*p.srcW*pixel:][:p.srcH*p.srcW*pixel]
		line := dst[row*p.dstW*pixel:][:p.dstW*pixel]
		for j, s := range p.spans {
			call.count = s.count
			call.src, call.srcStep = image[(r.src*p.srcW+s.src)*pixel:], s.srcStep*pixel
			call.dst, call.dstStep = line[s.first*pixel:], s.step*pixel
			call.taps = p.taps[p.rowClass[h]][j]
			call.do(isa)
		}
	}
}
