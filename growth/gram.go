package growth

import (
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// products computes sums of outer products over the columns of float32
// matrices. Sums over the columns of one call are float32 chains of fused
// multiply-adds; the results of calls are added in float64.
type products struct{ out, scratch []float32 }

// addSym adds z z' for z (d, k) to the packed symmetric matrix dst of order d.
func (p *products) addSym(dst []float64, z []float32, d, k int) {
	p.out = grow(p.out, d*d)
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(d, d, k))
	kernel.Syrk(false, d, k, z, k, p.out, d, false, p.scratch)
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
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(m, n, k))
	kernel.Gemm(false, true, m, n, k, x, k, y, k, p.out, n, false, p.scratch)
	return p.out[:m*n]
}

// syrkScratch returns the scratch of a small symmetric product.
func (p *products) syrkScratch(n int) []float32 {
	p.scratch = grow(p.scratch, kernel.GemmScratchLen(n, n, lanes))
	return p.scratch
}

// grow returns a slice of at least n values.
func grow(x []float32, n int) []float32 {
	if len(x) < n {
		return make([]float32, n)
	}
	return x
}
