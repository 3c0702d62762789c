package kernel

// Syrk computes the upper triangle of c = a a', or adds it to c if accumulate is
// set, in about half the work of Gemm. Below the diagonal, c is spoilt near it and
// untouched elsewhere. scratch needs GemmScratchLen of the product.
func Syrk(c, a Matrix[float32], accumulate bool, scratch []float32) {
	shape := productShape("kernel: Syrk", c, a, a.T())
	if len(scratch) < GemmScratchLen(shape) {
		panic("kernel: Syrk: scratch too short")
	}
	n := shape.N
	if shape.K == 0 {
		for i := range n {
			if !accumulate {
				clear(c.Data[i*c.Stride+i:][:n-i])
			}
		}
		return
	}
	p := product{ProductShape: shape, isa: Active(), a: a, b: a.T(), c: c, accumulate: accumulate, upper: true}
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
	depth := min(p.K, gemmK)
	aligned := (vec - misalignment(scratch)) % vec
	tile, packed := scratch[aligned:][:14*gemmWidth], scratch[aligned+14*gemmWidth:]
	packed = packed[:depth*((p.N+gemmWidth-1)/gemmWidth*gemmWidth)]
	limit := panelHeight(p.isa)
	segs := [1]seg{}
	for l := 0; l < p.K; l += gemmK {
		r := region{n: p.N, l: l, k: min(gemmK, p.K-l)}
		p.packB(packed, r, false)
		s := sum{fresh: l == 0 && !p.accumulate, segs: segs[:], n: 1, k: r.k, aStep: gemmWidth, bStep: gemmWidth}
		for j := 0; j < p.N; j += gemmWidth {
			cols := min(gemmWidth, p.N-j)
			s.vecs, s.b = vectors(cols), packed[j*r.k:]
			for i := 0; i <= j; i += gemmWidth {
				height := min(gemmWidth, p.N-i)
				count := (height + limit - 1) / limit
				for q := range count {
					first, last := height*q/count, height*(q+1)/count
					s.rows, s.a = last-first, packed[i*r.k+first:]
					s.onto(p.isa, Matrix[float32]{Data: p.c.Data[(i+first)*p.c.Stride+j:], Stride: p.c.Stride, Cols: cols}, tile)
				}
			}
		}
	}
}
