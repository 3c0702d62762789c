package linalg

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/gonum"
	"gonum.org/v1/gonum/mat"
)

// Whitening is a factor F of a positive semidefinite matrix S = F F', of as
// many columns as S has rank. It stands for S^{1/2} wherever only products of
// the kind N' S^+ N matter: those do not depend on which factor is taken.
//
// S is first scaled to a unit diagonal (so that no threshold depends on the
// scale of a single feature) and factored by Cholesky; where a pivot falls
// below the relative threshold the factor is found again with pivoting and
// truncated. The generalised inverse is then the minimum-norm one of the
// scaled problem: equal features share their weight equally.
type Whitening struct {
	n       int
	keep    []int     // the features of non-zero diagonal, in pivot order
	inverse []float64 // 1/sqrt(diagonal) of each kept feature
	rank    int
	u       *mat.Dense    // (rank, len(keep)), upper trapezoid: scaled S = u'u
	gram    *mat.Cholesky // of u u', nil at full rank
}

// zeroDiagonal is the part of the largest diagonal element below which a
// feature counts as constant zero: below what float32 data can carry.
const zeroDiagonal = 1e-30

// Whiten factors s. Pivots below threshold, on a scale where the diagonal is
// one, count as zero. ridge is added to the unit diagonal. A matrix that is
// not finite has rank 0.
func Whiten(s *mat.SymDense, threshold, ridge float64) *Whitening {
	n := s.SymmetricDim()
	w := &Whitening{n: n}
	raw := s.RawSymmetric()
	largest := 0.0
	for i := range n {
		if !Finite(raw.Data[i*raw.Stride+i : i*raw.Stride+n]) {
			return w
		}
		largest = math.Max(largest, raw.Data[i*raw.Stride+i])
	}
	for i := range n {
		if d := raw.Data[i*raw.Stride+i]; d > 0 && d > zeroDiagonal*largest {
			w.keep = append(w.keep, i)
			w.inverse = append(w.inverse, 1/math.Sqrt(d))
		}
	}
	m := len(w.keep)
	if m == 0 {
		return w
	}
	scaled := w.scaled(raw, ridge)
	if !w.factor(scaled, threshold) {
		w.factorPivoted(w.scaled(raw, ridge), threshold)
	}
	return w
}

// scaled returns the kept part of s with a diagonal of 1+ridge.
func (w *Whitening) scaled(s blas64.Symmetric, ridge float64) *mat.Dense {
	m := len(w.keep)
	out := mat.NewDense(m, m, nil)
	d := out.RawMatrix().Data
	for i, ki := range w.keep {
		for j := i + 1; j < m; j++ {
			d[i*m+j] = s.Data[ki*s.Stride+w.keep[j]] * w.inverse[i] * w.inverse[j]
		}
		d[i*m+i] = 1 + ridge
	}
	return out
}

// factor tries plain Cholesky and reports whether all pivots were large enough.
func (w *Whitening) factor(a *mat.Dense, threshold float64) bool {
	m := len(w.keep)
	d := a.RawMatrix().Data
	if !cholesky(d, m) {
		return false
	}
	for i := range m {
		if p := d[i*m+i]; !(p*p > threshold) {
			return false
		}
	}
	w.u, w.rank = a, m
	return true
}

// factorPivoted finds a factor of the rank that the threshold leaves.
func (w *Whitening) factorPivoted(a *mat.Dense, threshold float64) {
	m := len(w.keep)
	d := a.RawMatrix().Data
	pivots := make([]int, m)
	rank, _ := gonum.Implementation{}.Dpstrf(blas.Upper, m, d, m, pivots, threshold, make([]float64, 2*m))
	keep, inverse := make([]int, m), make([]float64, m)
	for i, p := range pivots {
		keep[i], inverse[i] = w.keep[p], w.inverse[p]
	}
	w.keep, w.inverse, w.rank = keep, inverse, rank
	w.u = mat.DenseCopyOf(a.Slice(0, rank, 0, m))
	for i := range rank {
		for j := range i {
			w.u.Set(i, j, 0)
		}
	}
	if rank == m {
		return
	}
	var g mat.SymDense
	g.SymOuterK(1, w.u)
	w.gram = new(mat.Cholesky)
	if !w.gram.Factorize(&g) {
		panic("linalg: the Gram matrix of independent rows is singular")
	}
}

// Rank returns the number of columns of F.
func (w *Whitening) Rank() int { return w.rank }

// Whiten returns F^+ x (rank, c) for x (n, c): the squared singular values of
// the result are those of S^{-1/2} x. It returns nil at rank 0.
func (w *Whitening) Whiten(x *mat.Dense) *mat.Dense {
	if w.rank == 0 {
		return nil
	}
	_, c := x.Dims()
	y := mat.NewDense(len(w.keep), c, nil)
	for i, k := range w.keep {
		dst, src := y.RawRowView(i), x.RawRowView(k)
		for j, v := range src {
			dst[j] = v * w.inverse[i]
		}
	}
	if w.gram == nil {
		solveUpper(true, w.triangle(), y.RawMatrix())
		return y
	}
	var uy, out mat.Dense
	uy.Mul(w.u, y)
	if err := w.gram.SolveTo(&out, &uy); err != nil && out.IsEmpty() {
		panic("linalg: solve with a factored matrix")
	}
	return &out
}

// Unwhiten returns (F^+)' y (n, k) for y (rank, k): the weights, on the
// features themselves, of a direction of the whitened space.
func (w *Whitening) Unwhiten(y *mat.Dense) *mat.Dense {
	_, k := y.Dims()
	out := mat.NewDense(w.n, k, nil)
	if w.rank == 0 {
		return out
	}
	x := mat.DenseCopyOf(y)
	if w.gram == nil {
		solveUpper(false, w.triangle(), x.RawMatrix())
	} else {
		var gy mat.Dense
		if err := w.gram.SolveTo(&gy, y); err != nil && gy.IsEmpty() {
			panic("linalg: solve with a factored matrix")
		}
		x = new(mat.Dense)
		x.Mul(w.u.T(), &gy)
	}
	for i, f := range w.keep {
		dst, src := out.RawRowView(f), x.RawRowView(i)
		for j, v := range src {
			dst[j] = v * w.inverse[i]
		}
	}
	return out
}

// Solve returns S^+ x.
func (w *Whitening) Solve(x *mat.Dense) *mat.Dense {
	_, c := x.Dims()
	if w.rank == 0 {
		return mat.NewDense(w.n, c, nil)
	}
	return w.Unwhiten(w.Whiten(x))
}

func (w *Whitening) triangle() blas64.Triangular {
	m := w.u.RawMatrix()
	return upper(m.Data, w.rank, m.Stride)
}
