package kernel

// Gemm computes c = a b, or adds the product to c if accumulate is set. c is not
// transposed. scratch needs GemmScratchLen.
func Gemm(c, a, b Matrix[float32], accumulate bool, scratch []float32) {
	shape := productShape("kernel: Gemm", c, a, b)
	if len(scratch) < GemmScratchLen(shape) {
		panic("kernel: Gemm: scratch too short")
	}
	if shape.M == 0 || shape.N == 0 {
		return
	}
	if shape.K == 0 {
		if !accumulate {
			c.clear()
		}
		return
	}
	p := product{ProductShape: shape, isa: Active(), a: a, b: b, c: c, accumulate: accumulate}
	p.run(scratch)
}

// Blocking of a product. A panel of 14 rows of A and one of 32 columns of B
// stay in the first-level cache, the packed blocks of both in the second.
const (
	gemmK     = 256
	gemmM     = 14 * 16
	gemmN     = 512
	gemmWidth = 2 * vec
)

// GemmScratchLen returns the scratch length that Gemm needs.
func GemmScratchLen(s ProductShape) int {
	depth := min(s.K, gemmK)
	return depth*(min(s.M, gemmM)+(min(s.N, gemmN)+gemmWidth-1)/gemmWidth*gemmWidth) + 14*gemmWidth + 3*vec
}

// product is one call of Gemm. upper leaves out the tiles below the diagonal.
type product struct {
	ProductShape
	isa        ISA
	a, b, c    Matrix[float32]
	accumulate bool
	upper      bool
}

// region is a rectangle of C and a stretch of the summed index.
type region struct{ i, m, j, n, l, k int }

func (p *product) run(scratch []float32) {
	depth := min(p.K, gemmK)
	aligned := (vec - misalignment(scratch)) % vec
	scratch = scratch[aligned:]
	tile, scratch := scratch[:14*gemmWidth], scratch[14*gemmWidth:]
	packedA := scratch[:depth*min(p.M, gemmM)]
	packedB := scratch[(len(packedA)+vec-1)/vec*vec:]
	for j := 0; j < p.N; j += gemmN {
		for l := 0; l < p.K; l += gemmK {
			r := region{j: j, n: min(gemmN, p.N-j), l: l, k: min(gemmK, p.K-l)}
			p.packB(packedB, r, p.direct())
			for i := 0; i < p.M; i += gemmM {
				r.i, r.m = i, min(gemmM, p.M-i)
				if p.upper && r.i >= r.j+r.n {
					break
				}
				p.packA(packedA, r)
				p.block(packedA, packedB, tile, r)
			}
		}
	}
}

// packA copies a block of A to panels [k][rows].
func (p *product) packA(packed []float32, r region) {
	limit := panelHeight(p.isa)
	count := (r.m + limit - 1) / limit
	for q := range count {
		first, last := r.m*q/count, r.m*(q+1)/count
		rows := last - first
		out := packed[first*r.k : last*r.k]
		if !p.a.Transposed {
			t := transpose{dst: out, dstStep: rows, src: p.a.Data[(r.i+first)*p.a.Stride+r.l:], srcStep: p.a.Stride, rows: rows, cols: r.k}
			t.do(p.isa)
			continue
		}
		for l := range r.k {
			copy(out[l*rows:][:rows], p.a.Data[(r.l+l)*p.a.Stride+r.i+first:])
		}
	}
}

// direct reports whether too few rows of A use B for copies of it to pay.
func (p *product) direct() bool { return !p.b.Transposed && p.M <= 2*panelHeight(p.isa) }

// packB copies a block of B to panels [k][32], or only the last panel that
// is not full; what that one has to spare is left as it is.
func (p *product) packB(packed []float32, r region, ragged bool) {
	for first := 0; first < r.n; first += gemmWidth {
		cols := min(gemmWidth, r.n-first)
		if ragged && cols == gemmWidth {
			continue
		}
		out := packed[first*r.k:][:gemmWidth*r.k]
		if p.b.Transposed {
			t := transpose{dst: out, dstStep: gemmWidth, src: p.b.Data[(r.j+first)*p.b.Stride+r.l:], srcStep: p.b.Stride,
				rows: cols, cols: r.k}
			t.do(p.isa)
			continue
		}
		for l := range r.k {
			copy(out[l*gemmWidth:][:cols], p.b.Data[(r.l+l)*p.b.Stride+r.j+first:])
		}
	}
}

// block adds the product of packed blocks to C.
func (p *product) block(packedA, packedB, tile []float32, r region) {
	limit := panelHeight(p.isa)
	count := (r.m + limit - 1) / limit
	segs := [1]seg{}
	s := sum{fresh: r.l == 0 && !p.accumulate, segs: segs[:], n: 1, k: r.k}
	for first := 0; first < r.n; first += gemmWidth {
		cols := min(gemmWidth, r.n-first)
		s.vecs = vectors(cols)
		s.b, s.bStep = packedB[first*r.k:], gemmWidth
		if cols == gemmWidth && p.direct() {
			s.b, s.bStep = p.b.Data[r.l*p.b.Stride+r.j+first:], p.b.Stride
		}
		for q := range count {
			row, last := r.m*q/count, r.m*(q+1)/count
			if p.upper && r.i+row >= r.j+first+cols {
				break
			}
			s.rows = last - row
			s.a, s.aStep = packedA[row*r.k:last*r.k], s.rows
			c := Matrix[float32]{Data: p.c.Data[(r.i+row)*p.c.Stride+r.j+first:], Stride: p.c.Stride, Cols: cols}
			s.onto(p.isa, c, tile)
		}
	}
}

// onto runs s on c, a few rows and columns of C, by way of tile if c ends within a vector.
func (s *sum) onto(isa ISA, c Matrix[float32], tile []float32) {
	if c.Cols%vec == 0 {
		s.c, s.cStep = c.Data, c.Stride
		s.do(isa)
		return
	}
	s.c, s.cStep = tile, gemmWidth
	if !s.fresh {
		for r := range s.rows {
			copy(tile[r*gemmWidth:][:c.Cols], c.Data[r*c.Stride:])
		}
	}
	s.do(isa)
	for r := range s.rows {
		copy(c.Data[r*c.Stride:][:c.Cols], tile[r*gemmWidth:])
	}
}
