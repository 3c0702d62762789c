package growth

import (
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/solve"
	"github.com/tinygrow/tinygrow/tensor/linalg"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// refit replaces the outgoing weights by the joint least squares of the desired
// update on the existing and the new activations as they are measured (MATH.md
// section 3.4), with its change of the existing weights, and chooses from pools.
type refit struct{ poolsOnly bool }

// leastRidge is the ridge on the inputs of Second, as a part of their mean square: an
// input that is almost dead would get so large a weight otherwise that its row never
// turned again.
const leastRidge = 0.01

func (f *refit) fitted(s *State) (out []*prospect) {
	for _, c := range s.trials {
		if c.pool || !f.poolsOnly {
			out = append(out, c)
		}
	}
	return out
}

// Ask asks for the best update of every site's Second as if the new neurons were
// there already.
func (f *refit) Ask(s *State) *Round {
	req := &measure.Request{Kind: measure.KindUpdate}
	for _, c := range f.fitted(s) {
		req.Sites = append(req.Sites, measure.SiteRequest{Site: c.ID})
		req.Newborn = append(req.Newborn, c.kept)
	}
	if len(req.Sites) == 0 {
		return nil
	}
	return &Round{req, s.samples.newborn}
}

func (f *refit) Take(s *State, sums *measure.Sums) {
	sites := f.fitted(s)
	if len(sites) == 0 {
		return
	}
	parallel.Each(len(sites), func(i int) {
		c := sites[i]
		rows := float64(sums.Samples * float64(c.Outgoing.Positions()))
		p := sums.Update(i)
		if c.pool {
			c.refitPool(p, rows, s.least(c), max(leastRidge, solve.RidgeFor(c.Outgoing.Rows(), rows)))
			return
		}
		inputs := c.Outgoing.Rows() + c.kept.Count*c.Outgoing.Area()
		c.refit(p, max(leastRidge, solve.RidgeFor(inputs, rows)))
	})
	s.trials = slices.DeleteFunc(s.trials, func(c *prospect) bool { return c.record.Reason != "" })
	if len(s.trials) == 0 {
		s.refuse("no site has neurons that stand out from noise")
	}
}

// refit solves for outgoing weights and the change of existing weights.
func (c *prospect) refit(p measure.UpdateSums, ridge float64) {
	if !p.Finite {
		return // the closed form stays, and will be measured
	}
	u := solve.BestUpdate(p.S1, p.M, p.Desired, linalg.Inversion{Threshold: solve.Threshold, Ridge: ridge})
	c.record.Refit = Number(u.Desired - u.Psi2)
	c.splitRefit(u.Delta)
}

// splitRefit takes the rows of the joint solution apart. Its columns are the
// old inputs, the new ones, and the bias; rows behind the old outputs belong
// to other sites' neurons and are zero.
func (c *prospect) splitRefit(delta *mat.Dense) {
	old, area, k := c.Outgoing.Weights(), c.Outgoing.Area(), c.kept.Count
	rows := c.Outgoing.Rows()
	c.kept.Update = make([]float32, c.Outputs*rows)
	c.kept.Omega = make([]float32, c.Outputs*k*area)
	for o := range c.Outputs {
		row := delta.RawRowView(o)
		for i := range old {
			c.kept.Update[o*rows+i] = float32(row[i])
		}
		for i := range k * area {
			c.kept.Omega[o*k*area+i] = float32(row[old+i])
		}
		if c.Outgoing.Bias {
			c.kept.Update[o*rows+old] = float32(row[old+k*area])
		}
	}
}
