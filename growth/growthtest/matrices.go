package growthtest

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Normal returns an (r, c) matrix of independent standard normal numbers.
func Normal(seed uint64, r, c int) *mat.Dense {
	s := rng.New(seed)
	d := mat.NewDense(r, c, nil)
	for i := range r {
		for j := range c {
			d.Set(i, j, s.Normal(uint64(i*c+j)))
		}
	}
	return d
}

// Mul returns the product of the matrices, from left to right.
func Mul(ms ...mat.Matrix) *mat.Dense {
	out := mat.DenseCopyOf(ms[0])
	for _, m := range ms[1:] {
		var next mat.Dense
		next.Mul(out, m)
		out = &next
	}
	return out
}

// Sub returns a - b.
func Sub(a, b mat.Matrix) *mat.Dense {
	var d mat.Dense
	d.Sub(a, b)
	return &d
}

// Scaled returns f a.
func Scaled(f float64, a mat.Matrix) *mat.Dense {
	var d mat.Dense
	d.Scale(f, a)
	return &d
}

// Sym returns the symmetric part of a square matrix.
func Sym(a *mat.Dense) *mat.SymDense {
	n, _ := a.Dims()
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	return s
}

// Near fails t unless got differs from want by at most tol of the Frobenius norm
// of want, itself in that norm. what names the value.
func Near(t *testing.T, what string, got, want mat.Matrix, tol float64) {
	t.Helper()
	if diff, size := mat.Norm(Sub(got, want), 2), mat.Norm(want, 2); !(diff <= tol*math.Max(size, 1e-300)) {
		t.Errorf("%s: off by %.3g of %.3g", what, diff, size)
	}
}

// Close fails t unless got is want within the relative tolerance tol. what names
// the value.
func Close(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(math.Abs(want), 1e-300)) {
		t.Errorf("%s: %.15g, want %.15g", what, got, want)
	}
}

// Squares returns the sum of the squares of x.
func Squares(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += float64(v * v)
	}
	return s
}

// Flip changes the sign of neuron k: row k of alpha (k, a) and column k of
// omega (c, k).
func Flip(alpha, omega *mat.Dense, k int) {
	_, a := alpha.Dims()
	c, _ := omega.Dims()
	for i := range a {
		alpha.Set(k, i, -alpha.At(k, i))
	}
	for i := range c {
		omega.Set(i, k, -omega.At(i, k))
	}
}

// tight is the threshold for exact float64 statistics.
const Tight = 1e-10
