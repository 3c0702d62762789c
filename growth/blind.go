package growth

import (
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/solve"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Limits on the pool of random neurons of a site: poolFactor for each that it
// may gain, and maxPool columns of Second's input.
const (
	poolFactor = 4
	maxPool    = 192
)

// drawPool replaces the neurons that the solver did not find by random ones
// without outgoing weights. Incoming weights are isotropic on a scale between that of
// the features and that where each is one (with the mean of their squares added to
// each), of mean square one together; a bias is a standard normal number. The numbers depend on seed, event and site.
func (s *State) drawPool(c *prospect, p measure.NeuronSums) {
	count := min(poolFactor*c.cap, max(maxPool/c.Outgoing.Area(), s.least(c)))
	c.pool, c.shrink, c.both = true, 1, c.Empty(count)
	r := c.record
	r.Fallback, r.Reason, r.Tried = r.Reason, "", count
	weights, a, positions := c.Incoming.Weights(), c.Incoming.Rows(), float64(c.Outgoing.Positions())
	diagonal := make([]float64, weights)
	for i := range diagonal {
		diagonal[i] = p.Square(i) / positions
	}
	more := linalg.Ridge(diagonal, 1)
	stream := rng.New(s.Info.Seed, s.Info.Number, rng.Key("blind "+string(c.ID)))
	for j := range count {
		w := make([]float64, weights)
		for i := range w {
			if d := diagonal[i]; d > 0 {
				w[i] = stream.Normal(uint64(j*a+i)) / math.Sqrt(d+more)
			}
		}
		size := math.Sqrt(p.MeanSquare(w) / positions)
		for i, v := range w {
			if size > 0 {
				c.both.Alpha[j*a+i] = float32(v / size)
			}
		}
		if c.Incoming.Bias {
			c.both.Alpha[j*a+weights] = float32(stream.Normal(uint64(j*a + weights)))
		}
	}
}

// poolOfSigns makes the pool of the neurons that were tried with both signs, none
// of which held on fresh samples: several together may.
func (c *prospect) poolOfSigns(s measure.NewbornSums, why string) {
	c.pool, c.record.Fallback, c.record.Tried = true, why, c.both.Count
	c.sizePool(s)
}

// sizePool gives all neurons of the pool pre-activations of size one, and
// makes them the ones that the refit sees.
func (c *prospect) sizePool(s measure.NewbornSums) {
	all := upTo(c.both.Count)
	c.both = c.Pick(c.both, all, s.Moments, 1)
	c.UnitSize(&c.both, all, s.Moments)
	c.kept = c.both
}

// refitPool chooses from the pool by the statistics that its neurons have part in:
// those that stand out from what the best of so many would take off noise. Outgoing
// weights are the joint least squares of V_proj; the existing weights change so that
// the new neurons' part along the existing activations is taken back.
func (c *prospect) refitPool(u measure.UpdateSums, rows float64, least int, ridge float64) {
	r := c.record
	if !u.Finite {
		r.Reason = "the statistics of its random neurons are not finite"
		return
	}
	n, _ := u.M.Dims()
	area, count := c.Outgoing.Area(), c.both.Count
	m := mat.DenseCopyOf(u.M.Slice(0, n, 0, c.Outputs)) // without other sites' neurons
	pool := solve.NewPool(u.S1, m, solve.PoolLayout{Weights: c.Outgoing.Weights(), Neurons: count, Area: area}, ridge)
	outputs := float64(c.Outputs)
	width := math.Sqrt(outputs*float64(area)) + math.Sqrt(2*portable.Log(float64(count)))
	taken := pool.Choose(c.cap, float64(float64(r.Psi2)/(outputs*rows)*width*width))
	if len(taken) == 0 {
		r.Reason = fmt.Sprintf("%s; nor does any of %d others", r.Fallback, count)
		return
	}
	gain := c.fitPool(pool, taken)
	r.Predicted, r.Refit = Number(gain), Number(gain)
	r.Significant, r.Kept, r.Params = len(taken), len(taken), len(taken)*c.cost
	c.spare = c.Subset(c.both, others(count, taken, least-len(taken)))
}

// fitPool makes the insertion of the neurons taken and returns its first-order gain.
func (c *prospect) fitPool(p *solve.Pool, taken []int) float64 {
	omega, back, gain := p.Fit(taken)
	k, area, old := len(taken), c.Outgoing.Area(), c.Outgoing.Rows()
	c.kept = c.Subset(c.both, taken)
	c.kept.Update = make([]float32, c.Outputs*old)
	for o := range c.Outputs {
		for i := range k * area {
			c.kept.Omega[o*k*area+i] = float32(omega.At(o, i))
		}
		for i := range old {
			c.kept.Update[o*old+i] = float32(-back.At(i, o))
		}
	}
	return gain
}

// others returns at most n of a pool that are not taken, in order.
func others(pool int, taken []int, n int) (out []int) {
	for j := range pool {
		if len(out) < n && !slices.Contains(taken, j) {
			out = append(out, j)
		}
	}
	return out
}
