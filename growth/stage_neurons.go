package growth

import (
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/solve"
	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// maxSpectrum is how many lambdas of a site are journalled.
const maxSpectrum = 32

// neurons finds the best neurons of each site ([tiny] prop. 3.2), with outgoing
// kernels that use their centre or all offsets. A site where none stands out from
// noise gets a pool of random ones, or leaves.
type neurons struct{ full, pool bool }

func (n *neurons) Ask(s *State) *Round {
	req := &measure.Request{Kind: measure.KindNeurons}
	for _, c := range s.sites {
		rows := s.samples.statistics.Count * c.Outgoing.Positions()
		few := rows < 2*c.Incoming.Rows() // too few to estimate more of S than its diagonal
		c.request = measure.SiteRequest{Site: c.ID, Full: n.full, Metric: !few, Diagonal: few, Update: c.update}
		req.Sites = append(req.Sites, c.request)
	}
	return &Round{req, s.samples.statistics}
}

func (n *neurons) Take(s *State, sums *measure.Sums) {
	s.eachNeurons(sums, func(c *prospect, p measure.NeuronSums) {
		c.solve(p, solving{sums.Samples, s.fixed.Ridge, s.fixed.Gate.sure()})
		if c.record.Reason != "" && n.pool {
			s.drawPool(c, p)
		}
	})
	if !s.drop() {
		s.refuse("no site has neurons that stand out from noise")
	}
}

// eachNeurons runs f for all sites in the running, in parallel, with their sums of
// a neurons round, if these are finite.
func (s *State) eachNeurons(sums *measure.Sums, f func(c *prospect, p measure.NeuronSums)) {
	s.Record.Loss = Number(sums.MeanLoss())
	parallel.Each(len(s.sites), func(i int) {
		c := s.sites[i]
		p := sums.Neurons(i)
		if !p.Finite {
			c.record.Reason = "its statistics are not finite"
			return
		}
		f(c, p)
	})
}

// solving says how a site's neurons are solved for.
type solving struct {
	samples  float64 // samples that the sums are of
	ridge    float64 // at least, times the mean square of the inputs
	standOut bool    // count the neurons that stand out from noise, not all that are there
}

// solve finds the best neurons of a site and how many stand out from noise, or
// are there at all if that is not asked.
func (c *prospect) solve(p measure.NeuronSums, how solving) {
	r := c.record
	a, columns := p.N.Dims()
	rows := float64(how.samples * float64(c.Outgoing.Positions()))
	ridge := max(how.ridge, solve.RidgeFor(a, rows))
	n, noise := p.N, p.Psi2
	if c.metric != nil {
		n, noise = solve.WhitenOutputs(c.metric, n, c.Outputs), float64(c.metric.Rank())
		_, columns = n.Dims()
	}
	if c.request.Diagonal {
		c.neurons = solve.BestNeuronsDiagonal(p.Diagonal, n, c.cap, ridge)
	} else {
		c.neurons = solve.BestNeurons(p.S, n, c.cap, linalg.Inversion{Threshold: solve.Threshold, Ridge: ridge})
	}
	best := c.neurons
	if c.metric != nil && best.Omega != nil {
		best.Omega = solve.UnwhitenOutputs(c.metric, best.Omega)
	}
	effective := float64(a) / (1 + ridge)
	r.Spectrum, r.Total, r.Rank = numbers(best.Spectrum, maxSpectrum), Number(best.Total), best.Rank
	r.Chance, r.Ridge = Number(effective*noise/rows), Number(ridge)
	if best.Total <= solve.Threshold*noise {
		r.Reason = "blind: the bottleneck has no part that is linear in the inputs"
		return
	}
	// the largest singular value of noise of that size (Marchenko and Pastur)
	width := math.Sqrt(effective) + math.Sqrt(float64(columns))
	edge := float64(noise / (float64(columns) * rows) * width * width)
	if !how.standOut {
		edge = float64(solve.Threshold * noise)
	}
	for r.Significant < len(best.Lambda) && best.Lambda[r.Significant]*best.Lambda[r.Significant] > edge {
		r.Significant++
	}
	if r.Significant == 0 {
		r.Reason = "no direction stands out from noise"
	}
}
