package kernel

// Gemm computes C = op(A) op(B), or adds it to C if accumulate is set, for
// row-major op(A) (m, k), op(B) (k, n) and C (m, n); op transposes on trans.
// lda, ldb and ldc are the distances of stored rows. scratch needs GemmScratchLen.
func Gemm(transA, transB bool, m, n, k int, a []float32, lda int, b []float32, ldb int,
	c []float32, ldc int, accumulate bool, scratch []float32) {
	checkMatrix("kernel: Gemm: a", transA, m, k, a, lda)
	checkMatrix("kernel: Gemm: b", transB, k, n, b, ldb)
	checkMatrix("kernel: Gemm: c", false, m, n, c, ldc)
	if len(scratch) < GemmScratchLen(m, n, k) {
		panic("kernel: Gemm: scratch too short")
	}
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		for i := range m {
			if !accumulate {
				clear(c[i*ldc:][:n])
			}
		}
		return
	}
	p := product{isa: Active(), m: m, n: n, k: k, transA: transA, transB: transB, a: a, b: b, lda: lda, ldb: ldb, c: c, ldc: ldc,
		accumulate: accumulate}
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
func GemmScratchLen(m, n, k int) int {
	depth := min(k, gemmK)
	return depth*(min(m, gemmM)+(min(n, gemmN)+gemmWidth-1)/gemmWidth*gemmWidth) + 14*gemmWidth + 3*vec
}

// product is one call of Gemm. upper leaves out the tiles below the diagonal.
type product struct {
	isa            ISA
	m, n, k        int
	transA, transB bool
	a, b, c        []float32
	lda, ldb, ldc  int
	accumulate     bool
	upper          bool
}

// region is a rectangle of C and a stretch of the summed index.
type region struct{ i, m, j, n, l, k int }

func (p *product) run(scratch []float32) {
	depth := min(p.k, gemmK)
	aligned := (vec - misalignment(scratch)) % vec
	scratch = scratch[aligned:]
	tile, scratch := scratch[:14*gemmWidth], scratch[14*gemmWidth:]
	packedA := scratch[:depth*min(p.m, gemmM)]
	packedB := scratch[(len(packedA)+vec-1)/vec*vec:]
	for j := 0; j < p.n; j += gemmN {
		for l := 0; l < p.k; l += gemmK {
			r := region{j: j, n: min(gemmN, p.n-j), l: l, k: min(gemmK, p.k-l)}
			p.packB(packedB, r, p.direct())
			for i := 0; i < p.m; i += gemmM {
				r.i, r.m = i, min(gemmM, p.m-i)
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
		if !p.transA {
			t := transpose{dst: out, dstStep: rows, src: p.a[(r.i+first)*p.lda+r.l:], srcStep: p.lda, rows: rows, cols: r.k}
			t.do(p.isa)
			continue
		}
		for l := range r.k {
			copy(out[l*rows:][:rows], p.a[(r.l+l)*p.lda+r.i+first:])
		}
	}
}

// direct reports whether too few rows of A use B for copies of it to pay.
func (p *product) direct() bool { return !p.transB && p.m <= 2*panelHeight(p.isa) }

// packB copies a block of B to panels [k][32], or only the last panel that
// is not full; what that one has to spare is left as it is.
func (p *product) packB(packed []float32, r region, ragged bool) {
	for first := 0; first < r.n; first += gemmWidth {
		cols := min(gemmWidth, r.n-first)
		if ragged && cols == gemmWidth {
			continue
		}
		out := packed[first*r.k:][:gemmWidth*r.k]
		if p.transB {
			t := transpose{dst: out, dstStep: gemmWidth, src: p.b[(r.j+first)*p.ldb+r.l:], srcStep: p.ldb, rows: cols, cols: r.k}
			t.do(p.isa)
			continue
		}
		for l := range r.k {
			copy(out[l*gemmWidth:][:cols], p.b[(r.l+l)*p.ldb+r.j+first:])
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
			s.b, s.bStep = p.b[r.l*p.ldb+r.j+first:], p.ldb
		}
		for q := range count {
			row, last := r.m*q/count, r.m*(q+1)/count
			if p.upper && r.i+row >= r.j+first+cols {
				break
			}
			s.rows = last - row
			s.a, s.aStep = packedA[row*r.k:last*r.k], s.rows
			p.add(&s, r.i+row, r.j+first, cols, tile)
		}
	}
}

// add runs s on the tile of cols columns of C at (i, j), by way of tile if it ends within a vector.
func (p *product) add(s *sum, i, j, cols int, tile []float32) {
	c := p.c[i*p.ldc+j:]
	if cols%vec == 0 {
		s.c, s.cStep = c, p.ldc
		s.do(p.isa)
		return
	}
	s.c, s.cStep = tile, gemmWidth
	if !s.fresh {
		for r := range s.rows {
			copy(tile[r*gemmWidth:][:cols], c[r*p.ldc:])
		}
	}
	s.do(p.isa)
	for r := range s.rows {
		copy(c[r*p.ldc:][:cols], tile[r*gemmWidth:])
	}
}

// checkMatrix panics with name unless the stored matrix holds op's (rows, cols).
func checkMatrix(name string, trans bool, rows, cols int, x []float32, ld int) {
	checkStored(name, trans, rows, cols, len(x), ld)
}

func checkStored(name string, trans bool, rows, cols, length, ld int) {
	if trans {
		rows, cols = cols, rows
	}
	if rows < 0 || cols < 0 || ld < cols {
		panic(name + ": impossible shape")
	}
	if rows > 0 && cols > 0 && length < (rows-1)*ld+cols {
		panic(name + ": slice too short")
	}
}
