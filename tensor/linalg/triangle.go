package linalg

import (
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// panel is how many rows are solved at a time by scalar code; all else is
// matrix products.
const panel = 32

// products subtracts matrix products, in memory of its own.
type products struct{ negated, scratch []float64 }

// spaces keeps that memory between calls: some 3 MB.
var spaces = sync.Pool{New: func() any { return new(products) }}

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
	if need := kernel.Gemm64ScratchLen(m, n, k); len(p.scratch) < need {
		p.scratch = make([]float64, need)
	}
	kernel.Gemm64(trans, false, m, n, k, p.negated, cols, b, ldb, c, ldc, true, p.scratch)
}

// cholesky overwrites the upper triangle of a, row-major of order n, by U of
// a = U'U. It reports false, and leaves a spoilt, if a is not positive definite.
func cholesky(a []float64, n int) bool {
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	for j := 0; j < n; j += panel {
		end := min(n, j+panel)
		here := a[j*n+j:]
		p.subtract(true, end-j, n-j, j, a[j:], n, a[j:], n, here, n)
		if !(gonum.Implementation{}).Dpotrf(blas.Upper, end-j, here, n) {
			return false
		}
		if end < n {
			blas64.Trsm(blas.Left, blas.Trans, 1, upper(here, end-j, n), blas64.General{Rows: end - j, Cols: n - end, Stride: n, Data: a[j*n+end:]})
		}
	}
	return true
}

// solveUpper overwrites y by the solution x of U'x = y (trans) or U x = y.
func solveUpper(trans bool, u blas64.Triangular, y blas64.General) {
	n, c := u.N, y.Cols
	if c == 0 {
		return
	}
	p := spaces.Get().(*products)
	defer spaces.Put(p)
	for done := 0; done < n; done += panel {
		rows := min(panel, n-done)
		j, t := done, blas.Trans
		if !trans {
			j, t = n-done-rows, blas.NoTrans
		}
		part := blas64.General{Rows: rows, Cols: c, Stride: y.Stride, Data: y.Data[j*y.Stride:]}
		if trans {
			p.subtract(true, rows, c, j, u.Data[j:], u.Stride, y.Data, y.Stride, part.Data, y.Stride)
		} else if done > 0 {
			p.subtract(false, rows, c, done, u.Data[j*u.Stride+j+rows:], u.Stride, y.Data[(j+rows)*y.Stride:], y.Stride, part.Data, y.Stride)
		}
		blas64.Trsm(blas.Left, t, 1, upper(u.Data[j*u.Stride+j:], rows, u.Stride), part)
	}
}

// upper returns the upper triangle of order n that starts data.
func upper(data []float64, n, stride int) blas64.Triangular {
	return blas64.Triangular{Uplo: blas.Upper, Diag: blas.NonUnit, N: n, Data: data, Stride: stride}
}
