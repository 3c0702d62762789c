package solve

import (
	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// conditioned is the statistics of features of a pool, of which some have been
// taken: what is left of the others, and of their products with V, once the
// best multiples of the taken ones are subtracted.
type conditioned struct {
	g *mat.Dense // (n, n)
	r *mat.Dense // (n, c)
}

// take conditions on features of covariance s, with products x (m, n) with the
// pool and y (m, c) with V.
func (p *conditioned) take(s *linalg.Whitening, x, y *mat.Dense) {
	wx, wy := s.Whiten(x), s.Whiten(y)
	if wx == nil {
		return
	}
	p.g = linalg.Sub(p.g, linalg.MulAT(wx, wx))
	p.r = linalg.Sub(p.r, linalg.MulAT(wx, wy))
}

// features are those of one neuron of a pool: [at, at+n).
type features struct{ at, n int }

// block returns what belongs to some features.
func (p *conditioned) block(f features) (s *mat.SymDense, x, y *mat.Dense) {
	at, n := f.at, f.n
	_, cols := p.g.Dims()
	_, c := p.r.Dims()
	s = mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, p.g.At(at+i, at+j))
		}
	}
	return s, mat.DenseCopyOf(p.g.Slice(at, at+n, 0, cols)), mat.DenseCopyOf(p.r.Slice(at, at+n, 0, c))
}

// variance returns the sum of what is left of some features.
func (p *conditioned) variance(f features) float64 {
	var sum float64
	for i := f.at; i < f.at+f.n; i++ {
		sum += p.g.At(i, i)
	}
	return sum
}

// exhausted is the part of a feature's variance below which what is left of it
// beside those taken is rounding.
const exhausted = 1e-4

// Pool is the statistics of neurons of which some are to be chosen: what of their
// products with V, and of themselves, the existing inputs of a layer leave.
type Pool struct {
	area, neurons int // features of a neuron, neurons
	base          *linalg.Whitening
	cross         *mat.Dense // (old, n)
	first, left   conditioned
}

// PoolLayout is the order of inputs: Weights old ones, then Neurons of Area features
// each, then a bias if there is one.
type PoolLayout struct{ Weights, Neurons, Area int }

// NewPool takes S1 and M of the inputs of a layout apart; ridge is added to the
// diagonal of the old part.
func NewPool(s1 *mat.SymDense, m *mat.Dense, l PoolLayout, ridge float64) *Pool {
	old, p, cross := splitPool(s1, m, l)
	base := linalg.Whiten(old.s, linalg.Inversion{Threshold: Threshold, Ridge: ridge})
	p.take(base, cross, old.m)
	return &Pool{area: l.Area, neurons: l.Neurons, base: base, cross: cross,
		first: conditioned{mat.DenseCopyOf(p.g), mat.DenseCopyOf(p.r)}, left: p}
}

// Choose takes at most limit neurons one after the other: always the one that takes
// most off what the others leave of V_proj, as long as that is above edge.
func (p *Pool) Choose(limit int, edge float64) (taken []int) {
	area, left := p.area, &p.left
	for len(taken) < limit {
		best, gain := -1, edge
		for j := range p.neurons {
			if !(left.variance(features{j * area, area}) > exhausted*p.first.variance(features{j * area, area})) {
				continue
			}
			s, _, y := left.block(features{j * area, area})
			if w := linalg.Whiten(s, linalg.Inversion{Threshold: Threshold}).Whiten(y); w != nil && linalg.SumSquares(w) > gain {
				best, gain = j, linalg.SumSquares(w)
			}
		}
		if best < 0 {
			break
		}
		s, gx, y := left.block(features{best * area, area})
		left.take(linalg.Whiten(s, linalg.Inversion{Threshold: Threshold}), gx, y)
		for i := range area { // none of it is left
			left.g.Set(best*area+i, best*area+i, 0)
		}
		taken = append(taken, best)
	}
	return taken
}

// Fit returns the joint least squares of V_proj on neurons of the pool, (c, n); what
// of them the existing inputs express, (old, c), which is to be taken back; and the
// first-order gain, which is what they take off Psi^2.
func (p *Pool) Fit(taken []int) (omega, back *mat.Dense, gain float64) {
	var columns []int
	for _, j := range taken {
		for i := range p.area {
			columns = append(columns, j*p.area+i)
		}
	}
	n := len(columns)
	old, _ := p.cross.Dims()
	_, outputs := p.first.r.Dims()
	s, m, x := mat.NewSymDense(n, nil), mat.NewDense(n, outputs, nil), mat.NewDense(old, n, nil)
	for i, at := range columns {
		m.SetRow(i, p.first.r.RawRowView(at))
		for j := i; j < n; j++ {
			s.SetSym(i, j, (p.first.g.At(at, columns[j])+p.first.g.At(columns[j], at))/2)
		}
		for j := range old {
			x.Set(j, i, p.cross.At(j, at))
		}
	}
	omega = BestUpdate(s, m, 0, linalg.Inversion{Threshold: Threshold}).Delta
	back = linalg.MulBT(p.base.Solve(x), omega)
	for o := range outputs {
		for i := range n {
			gain += float64(omega.At(o, i) * m.At(i, o))
		}
	}
	return omega, back, gain
}

// pooled are statistics of the existing features of a layer's input.
type pooled struct {
	m *mat.Dense // (features, c)
	s *mat.SymDense
}

// splitPool takes statistics apart: those of the old features, those of the pool,
// and the products of both (old, pool).
func splitPool(s1 *mat.SymDense, m *mat.Dense, l PoolLayout) (o pooled, n conditioned, cross *mat.Dense) {
	weights, pool := l.Weights, l.Neurons*l.Area
	all, c := m.Dims()
	old := make([]int, 0, all-pool)
	for i := range all {
		if i < weights || i >= weights+pool {
			old = append(old, i)
		}
	}
	size := max(len(old), 1) // without any: one feature that is always zero
	o = pooled{mat.NewDense(size, c, nil), mat.NewSymDense(size, nil)}
	n = conditioned{mat.NewDense(pool, pool, nil), mat.DenseCopyOf(m.Slice(weights, weights+pool, 0, c))}
	cross = mat.NewDense(size, pool, nil)
	for i, at := range old {
		o.m.SetRow(i, m.RawRowView(at))
		for j := i; j < len(old); j++ {
			o.s.SetSym(i, j, s1.At(at, old[j]))
		}
		for j := range pool {
			cross.Set(i, j, s1.At(at, weights+j))
		}
	}
	for i := range pool {
		for j := range pool {
			n.g.Set(i, j, s1.At(weights+i, weights+j))
		}
	}
	return o, n, cross
}
