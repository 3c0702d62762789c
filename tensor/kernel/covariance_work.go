package kernel

import "github.com/tinygrow/tinygrow/tensor"

// covarianceWork is one call. Sums have a row for each element of u in the order
// (kh, kw, c), then of v, then for the 1 of u; columns in the same order,
// each kernel row and v rounded up to whole vectors.
type covarianceWork struct {
	*Covariance
	dst          []float64
	xs, vs       []float32 // one block of x and of v
	used         int
	cross        bool
	xT, vT, one  []float32 // transposed strips; a 1
	sums         []float32
	xLine, vLine int
	lo, hi       int // rows of sums of this pass
	start        int // first output row of the strip at hand
	done         int // rows of x below this one are in their slots
	fresh        bool
	segs         [maxSegs]seg
}

func (w *covarianceWork) cut(scratch []float32) {
	take := func(n, before int) []float32 {
		skip := (vec - (misalignment(scratch)+before)%vec) % vec
		part := scratch[skip : skip+n : skip+n]
		scratch = scratch[skip+n:]
		return part
	}
	w.xLine, w.vLine = w.lines()
	lo, hi := w.valid()
	w.xT = take(w.ring*tensor.Lanes*w.xLine+vec, lo*w.u.InC)
	w.vT = take(w.strip*tensor.Lanes*w.vLine+vec, 0)
	w.sums = take(w.sumsLen(), 0)
	w.one = take(1, 0)
	w.one[0] = 1
	clear(w.xT[len(w.xT)-vec:])
	clear(w.vT[len(w.vT)-vec:])
	if lo > 0 || hi < w.width {
		for l := range w.ring * tensor.Lanes {
			row := w.xT[l*w.xLine:][:w.xLine]
			clear(row[:lo*w.u.InC])
			clear(row[hi*w.u.InC:])
		}
	}
}

// valid returns which transposed columns of x lie inside the image.
func (c *Covariance) valid() (lo, hi int) {
	lo = min(c.width, max(0, (c.u.PadW+c.colStep-1)/c.colStep))
	hi = c.width
	for hi > lo && (hi-1)*c.colStep-c.u.PadW >= c.u.InW {
		hi--
	}
	return lo, hi
}

// shared reports whether products of u with itself are added by distance.
func (w *covarianceWork) shared() bool { return w.shifts != nil && !w.cross }

// rows returns the rows of sums.
func (w *covarianceWork) rows() int {
	n := w.u.KH * w.u.KW * w.u.InC
	if !w.cross {
		n += w.v.C
	}
	if w.u.Ones {
		n++
	}
	return n
}

// pass adds the products of all positions of one weight.
func (w *covarianceWork) pass(weight int) {
	w.done, w.fresh = 0, true
	links := 0
	for i := 0; i < len(w.stretch); {
		if w.stretch[i].weight != weight {
			i++
			continue
		}
		lo, hi, n := w.stretch[i].row, w.stretch[i].row, 0
		end := i
		for ; end < len(w.stretch) && w.stretch[end].row < lo+w.strip; end++ {
			if s := w.stretch[end]; s.weight == weight {
				hi, n = s.row+1, n+s.n*tensor.Lanes
			}
		}
		if links > 0 && links+n > covarianceChain {
			w.flush(weight)
			links = 0
		}
		w.load(Range{lo, hi})
		w.strips(w.stretch[i:end], weight)
		links += n
		i = end
	}
	if links > 0 {
		w.flush(weight)
	}
}

// load transposes what the output rows of a strip read.
func (w *covarianceWork) load(out Range) {
	u := w.u
	w.start = out.Lo
	for y := out.Lo; y < out.Hi && w.v.C > 0; y++ {
		t := transpose{dst: w.vT[(y-w.start)*tensor.Lanes*w.vLine:][:tensor.Lanes*w.vLine], dstStep: w.vLine, rows: u.OutW * w.v.C,
			src: w.vs[((w.v.Y+y)*w.v.W+w.v.X)*w.v.C*tensor.Lanes:], srcStep: tensor.Lanes, cols: tensor.Lanes}
		t.do(w.isa)
	}
	w.loadRows(out)
}

// loadRows is load for x alone.
func (w *covarianceWork) loadRows(out Range) {
	u := w.u
	end := min(u.InH, (out.Hi-1)*u.Stride-u.PadH+u.KH)
	for r := max(0, out.Lo*u.Stride-u.PadH, w.done); r < end; r++ {
		if (r+u.PadH)%u.Stride >= u.KH {
			continue
		}
		w.loadRow(r)
		w.done = r + 1
	}
}

// slot is where row r of x lies, transposed.
func (w *covarianceWork) slot(r int) int { return r % w.ring * tensor.Lanes * w.xLine }

func (w *covarianceWork) loadRow(r int) {
	u := w.u
	lo, hi := w.valid()
	pixel := u.InC * tensor.Lanes
	src := w.xs[r*u.InW*pixel:][:u.InW*pixel]
	dst := w.xT[w.slot(r):][:tensor.Lanes*w.xLine]
	if lo >= hi {
		return
	}
	t := transpose{dst: dst[lo*u.InC:], dstStep: w.xLine, rows: (hi - lo) * u.InC,
		src: src[(lo*w.colStep-u.PadW)*pixel:], srcStep: tensor.Lanes, cols: tensor.Lanes}
	if w.colStep == 1 {
		t.do(w.isa)
		return
	}
	t.rows = u.InC
	for i := lo; i < hi; i++ {
		t.dst, t.src = dst[i*u.InC:], src[(i*w.colStep-u.PadW)*pixel:]
		t.do(w.isa)
	}
}

// strips adds the products of the strip's stretches of one weight: each sum call
// takes those of equal length, in order.
func (w *covarianceWork) strips(list []stretch, weight int) {
	for n := w.u.OutW; n > 0; n-- {
		var of [maxSegs]stretch
		count, any := 0, false
		for _, s := range list {
			if s.weight != weight || s.n != n {
				continue
			}
			of[count], any = s, true
			if count++; count == maxSegs {
				w.blocks(of[:count], n)
				count = 0
			}
		}
		if count > 0 {
			w.blocks(of[:count], n)
		}
		if any && n == w.u.OutW {
			break
		}
	}
}

// blocks adds the products of stretches of n columns to all blocks of sums.
func (w *covarianceWork) blocks(list []stretch, n int) {
	u := w.u
	length, cols := w.kernelRow()
	vAt := u.KH * cols
	if w.cross {
		vAt = 0
	}
	for i := range u.KH + 2 { // rows: kernel rows, v, 1
		first, rows := i*length, length
		switch {
		case i == u.KH:
			rows = w.v.C
			if w.cross {
				rows = 0
			}
		case i > u.KH:
			first, rows = w.rows()-1, 1
			if !u.Ones {
				rows = 0
			}
		}
		from, to := max(first, w.lo), min(first+rows, w.hi)
		if from >= to {
			continue
		}
		b := block{left: i, skip: from - first, rows: to - from, at: from - w.lo}
		for j := range u.KH {
			if i != u.KH && (j >= i && !w.shared() || i > u.KH) && !w.cross {
				b.right, b.col, b.vecs = j, j*cols, cols/vec
				w.add(b, list, n)
			}
		}
		if w.v.C > 0 {
			b.right, b.col, b.vecs = u.KH, vAt, vectors(w.v.C)
			w.add(b, list, n)
		}
	}
	w.fresh = false
}

// A block is a rectangle of sums: left and right are kernel rows, u.KH for v
// or u.KH + 1 for the 1; rows start skip into the left operand and at row at
// and column col of the sums of this pass.
type block struct{ left, skip, rows, at, right, col, vecs int }

func (w *covarianceWork) add(b block, list []stretch, n int) {
	if b.vecs == 0 {
		return
	}
	line := w.sumsLine(w.cross)
	s := sum{rows: b.rows, vecs: b.vecs, upper: b.left == b.right && b.skip == 0, c: w.sums[b.at*line+b.col:], cStep: line,
		fresh: w.fresh, n: w.used, k: n}
	count := 0
	for _, t := range list {
		l, okL := w.operand(b.left, t)
		r, okR := w.operand(b.right, t)
		if okL && okR {
			w.segs[count] = seg{l, r}
			count++
		}
	}
	s.a, s.aLane, s.aStep = w.layout(b.left)
	s.b, s.bLane, s.bStep = w.layout(b.right)
	s.a = s.a[b.skip:]
	s.segs = w.segs[:count]
	s.fuse()
	s.do(w.isa)
}

// operand returns where a stretch starts in an operand, and whether its row
// lies inside the image.
func (w *covarianceWork) operand(i int, t stretch) (int, bool) {
	switch {
	case i == w.u.KH:
		return (t.row-w.start)*tensor.Lanes*w.vLine + t.col*w.v.C, true
	case i > w.u.KH:
		return 0, true
	}
	r := t.row*w.u.Stride + i - w.u.PadH
	if r < 0 || r >= w.u.InH {
		return 0, false
	}
	step := w.u.Stride
	if w.colStep > 1 {
		step = 1
	}
	return w.slot(r) + t.col*step*w.u.InC, true
}

// layout returns the memory of an operand and its distances of lanes and positions.
func (w *covarianceWork) layout(i int) (x []float32, lane, step int) {
	switch {
	case i == w.u.KH:
		return w.vT, w.vLine, w.v.C
	case i > w.u.KH:
		return w.one, 0, 0
	case w.colStep > 1:
		return w.xT, w.xLine, w.u.InC
	}
	return w.xT, w.xLine, w.u.Stride * w.u.InC
}

// flush adds weight times the sums of this pass to dst.
func (w *covarianceWork) flush(weight int) {
	line := w.sumsLine(w.cross)
	length, cols := w.kernelRow()
	taps := w.u.KH * length
	n, scale := w.Order(), float64(weight)
	for r := w.lo; r < w.hi; r++ {
		in := w.sums[(r-w.lo)*line:][:line]
		row := w.index(r)
		if w.cross {
			out := w.dst[row*w.v.C:][:w.v.C]
			for o := range out {
				out[o] += float64(scale * float64(in[o]))
			}
			continue
		}
		if r < taps && !w.shared() || r == w.rows()-1 && w.u.Ones {
			for kh := range w.u.KH {
				from := 0
				if r < taps {
					from = max(0, r-kh*length)
				}
				if from >= length {
					continue
				}
				sums := in[kh*cols:][:length]
				for j, e := range w.ext[kh*length:][:length] {
					if j < from {
						continue
					}
					at := PackedIndex(n, row, e)
					w.dst[at] += float64(scale * float64(sums[j]))
				}
			}
		}
		from := 0
		if r >= taps && r < taps+w.v.C {
			from = r - taps
		}
		sums := in[w.u.KH*cols:]
		for o := from; o < w.v.C; o++ {
			w.dst[PackedIndex(n, row, w.Rows()+o)] += float64(scale * float64(sums[o]))
		}
	}
	w.fresh = true
}

// index returns the place in (u, v) of a row of sums.
func (w *covarianceWork) index(r int) int {
	taps := len(w.ext)
	switch {
	case r < taps:
		return w.ext[r]
	case r == w.rows()-1 && w.u.Ones:
		return w.Rows() - 1
	}
	return w.Rows() + r - taps
}

// PackedIndex returns the place of element (i, j), or (j, i), in a packed symmetric
// matrix of order n: the upper triangle row by row.
func PackedIndex(n, i, j int) int {
	if i > j {
		i, j = j, i
	}
	return i*n - i*(i-1)/2 + j - i
}
