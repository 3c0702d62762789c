package linalg

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"
	"gonum.org/v1/gonum/mat"
)

// The blocked factor and solves against gonum's, at orders about the panel's.
func TestTriangleAgreesWithGonum(t *testing.T) {
	for _, n := range []int{1, 2, panel - 1, panel, panel + 1, 2 * panel, 101, 150} {
		s := covariance(random(uint64(n), 2*n+5, n))
		got, want := mat.DenseCopyOf(s), mat.DenseCopyOf(s)
		g, w := got.RawMatrix(), want.RawMatrix()
		if !cholesky(g.Data, n) || !(gonum.Implementation{}).Dpotrf(blas.Upper, n, w.Data, n) {
			t.Fatalf("order %d: not positive definite", n)
		}
		for i := range n {
			for j := i; j < n; j++ {
				if a, b := got.At(i, j), want.At(i, j); math.Abs(a-b) > 1e-11*(1+math.Abs(b)) {
					t.Fatalf("order %d: element (%d, %d) is %v, want %v", n, i, j, a, b)
				}
			}
		}
		for _, c := range []int{0, 1, 7, 40} {
			for _, trans := range []bool{true, false} {
				x := mat.NewDense(n, max(c, 1), nil)
				x.Copy(random(3, n, max(c, 1)))
				y := mat.DenseCopyOf(x)
				xs, ys := view(x), y.RawMatrix()
				xs.Cols, ys.Cols = c, c
				solveUpper(trans, triangle{n: n, stride: n, data: w.Data}, xs)
				op := blas.NoTrans
				if trans {
					op = blas.Trans
				}
				blas64.Trsm(blas.Left, op, 1, blas64.Triangular{Uplo: blas.Upper, Diag: blas.NonUnit, N: n, Data: w.Data, Stride: n}, ys)
				if !mat.EqualApprox(x, y, 1e-9) {
					t.Errorf("order %d, %d columns, transposed %v: another solution than gonum's", n, c, trans)
				}
			}
		}
	}
}

func TestCholeskyRefusesWhatIsNotPositive(t *testing.T) {
	for _, at := range []int{0, panel, 2*panel + 3} {
		s := mat.DenseCopyOf(eye(3 * panel))
		s.Set(at, at, -1)
		if cholesky(s.RawMatrix().Data, 3*panel) {
			t.Errorf("element %d is negative: a factor was found", at)
		}
	}
}

// pivotedOracle is LAPACK's pivoted factorisation in the upper triangle of a.
func pivotedOracle(a *mat.Dense, threshold float64) (pivots []int, rank int) {
	n, _ := a.Dims()
	pivots = make([]int, n)
	rank, _ = gonum.Implementation{}.Dpstrf(blas.Upper, n, a.RawMatrix().Data, n, pivots, threshold, make([]float64, 2*n))
	return pivots, rank
}
