package linalg

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// SVD holds the leading singular triples of a matrix: y = sum_k Values[k]
// u_k v_k' over the columns of U and V. In every v_k the entry of largest
// magnitude (the first of equals) is positive.
type SVD struct {
	Values []float64  // all of them if the smaller side is at most exactSide, else the leading ones; descending
	U      *mat.Dense // (r, k), nil if k is 0
	V      *mat.Dense // (c, k), nil if k is 0
}

// exactSide is the smaller side up to which the eigenproblem of the Gram
// matrix is solved whole; above, block subspace iteration is faster.
const exactSide = 128

// spare is how many more directions than asked for the subspace carries, and
// maxRounds how often it is multiplied at most.
const (
	spare     = 8
	maxRounds = 40
)

// TopSVD returns the k leading singular triples of y (fewer if its rank is
// lower: values below 1e-7 of the largest count as zero, since the Gram matrix
// does not resolve them). y may be nil.
func TopSVD(y *mat.Dense, k int) SVD {
	if y == nil || k < 0 {
		return SVD{}
	}
	r, c := y.Dims()
	if r < c {
		s := topTall(mat.DenseCopyOf(y.T()), k)
		s.U, s.V = s.V, s.U
		s.fixSigns()
		return s
	}
	s := topTall(y, k)
	s.fixSigns()
	return s
}

// topTall takes a matrix that is at least as high as it is wide.
func topTall(y *mat.Dense, k int) SVD {
	_, c := y.Dims()
	var values []float64
	var v *mat.Dense
	if c <= exactSide {
		values, v = gramEigen(y)
	} else {
		values, v = subspace(y, k)
	}
	rank := 0
	for rank < len(values) && rank < k && values[rank] > 1e-7*values[0] {
		rank++
	}
	s := SVD{Values: values}
	if rank == 0 {
		return s
	}
	s.V = mat.DenseCopyOf(v.Slice(0, c, 0, rank))
	s.U = Mul(y, s.V)
	for j := range rank {
		scaleColumn(s.U, j, 1/columnNorm(s.U, j))
	}
	return s
}

// gramEigen returns the singular values of y, descending, and its right
// singular vectors, from the eigenproblem of y'y.
func gramEigen(y *mat.Dense) ([]float64, *mat.Dense) {
	_, c := y.Dims()
	g := MulAT(y, y).RawMatrix().Data
	if !Finite(g) {
		return make([]float64, c), mat.NewDense(c, c, nil)
	}
	values, rows := eigenSym(g, c)
	for i, v := range values {
		values[i] = math.Sqrt(math.Max(0, v))
	}
	return values, mat.DenseCopyOf(mat.NewDense(c, c, rows).T())
}

// subspace returns the k leading singular values of y, a few more that are less
// exact, and right singular vectors, by subspace iteration with a Rayleigh-Ritz step a round,
// until the first k values stand still.
func subspace(y *mat.Dense, k int) ([]float64, *mat.Dense) {
	_, c := y.Dims()
	width := min(c, k+spare)
	q := mat.NewDense(c, width, nil)
	s := rng.New(uint64(c), uint64(width))
	for i := range c {
		for j := range width {
			q.Set(i, j, s.Normal(uint64(i*width+j)))
		}
	}
	var values []float64
	for range maxRounds {
		orthonormalise(q)
		yq := Mul(y, q)
		now, rotation := gramEigen(yq)
		if still(values, now, k) {
			return now, Mul(q, rotation)
		}
		values = now
		q = MulAT(y, Mul(yq, rotation))
	}
	orthonormalise(q)
	values, rotation := gramEigen(Mul(y, q))
	return values, Mul(q, rotation)
}

// still reports whether the first k values changed by less than 1e-11 of the largest.
func still(before, now []float64, k int) bool {
	if before == nil {
		return false
	}
	for i := range min(k, len(now)) {
		if math.Abs(now[i]-before[i]) > 1e-11*now[0] {
			return false
		}
	}
	return true
}

// orthonormalise makes the columns of q orthonormal by modified Gram-Schmidt,
// twice; a column that depends on those before becomes zero.
func orthonormalise(q *mat.Dense) {
	t := mat.DenseCopyOf(q.T()) // rows are contiguous
	n, _ := t.Dims()
	for i := range n {
		ri := t.RawRowView(i)
		before := math.Sqrt(dot(ri, ri))
		for range 2 {
			for j := range i {
				rj := t.RawRowView(j)
				subtractMultiple(ri, dot(ri, rj), rj)
			}
		}
		norm, inverse := math.Sqrt(dot(ri, ri)), 0.0
		if norm > 1e-13*before {
			inverse = 1 / norm
		}
		scale(ri, inverse)
	}
	q.Copy(t.T())
}

// fixSigns makes the largest entry of each right vector positive.
func (s *SVD) fixSigns() {
	if s.V == nil {
		return
	}
	n, k := s.V.Dims()
	for j := range k {
		largest := 0
		for i := range n {
			if math.Abs(s.V.At(i, j)) > math.Abs(s.V.At(largest, j)) {
				largest = i
			}
		}
		if s.V.At(largest, j) < 0 {
			scaleColumn(s.V, j, -1)
			scaleColumn(s.U, j, -1)
		}
	}
}

func columnNorm(m *mat.Dense, j int) float64 {
	n, _ := m.Dims()
	var s float64
	for i := range n {
		s += float64(m.At(i, j) * m.At(i, j))
	}
	return math.Sqrt(s)
}

func scaleColumn(m *mat.Dense, j int, f float64) {
	n, _ := m.Dims()
	for i := range n {
		m.Set(i, j, float64(m.At(i, j)*f))
	}
}
