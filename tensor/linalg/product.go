package linalg

import (
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// products computes matrix products in memory of its own.
type products struct{ negated, scratch []float64 }

// spaces keeps that memory between calls: some 3 MB.
var spaces = sync.Pool{New: func() any { return new(products) }}

// Mul returns a b for a (m, k) and b (k, n). Each element is one chain of
// fused multiply-adds in the order of k.
func Mul(a, b *mat.Dense) *mat.Dense { return multiply(false, a, false, b) }

// MulAT returns a'b for a (k, m) and b (k, n), in the same order.
func MulAT(a, b *mat.Dense) *mat.Dense { return multiply(true, a, false, b) }

// MulBT returns a b' for a (m, k) and b (n, k), in the same order.
func MulBT(a, b *mat.Dense) *mat.Dense { return multiply(false, a, true, b) }

func multiply(transA bool, a *mat.Dense, transB bool, b *mat.Dense) *mat.Dense {
	x, y := a.RawMatrix(), b.RawMatrix()
	m, k, inner, n := x.Rows, x.Cols, y.Rows, y.Cols
	if transA {
		m, k = k, m
	}
	if transB {
		inner, n = n, inner
	}
	if k != inner {
		panic("linalg: operands of a product do not fit")
	}
	out := mat.NewDense(m, n, nil)
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	p.gemm(transA, transB, m, n, k, x.Data, x.Stride, y.Data, y.Stride, out.RawMatrix().Data, n, false)
	return out
}

// gemm is kernel.Gemm64 with scratch.
func (p *products) gemm(transA, transB bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int, accumulate bool) {
	if need := kernel.Gemm64ScratchLen(m, n, k); len(p.scratch) < need {
		p.scratch = make([]float64, need)
	}
	kernel.Gemm64(transA, transB, m, n, k, a, lda, b, ldb, c, ldc, accumulate, p.scratch)
}

// subtract computes c -= op(a) b for op(a) (m, k), b (k, n) and c (m, n).
func (p *products) subtract(trans bool, m, n, k int, a []float64, lda int, b []float64, ldb int, c []float64, ldc int) {
	if m == 0 || n == 0 || k == 0 {
		return
	}
	rows, cols := m, k
	if trans {
		rows, cols = k, m
	}
	if len(p.negated) < rows*cols {
		p.negated = make([]float64, 2*rows*cols)
	}
	for i := range rows {
		out := p.negated[i*cols : (i+1)*cols]
		for j, v := range a[i*lda:][:cols] {
			out[j] = -v
		}
	}
	p.gemm(trans, false, m, n, k, p.negated, cols, b, ldb, c, ldc, true)
}

// Sub returns a - b.
func Sub(a, b *mat.Dense) *mat.Dense {
	r, c := a.Dims()
	out := mat.NewDense(r, c, nil)
	for i := range r {
		dst, x, y := out.RawRowView(i), a.RawRowView(i), b.RawRowView(i)
		for j, v := range x {
			dst[j] = v - y[j]
		}
	}
	return out
}

// Full returns both triangles of s.
func Full(s *mat.SymDense) *mat.Dense {
	n := s.SymmetricDim()
	out := mat.NewDense(n, n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			v := s.At(i, j)
			out.Set(i, j, v)
			out.Set(j, i, v)
		}
	}
	return out
}

// SumSquares returns the sum of the squares of m's elements, added in row-major order.
func SumSquares(m *mat.Dense) float64 {
	r, _ := m.Dims()
	var s float64
	for i := range r {
		for _, v := range m.RawRowView(i) {
			s += float64(v * v)
		}
	}
	return s
}

// dot adds in order of the index.
func dot(a, b []float64) float64 {
	var s float64
	for i, v := range a {
		s += float64(v * b[i])
	}
	return s
}

// subtractMultiple computes y -= f x.
func subtractMultiple(y []float64, f float64, x []float64) {
	for i, v := range x {
		y[i] -= float64(f * v)
	}
}

// scale multiplies x by f.
func scale(x []float64, f float64) {
	for i, v := range x {
		x[i] = float64(v * f)
	}
}
