package measure

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// products computes sums of outer products over the columns of float32
// matrices. Sums over the columns of one call are float32 chains of fused
// multiply-adds; the results of calls are added in float64.
type products struct{ out, scratch []float32 }

// addSym adds z z' for z (d, k) to the packed symmetric matrix dst of order d.
func (p *products) addSym(dst []float64, z []float32, d, k int) {
	p.out = grow(p.out, d*d)
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(kernel.ProductShape{M: d, N: d, K: k}))
	kernel.Syrk(kernel.RowMajor(p.out[:d*d], d), kernel.RowMajor(z[:d*k], k), false, p.scratch)
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
func (p *products) addBlock(dst []float64, x, y []float32, m, n, k int) {
	for i, v := range p.product(x, y, m, n, k) {
		dst[i] += float64(v)
	}
}

func (p *products) product(x, y []float32, m, n, k int) []float32 {
	if m == 0 || n == 0 {
		return nil
	}
	p.out = grow(p.out, m*n)
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(kernel.ProductShape{M: m, N: n, K: k}))
	kernel.Gemm(kernel.RowMajor(p.out[:m*n], n), kernel.RowMajor(x[:m*k], k), kernel.RowMajor(y[:n*k], k).T(), false, p.scratch)
	return p.out[:m*n]
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
