// Package solve is the mathematics of growth, pure and in float64: the best update
// of a layer's weights and its bottleneck, the best new neurons, those of the largest
// gradient, the metric of G at the outputs, and the choice from a pool. Words are
// those of package growth. It knows no graph.
package solve

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// Update is the best update of the existing weights of a layer ([tiny] prop.
// 3.1) and what it leaves: the expressivity bottleneck.
type Update struct {
	Delta   *mat.Dense // dW* (c, b), last column the bias if there is one
	Desired float64    // E|V|^2 = tr G
	Psi2    float64    // E|V - dW* b1|^2, what no change of the layer's weights can give
	Rank    int        // rank of S1
}

// Share returns the part of the desired update that the layer cannot express.
func (u *Update) Share() float64 {
	if u.Desired <= 0 {
		return 0
	}
	return u.Psi2 / u.Desired
}

// BestUpdate returns the least squares of V on b1, from S1 = E[b1 b1'] (b, b),
// M = E[b1 V'] (b, c) and desired = E|V|^2. Directions of S1 below the
// threshold count as absent; what a ridge withholds counts towards Psi^2.
func BestUpdate(s1 *mat.SymDense, m *mat.Dense, desired float64, how linalg.Inversion) *Update {
	b, c := m.Dims()
	w := linalg.Whiten(s1, how)
	u := &Update{Delta: mat.NewDense(c, b, nil), Desired: desired, Psi2: desired, Rank: w.Rank()}
	if y := w.Whiten(m); y != nil {
		u.Delta.Copy(w.Unwhiten(y).T())
		u.Psi2 = math.Max(0, desired-linalg.SumSquares(y))
	}
	return u
}

// Project returns N = E[b2 V_proj'] (a, c) from M_prev = E[b2 V'] (a, c),
// C = E[b2 b1'] (a, b) and dW* (c, b).
func Project(mPrev, c, delta *mat.Dense) *mat.Dense {
	return linalg.Sub(mPrev, linalg.MulBT(c, delta))
}

// Neurons are the best new neurons of a site ([tiny] prop. 3.2): the rank-k
// pair that minimises E|V_proj - Omega Alpha b2|^2.
type Neurons struct {
	Lambda   []float64  // singular values of the k neurons, descending
	Alpha    *mat.Dense // incoming weights (k, a), last column the bias if there is one; nil if k is 0
	Omega    *mat.Dense // outgoing weights (c, k); nil if k is 0
	Spectrum []float64  // the leading lambdas that are known, at least k if there are as many
	Total    float64    // the sum of all lambda^2: what infinitely many neurons would take off Psi^2
	Rank     int        // rank of S
}

// BestNeurons returns at most k neurons from S = E[b2 b2'] (a, a) and
// N = E[b2 V_proj'] (a, c). With a ridge lambda^2 is no longer the
// decrease of Psi^2, but a shrunk estimate of it.
func BestNeurons(s *mat.SymDense, n *mat.Dense, k int, how linalg.Inversion) *Neurons {
	w := linalg.Whiten(s, how)
	y := w.Whiten(n)
	out := &Neurons{Rank: w.Rank()}
	if y == nil {
		return out
	}
	out.Total = linalg.SumSquares(y)
	svd := linalg.TopSVD(y, k)
	out.Spectrum = svd.Values
	if svd.V == nil {
		return out
	}
	out.fill(svd, w.Unwhiten(svd.U))
	return out
}

// BestNeuronsDiagonal is BestNeurons where there are too few samples to
// estimate more of S than its diagonal (a); ridge widens it as it would S.
func BestNeuronsDiagonal(diagonal []float64, n *mat.Dense, k int, ridge float64) *Neurons {
	largest, more := 0.0, linalg.Ridge(diagonal, ridge)
	for _, d := range diagonal {
		largest = math.Max(largest, d)
	}
	roots := make([]float64, len(diagonal)) // square roots of the inverse
	rank := 0
	for i, d := range diagonal {
		if d > 0 && d > 1e-30*largest {
			roots[i] = 1 / math.Sqrt(d+more)
			rank++
		}
	}
	y := mat.DenseCopyOf(n)
	for i, r := range roots {
		row := y.RawRowView(i)
		for j := range row {
			row[j] = float64(row[j] * r)
		}
	}
	out := &Neurons{Rank: rank, Total: linalg.SumSquares(y)}
	svd := linalg.TopSVD(y, k)
	out.Spectrum = svd.Values
	if svd.V == nil {
		return out
	}
	for i, r := range roots {
		row := svd.U.RawRowView(i)
		for j := range row {
			row[j] = float64(row[j] * r)
		}
	}
	out.fill(svd, svd.U)
	return out
}

// fill sets the neurons from their directions (a, k) in the input space.
func (out *Neurons) fill(svd linalg.SVD, directions *mat.Dense) {
	c, k := svd.V.Dims()
	a, _ := directions.Dims()
	out.Lambda = svd.Values[:k]
	out.Alpha, out.Omega = mat.NewDense(k, a, nil), mat.NewDense(c, k, nil)
	for j, lambda := range out.Lambda {
		root := math.Sqrt(lambda)
		for i := range a {
			out.Alpha.Set(j, i, root*directions.At(i, j))
		}
		for i := range c {
			out.Omega.Set(i, j, root*svd.V.At(i, j))
		}
	}
}

// BestGradients returns the neurons of [gradmax]: outgoing weights (c, k) that
// are orthonormal and give the incoming weights, which start at zero, the
// largest possible gradient. Its squared norm is the sum of lambda^2, where
// lambda are the singular values of M_prev (a, c).
func BestGradients(mPrev *mat.Dense, k int) *Neurons {
	svd := linalg.TopSVD(mPrev, k)
	out := &Neurons{Spectrum: svd.Values, Total: linalg.SumSquares(mPrev)}
	if svd.V == nil {
		return out
	}
	_, k = svd.V.Dims()
	a, _ := mPrev.Dims()
	out.Lambda, out.Alpha, out.Omega = svd.Values[:k], mat.NewDense(k, a, nil), svd.V
	return out
}

// Threshold is the relative threshold on the spectra of sums of float32 products.
const Threshold = 1e-6

// RidgeFor returns the ridge, as a part of the mean of the diagonal, on the covariance
// of n features estimated from that many rows: none where rows abound.
func RidgeFor(n int, rows float64) float64 {
	if rows < 4*float64(n) {
		return float64(n) / rows
	}
	return 0
}
