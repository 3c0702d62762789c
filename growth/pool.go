package growth

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/portable"
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

// block returns what belongs to features [at, at+n).
func (p *conditioned) block(at, n int) (s *mat.SymDense, x, y *mat.Dense) {
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

// variance returns the sum of what is left of features [at, at+n).
func (p *conditioned) variance(at, n int) float64 {
	var sum float64
	for i := at; i < at+n; i++ {
		sum += p.g.At(i, i)
	}
	return sum
}

// exhausted is the part of a feature's variance below which what is left of it
// beside those taken is rounding.
const exhausted = 1e-4

// choosePool takes neurons from the pool one after the other: always the one
// that takes most off what the others leave of V_proj, as long as that stands
// out from what the best of so many would take off noise. Outgoing weights are
// the joint least squares of V_proj; the existing weights change so that the
// new neurons' part along the existing activations is taken back.
func (c *prospect) choosePool(u updateSums, rows float64, least int) {
	r := c.record
	area, pool := c.second.area(), c.both.Count
	old, p, cross := splitPool(u, c.second.weights(), pool*area)
	base := linalg.Whiten(old.s, threshold, ridgeFor(c.second.rows(), rows))
	p.take(base, cross, old.m)
	first := conditioned{mat.DenseCopyOf(p.g), mat.DenseCopyOf(p.r)}

	outputs := float64(c.outputs)
	width := math.Sqrt(outputs*float64(area)) + math.Sqrt(2*portable.Log(float64(pool)))
	edge := float64(float64(r.Psi2) / (outputs * rows) * width * width)
	var taken []int
	for len(taken) < c.cap {
		best, gain := -1, edge
		for j := range pool {
			if !(p.variance(j*area, area) > exhausted*first.variance(j*area, area)) {
				continue
			}
			s, _, y := p.block(j*area, area)
			if w := linalg.Whiten(s, threshold, 0).Whiten(y); w != nil && linalg.SumSquares(w) > gain {
				best, gain = j, linalg.SumSquares(w)
			}
		}
		if best < 0 {
			break
		}
		s, gx, y := p.block(best*area, area)
		p.take(linalg.Whiten(s, threshold, 0), gx, y)
		for i := range area { // none of it is left
			p.g.Set(best*area+i, best*area+i, 0)
		}
		taken = append(taken, best)
	}
	if len(taken) == 0 {
		r.Reason = fmt.Sprintf("%s; nor does any of %d others", r.Fallback, pool)
		return
	}
	gain := c.fitPool(first, base, cross, taken)
	r.Predicted, r.Refit = Number(gain), Number(gain)
	r.Significant, r.Kept, r.Params = len(taken), len(taken), len(taken)*c.cost
	c.spare = c.subset(c.both, c.others(taken, least-len(taken)))
}

// pooled are statistics of the existing features of Second's input.
type pooled struct {
	m *mat.Dense // (features, c)
	s *mat.SymDense
}

// splitPool takes the statistics of [old weights, pool, bias] apart: those of
// the old features, those of the pool, and the products of both (old, pool).
func splitPool(u updateSums, weights, pool int) (o pooled, n conditioned, cross *mat.Dense) {
	all, c := u.M.Dims()
	old := make([]int, 0, all-pool)
	for i := range all {
		if i < weights || i >= weights+pool {
			old = append(old, i)
		}
	}
	size := max(len(old), 1) // without any: one feature that is always zero
	o = pooled{mat.NewDense(size, c, nil), mat.NewSymDense(size, nil)}
	n = conditioned{mat.NewDense(pool, pool, nil), mat.DenseCopyOf(u.M.Slice(weights, weights+pool, 0, c))}
	cross = mat.NewDense(size, pool, nil)
	for i, at := range old {
		o.m.SetRow(i, u.M.RawRowView(at))
		for j := i; j < len(old); j++ {
			o.s.SetSym(i, j, u.S1.At(at, old[j]))
		}
		for j := range pool {
			cross.Set(i, j, u.S1.At(at, weights+j))
		}
	}
	for i := range pool {
		for j := range pool {
			n.g.Set(i, j, u.S1.At(weights+i, weights+j))
		}
	}
	return o, n, cross
}

// fitPool makes the insertion of the neurons taken and returns its first-order
// gain, which is what it takes off Psi^2.
func (c *prospect) fitPool(p conditioned, base *linalg.Whitening, cross *mat.Dense, taken []int) float64 {
	area := c.second.area()
	var columns []int
	for _, j := range taken {
		for i := range area {
			columns = append(columns, j*area+i)
		}
	}
	n, old := len(columns), c.second.rows()
	s, m, x := mat.NewSymDense(n, nil), mat.NewDense(n, c.outputs, nil), mat.NewDense(max(old, 1), n, nil)
	for i, at := range columns {
		m.SetRow(i, p.r.RawRowView(at))
		for j := i; j < n; j++ {
			s.SetSym(i, j, (p.g.At(at, columns[j])+p.g.At(columns[j], at))/2)
		}
		for j := range old {
			x.Set(j, i, cross.At(j, at))
		}
	}
	u := BestUpdate(s, m, 0, threshold, 0)
	omega := u.Delta                           // (c, n)
	back := linalg.MulBT(base.Solve(x), omega) // (old, c)
	c.kept = c.subset(c.both, taken)
	k := len(taken)
	for o := range c.outputs {
		for i := range n {
			c.kept.Omega[o*k*area+i] = float32(omega.At(o, i))
		}
	}
	c.kept.Update = make([]float32, c.outputs*old)
	for o := range c.outputs {
		for i := range old {
			c.kept.Update[o*old+i] = float32(-back.At(i, o))
		}
	}
	var gain float64
	for o := range c.outputs {
		for i := range n {
			gain += float64(omega.At(o, i) * m.At(i, o))
		}
	}
	return gain
}

// others returns at most n of the pool that are not taken, in order.
func (c *prospect) others(taken []int, n int) []int {
	was := make([]bool, c.both.Count)
	for _, j := range taken {
		was[j] = true
	}
	var out []int
	for j := range c.both.Count {
		if !was[j] && len(out) < n {
			out = append(out, j)
		}
	}
	return out
}
