package kernel

// Syrk computes the upper triangle of C = op(A) op(A)', or adds it to C
// if accumulate is set, for row-major op(A) (n, k) and C (n, n), in about half
// the work of Gemm. Below the diagonal, C is spoilt near it and untouched
// elsewhere. scratch needs GemmScratchLen(n, n, k).
func Syrk(trans bool, n, k int, a []float32, lda int, c []float32, ldc int, accumulate bool, scratch []float32) {
	checkMatrix("kernel: Syrk: a", trans, n, k, a, lda)
	checkMatrix("kernel: Syrk: c", false, n, n, c, ldc)
	if len(scratch) < GemmScratchLen(n, n, k) {
		panic("kernel: Syrk: scratch too short")
	}
	if k == 0 {
		for i := range n {
			if !accumulate {
				clear(c[i*ldc+i:][:n-i])
			}
		}
		return
	}
	p := product{isa: Active(), m: n, n: n, k: k, transA: trans, transB: !trans, a: a, b: a, lda: lda, ldb: lda, c: c, ldc: ldc,
		accumulate: accumulate, upper: true}
	switch {
	case n == 0:
	case n <= syrkOrder:
		p.triangle(scratch)
	default:
		p.run(scratch)
	}
}

// syrkOrder is the largest order whose packed block fits where Gemm's two would.
const syrkOrder = gemmN + gemmM - gemmWidth

// triangle computes the upper triangle from one packed copy of op(A)': its
// panels [k][32] serve as columns, and thirds of them as rows.
func (p *product) triangle(scratch []float32) {
	depth := min(p.k, gemmK)
	aligned := (vec - misalignment(scratch)) % vec
	tile, packed := scratch[aligned:][:14*gemmWidth], scratch[aligned+14*gemmWidth:]
	packed = packed[:depth*((p.n+gemmWidth-1)/gemmWidth*gemmWidth)]
	limit := panelHeight(p.isa)
	segs := [1]seg{}
	for l := 0; l < p.k; l += gemmK {
		r := region{n: p.n, l: l, k: min(gemmK, p.k-l)}
		p.packB(packed, r, false)
		s := sum{fresh: l == 0 && !p.accumulate, segs: segs[:], n: 1, k: r.k, aStep: gemmWidth, bStep: gemmWidth}
		for j := 0; j < p.n; j += gemmWidth {
			cols := min(gemmWidth, p.n-j)
			s.vecs, s.b = vectors(cols), packed[j*r.k:]
			for i := 0; i <= j; i += gemmWidth {
				height := min(gemmWidth, p.n-i)
				count := (height + limit - 1) / limit
				for q := range count {
					first, last := height*q/count, height*(q+1)/count
					s.rows, s.a = last-first, packed[i*r.k+first:]
					p.add(&s, i+first, j, cols, tile)
				}
			}
		}
	}
}
