package growth

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Limits on the pool of random neurons of a site: poolFactor for each that it
// may gain, and maxPool columns of Second's input.
const (
	poolFactor = 4
	maxPool    = 192
)

// drawPool replaces the neurons that the solver did not find by random ones
// without outgoing weights. Incoming weights are isotropic where features are
// scaled to one, of mean square one together; a bias is a standard normal
// number. The numbers depend on seed, event and site.
func (s *State) drawPool(c *prospect, p neuronSums) {
	count := min(poolFactor*c.cap, max(maxPool/c.second.area(), s.least(c)))
	c.pool, c.shrink, c.both = true, 1, c.empty(count)
	r := c.record
	r.Fallback, r.Reason, r.Tried = r.Reason, "", count
	weights, a, positions := c.first.weights(), c.first.rows(), float64(c.second.positions())
	stream := rng.New(s.Info.Seed, s.Info.Number, rng.Key("blind "+string(c.ID)))
	for j := range count {
		w := make([]float64, weights)
		for i := range w {
			if d := p.square(i) / positions; d > 0 {
				w[i] = stream.Normal(uint64(j*a+i)) / math.Sqrt(d)
			}
		}
		size := math.Sqrt(p.meanSquare(w) / positions)
		for i, v := range w {
			if size > 0 {
				c.both.Alpha[j*a+i] = float32(v / size)
			}
		}
		if c.first.bias {
			c.both.Alpha[j*a+weights] = float32(stream.Normal(uint64(j*a + weights)))
		}
	}
}

// square returns E[b2_i^2].
func (p neuronSums) square(i int) float64 {
	if p.S != nil {
		return p.S.At(i, i)
	}
	return p.Diagonal[i]
}

// meanSquare returns w' S w for the leading features, without the products of
// different features where they are not known.
func (p neuronSums) meanSquare(w []float64) float64 {
	var sum float64
	for i, x := range w {
		if p.S == nil {
			sum += float64(float64(x*x) * p.Diagonal[i])
			continue
		}
		for j, y := range w {
			sum += float64(float64(x*y) * p.S.At(i, j))
		}
	}
	return math.Max(0, sum)
}

// poolOfSigns makes the pool of the neurons that were tried with both signs, none
// of which held on fresh samples: several together may.
func (c *prospect) poolOfSigns(s newbornSums, why string) {
	c.pool, c.record.Fallback, c.record.Tried = true, why, c.both.Count
	c.sizePool(s)
}

// sizePool gives all neurons of the pool pre-activations of size one, and
// makes them the ones that the refit sees.
func (c *prospect) sizePool(s newbornSums) {
	all := upTo(c.both.Count)
	c.both = c.pick(c.both, all, s, 1)
	c.unitSize(&c.both, all, s)
	c.kept = c.both
}

// refitPool scores the pool by the statistics that its neurons have part in.
func (c *prospect) refitPool(u updateSums, rows float64, least int) {
	if !u.Finite {
		c.record.Reason = "the statistics of its random neurons are not finite"
		return
	}
	n, _ := u.M.Dims()
	u.M = mat.DenseCopyOf(u.M.Slice(0, n, 0, c.outputs)) // without other sites' neurons
	c.choosePool(u, rows, least)
}
