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

// A matrix is a part of a dense matrix, or its transpose.
type matrix = kernel.Matrix[float64]

// view returns all of m, on the same numbers.
func view(m *mat.Dense) matrix {
	raw := m.RawMatrix()
	return matrix{Rows: raw.Rows, Cols: raw.Cols, Data: raw.Data, Stride: raw.Stride}
}

// A span is the whole numbers from lo up to but not including hi.
type span struct{ lo, hi int }

// part returns a block of m, which is not transposed.
func part(m matrix, rows, cols span) matrix {
	m.Data = m.Data[rows.lo*m.Stride+cols.lo:]
	m.Rows, m.Cols = rows.hi-rows.lo, cols.hi-cols.lo
	return m
}

// Mul returns a b for a (m, k) and b (k, n). Each element is one chain of
// fused multiply-adds in the order of k.
func Mul(a, b *mat.Dense) *mat.Dense { return multiply(view(a), view(b)) }

// MulAT returns a'b for a (k, m) and b (k, n), in the same order.
func MulAT(a, b *mat.Dense) *mat.Dense { return multiply(view(a).T(), view(b)) }

// MulBT returns a b' for a (m, k) and b (n, k), in the same order.
func MulBT(a, b *mat.Dense) *mat.Dense { return multiply(view(a), view(b).T()) }

func multiply(a, b matrix) *mat.Dense {
	if a.Cols != b.Rows {
		panic("linalg: operands of a product do not fit")
	}
	out := mat.NewDense(a.Rows, b.Cols, nil)
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	p.gemm(view(out), a, b, false)
	return out
}

// gemm is kernel.Gemm64 with scratch.
func (p *products) gemm(c, a, b matrix, accumulate bool) {
	if p.scratch == nil {
		p.scratch = make([]float64, kernel.Gemm64ScratchLen)
	}
	kernel.Gemm64(c, a, b, accumulate, p.scratch)
}

// subtract computes c -= a b; a may be transposed.
func (p *products) subtract(c, a, b matrix) {
	if c.Rows == 0 || c.Cols == 0 || a.Cols == 0 {
		return
	}
	negative := a
	if a.Transposed {
		negative = a.T()
	}
	rows, cols := negative.Rows, negative.Cols
	if len(p.negated) < rows*cols {
		p.negated = make([]float64, 2*rows*cols)
	}
	for i := range rows {
		out := p.negated[i*cols : (i+1)*cols]
		for j, v := range a.Data[i*a.Stride:][:cols] {
			out[j] = -v
		}
	}
	negative.Data, negative.Stride = p.negated, cols
	if a.Transposed {
		negative = negative.T()
	}
	p.gemm(c, negative, b, true)
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

// SquareSum returns the sum of the squares of x in float64, added in order.
func SquareSum(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(float64(v) * float64(v))
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

// Float32s returns a copy of m, row by row.
func Float32s(m *mat.Dense) []float32 {
	r, c := m.Dims()
	out := make([]float32, 0, r*c)
	for i := range r {
		for _, v := range m.RawRowView(i) {
			out = append(out, float32(v))
		}
	}
	return out
}
