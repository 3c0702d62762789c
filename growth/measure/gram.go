package measure

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// products computes sums of outer products over the columns of float32
// matrices. Sums over the columns of one call are float32 chains of fused
// multiply-adds; the results of calls are added in float64.
type products struct{ out, scratch []float32 }

// addSym adds z z' for z (d, k) to the packed symmetric matrix dst of order d.
func (p *products) addSym(dst []float64, z kernel.Matrix[float32]) {
	d := z.Rows
	p.out = grow(p.out, d*d)
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(kernel.ProductShape{M: d, N: d, K: z.Cols}))
	kernel.Syrk(kernel.RowMajor(p.out[:d*d], d), z, false, p.scratch)
	for i := range d {
		row := p.out[i*d+i : (i+1)*d]
		part := dst[:len(row)]
		for j, v := range row {
			part[j] += float64(v)
		}
		dst = dst[len(row):]
	}
}

// addBlock adds x y' for x (m, k) and y (n, k) to dst (m, n).
func (p *products) addBlock(dst []float64, x, y kernel.Matrix[float32]) {
	m, n := x.Rows, y.Rows
	if m == 0 || n == 0 {
		return
	}
	p.out = grow(p.out, m*n)
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(kernel.ProductShape{M: m, N: n, K: x.Cols}))
	kernel.Gemm(kernel.RowMajor(p.out[:m*n], n), x, y.T(), false, p.scratch)
	for i, v := range p.out[:m*n] {
		dst[i] += float64(v)
	}
}

// addDiagonal adds the squares of each of z's rows.
func addDiagonal(dst []float64, z kernel.Matrix[float32]) {
	for i := range z.Rows {
		dst[i] += linalg.SquareSum(z.Data[i*z.Stride:][:z.Cols])
	}
}

// syrkScratch returns the scratch of a small symmetric product.
func (p *products) syrkScratch(n int) []float32 {
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(kernel.ProductShape{M: n, N: n, K: tensor.Lanes}))
	return p.scratch
}

// grow returns a slice of at least n values.
func grow(x []float32, n int) []float32 {
	if len(x) < n {
		return make([]float32, n)
	}
	return x
}
