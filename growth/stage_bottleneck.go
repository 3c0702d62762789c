package growth

import (
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/solve"
	"github.com/tinygrow/tinygrow/tensor/linalg"

	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// bottleneck finds the best update of each site's existing weights and what it
// cannot express ([tiny] prop. 3.1). It may project the desired update on that,
// and take G as the metric at the outputs.
type bottleneck struct{ project, metric bool }

func (*bottleneck) Ask(s *State) *Round {
	req := &measure.Request{Kind: measure.KindUpdate}
	for _, c := range s.sites {
		req.Sites = append(req.Sites, measure.SiteRequest{Site: c.ID})
	}
	return &Round{req, s.samples.statistics}
}

func (b *bottleneck) Take(s *State, sums *measure.Sums) {
	s.Record.Loss = Number(sums.MeanLoss())
	parallel.Each(len(s.sites), func(i int) {
		c := s.sites[i]
		r := c.record
		p := sums.Update(i)
		if !p.Finite {
			r.Reason = "its statistics are not finite"
			return
		}
		u := solve.BestUpdate(p.S1, p.M, p.Desired, linalg.Inversion{Threshold: solve.Threshold, Ridge: solve.RidgeFor(c.Outgoing.Rows(),
			float64(sums.Samples*float64(c.Outgoing.Positions())))})
		r.Desired, r.Psi2, r.Share = Number(u.Desired), Number(u.Psi2), Number(u.Share())
		switch {
		case u.Desired == 0:
			r.Reason = "the loss has no gradient here"
		case u.Share() < solve.Threshold:
			r.Reason = "no bottleneck: its weights can express the desired update"
		case c.Outgoing.Rows() > 0 && b.project:
			c.update = linalg.Float32s(u.Delta)
		}
		if b.metric {
			c.metric = linalg.Whiten(p.G, linalg.Inversion{Threshold: solve.Threshold})
		}
	})
	if !s.drop() {
		s.refuse("no site has a bottleneck")
	}
	s.open = s.sites
}
