package linalg

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// symmetrics are matrices that eigenproblems are known to fail on.
func symmetrics() map[string]*mat.Dense {
	out := map[string]*mat.Dense{
		"one":      mat.NewDense(1, 1, []float64{-3}),
		"two":      mat.NewDense(2, 2, []float64{1, 2, 2, 1}),
		"identity": eye(9),
		"zero":     mat.NewDense(6, 6, nil),
		"rank one": MulBT(random(4, 20, 1), random(4, 20, 1)),
	}
	for _, n := range []int{3, 24, 64, 128} {
		out["covariance "+string(rune('a'+n%26))] = Full(covariance(random(uint64(n), 2*n, n)))
	}
	graded := mat.NewDense(40, 40, nil)
	for i := range 40 {
		for j := range 40 {
			graded.Set(i, j, math.Pow(10, -float64(i+j)/4)*(1+float64((i*j)%7)))
		}
	}
	out["graded"] = graded
	pairs := mat.NewDense(30, 30, nil) // every eigenvalue twice
	for i := range 15 {
		pairs.Set(2*i, 2*i+1, float64(i+1))
		pairs.Set(2*i+1, 2*i, float64(i+1))
	}
	out["opposite pairs"] = pairs
	return out
}

// Eigenvalues are gonum's to rounding of the largest; the vectors are
// orthonormal and give the matrix back.
func TestEigenSymAgreesWithGonum(t *testing.T) {
	for name, a := range symmetrics() {
		n, _ := a.Dims()
		s := mat.NewSymDense(n, mat.DenseCopyOf(a).RawMatrix().Data)
		var want mat.EigenSym
		if !want.Factorize(s, false) {
			t.Fatalf("%s: oracle failed", name)
		}
		ascending := want.Values(nil)
		size := math.Max(math.Abs(ascending[0]), math.Abs(ascending[n-1]))
		values, rows := eigenSym(mat.DenseCopyOf(a).RawMatrix().Data, n)
		q := mat.NewDense(n, n, rows)
		near(t, name+": Q Q'", MulBT(q, q), eye(n), 1e-13)
		d := mat.NewDense(n, n, nil)
		for i, v := range values {
			if math.Abs(v-ascending[n-1-i]) > 1e-13*size {
				t.Errorf("%s: eigenvalue %d is %v, want %v", name, i, v, ascending[n-1-i])
			}
			d.Set(i, i, v)
		}
		if size > 0 {
			near(t, name+": Q' D Q", MulAT(q, Mul(d, q)), a, 1e-13)
		}
	}
}

// A power of two changes eigenvalues by that power and vectors not at all, up to the ends of float64's range.
func TestEigenSymScales(t *testing.T) {
	a := Full(covariance(random(9, 30, 12))).RawMatrix().Data
	values, vectors := eigenSym(slices.Clone(a), 12)
	for _, power := range []int{-960, -1, 1015} {
		scaled := slices.Clone(a)
		for i, v := range scaled {
			scaled[i] = math.Ldexp(v, power)
		}
		v, q := eigenSym(scaled, 12)
		for i := range v {
			if v[i] != math.Ldexp(values[i], power) {
				t.Errorf("times 2^%d: eigenvalue %d is %v, want 2^%d times %v", power, i, v[i], power, values[i])
			}
		}
		if !slices.Equal(q, vectors) {
			t.Errorf("times 2^%d: other eigenvectors", power)
		}
	}
}

// The factor of the leading rows gives back what lies in their span, and the
// rank and pivots are gonum's.
func TestCholeskyPivotedAgreesWithGonum(t *testing.T) {
	for _, c := range []struct{ n, rank int }{{1, 1}, {7, 7}, {7, 3}, {panel, 5}, {90, 60}, {130, 130}, {130, 33}, {200, 64}} {
		s := rng.New(uint64(c.n), uint64(c.rank))
		x := random(s.Uint64(0), c.rank, c.n)
		a := MulAT(x, x)
		for i := range c.n {
			a.Set(i, i, a.At(i, i)*(1+1e-13))
		}
		got, want := mat.DenseCopyOf(a), mat.DenseCopyOf(a)
		pivots, rank := choleskyPivoted(got.RawMatrix().Data, c.n, 1e-6)
		wantPivots, wantRank := pivotedOracle(want, 1e-6)
		if rank != wantRank || rank != c.rank {
			t.Fatalf("%v: rank %d, want %d", c, rank, wantRank)
		}
		for i := range rank {
			if pivots[i] != wantPivots[i] {
				t.Fatalf("%v: pivot %d is %d, want %d", c, i, pivots[i], wantPivots[i])
			}
			clear(got.RawRowView(i)[:i])
		}
		u := got.Slice(0, rank, 0, c.n).(*mat.Dense)
		permuted := mat.NewDense(c.n, c.n, nil)
		for i, p := range pivots {
			for j, q := range pivots {
				permuted.Set(i, j, a.At(p, q))
			}
		}
		near(t, "U'U", MulAT(u, u), permuted, 1e-12)
	}
}

func TestProductsAgreeWithGonum(t *testing.T) {
	a, b := random(1, 17, 40), random(2, 40, 23)
	want := mul(a, b)
	near(t, "a b", Mul(a, b), want, 1e-14)
	near(t, "a'b", MulAT(mat.DenseCopyOf(a.T()), b), want, 1e-14)
	near(t, "a b'", MulBT(a, mat.DenseCopyOf(b.T())), want, 1e-14)
	near(t, "a - a", Sub(a, a), mat.NewDense(17, 40, nil), 0)
	part := a.Slice(3, 9, 5, 25).(*mat.Dense)
	near(t, "of a part", Mul(part, mat.DenseCopyOf(part.T())), mul(part, part.T()), 1e-14)
}
