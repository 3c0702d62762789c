package linalg

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// Whitening is a factor F of a positive semidefinite matrix S = F F', of as
// many columns as S has rank. It stands for S^{1/2} wherever only products of
// the kind N' S^+ N matter: those do not depend on which factor is taken.
//
// A ridge adds to S that part of the mean of its diagonal, so that features which
// hardly vary beside the others get small weights instead of large ones.
// S is then scaled to a unit diagonal (so that no threshold depends on the
// scale of a single feature) and factored by Cholesky; where a pivot falls
// below the relative threshold the factor is found again with pivoting and
// truncated. The generalised inverse is then the minimum-norm one of the
// scaled problem: equal features share their weight equally.
type Whitening struct {
	n       int
	keep    []int     // the features of non-zero diagonal, in pivot order
	inverse []float64 // 1/sqrt(diagonal) of each kept feature, with the ridge
	rank    int
	u       *mat.Dense // (rank, len(keep)), upper trapezoid: scaled S = u'u
	gram    *triangle  // U of u u' = U'U, nil at full rank
}

// zeroDiagonal is the part of the largest diagonal element below which a
// feature counts as constant zero: below what float32 data can carry.
const zeroDiagonal = 1e-30

// Inversion says how a covariance is inverted that may be singular.
type Inversion struct {
	Threshold float64 // pivots below it, on a scale where the diagonal is one, count as zero
	Ridge     float64 // this times the mean of the diagonal is added to the diagonal
}

// Whiten factors s + ridge tr(s)/n I, where s is (n, n). Features of no variance stay
// without weight. A matrix that is not finite has rank 0.
func Whiten(s *mat.SymDense, how Inversion) *Whitening {
	n := s.SymmetricDim()
	w := &Whitening{n: n}
	raw := s.RawSymmetric()
	from := triangle{n: n, stride: raw.Stride, data: raw.Data}
	diagonal := make([]float64, n)
	for i := range n {
		if !Finite(from.row(i)) {
			return w
		}
		diagonal[i] = s.At(i, i)
	}
	largest, more := 0.0, Ridge(diagonal, how.Ridge)
	for _, d := range diagonal {
		largest = math.Max(largest, d)
	}
	for i, d := range diagonal {
		if d > 0 && d > zeroDiagonal*largest {
			w.keep = append(w.keep, i)
			w.inverse = append(w.inverse, 1/math.Sqrt(d+more))
		}
	}
	m := len(w.keep)
	if m == 0 {
		return w
	}
	if !w.factor(w.scaled(from), how.Threshold) {
		w.factorPivoted(w.scaled(from), how.Threshold)
	}
	return w
}

// Ridge returns what is added to the diagonal of a matrix: part of its mean.
func Ridge(diagonal []float64, part float64) float64 {
	var trace float64
	for _, d := range diagonal {
		trace += d
	}
	return float64(part * (trace / float64(max(len(diagonal), 1))))
}

// scaled returns the kept part of s, with the ridge, on a scale where its diagonal is one.
func (w *Whitening) scaled(s triangle) *mat.Dense {
	m := len(w.keep)
	out := mat.NewDense(m, m, nil)
	d := out.RawMatrix().Data
	for i, ki := range w.keep {
		for j := i + 1; j < m; j++ {
			d[i*m+j] = float64(s.data[ki*s.stride+w.keep[j]] * w.inverse[i] * w.inverse[j])
		}
		d[i*m+i] = 1
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
	pivots, rank := choleskyPivoted(a.RawMatrix().Data, m, threshold)
	keep, inverse := make([]int, m), make([]float64, m)
	for i, p := range pivots {
		keep[i], inverse[i] = w.keep[p], w.inverse[p]
	}
	w.keep, w.inverse, w.rank = keep, inverse, rank
	w.u = mat.DenseCopyOf(a.Slice(0, rank, 0, m))
	for i := range rank {
		clear(w.u.RawRowView(i)[:i])
	}
	if rank == m {
		return
	}
	g := MulBT(w.u, w.u).RawMatrix().Data
	if !cholesky(g, rank) {
		panic("linalg: the Gram matrix of independent rows is singular")
	}
	w.gram = &triangle{n: rank, stride: rank, data: g}
}

// solveGram overwrites y by (u u')^-1 y.
func (w *Whitening) solveGram(y *mat.Dense) {
	solveUpper(true, *w.gram, view(y))
	solveUpper(false, *w.gram, view(y))
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
			dst[j] = float64(v * w.inverse[i])
		}
	}
	if w.gram == nil {
		w.solveTriangle(true, y)
		return y
	}
	y = Mul(w.u, y)
	w.solveGram(y)
	return y
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
		w.solveTriangle(false, x)
	} else {
		w.solveGram(x)
		x = MulAT(w.u, x)
	}
	for i, f := range w.keep {
		dst, src := out.RawRowView(f), x.RawRowView(i)
		for j, v := range src {
			dst[j] = float64(v * w.inverse[i])
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

// solveTriangle overwrites y by the solution x of u'x = y (trans) or u x = y, at full rank.
func (w *Whitening) solveTriangle(trans bool, y *mat.Dense) {
	u := w.u.RawMatrix()
	solveUpper(trans, triangle{n: w.rank, stride: u.Stride, data: u.Data}, view(y))
}
