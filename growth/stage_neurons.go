package growth

import (
	"math"

	"gonum.org/v1/gonum/mat"
)

// maxSpectrum is how many lambdas of a site are journalled.
const maxSpectrum = 32

// neurons finds the best neurons of each site ([tiny] prop. 3.2), with outgoing
// kernels that use their centre or all offsets. A site where none stands out from
// noise gets a pool of random ones, or leaves.
type neurons struct{ full, pool bool }

func (n *neurons) Ask(s *State) *Round {
	req := &Request{Kind: KindNeurons}
	for _, c := range s.sites {
		rows := s.samples.statistics.Count * c.second.positions()
		few := rows < 2*c.first.rows() // too few to estimate more of S than its diagonal
		c.request = SiteRequest{Site: c.ID, Full: n.full, Metric: !few, Diagonal: few, Update: c.update}
		req.Sites = append(req.Sites, c.request)
	}
	return &Round{req, s.samples.statistics}
}

func (n *neurons) Take(s *State, sums []float64) {
	s.eachNeurons(sums, func(c *prospect, p neuronSums) {
		c.solve(p, sums[0], s.Settings.Ridge, s.Settings.Gate.sure())
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
func (s *State) eachNeurons(sums []float64, f func(c *prospect, p neuronSums)) {
	s.Record.Loss = Number(sums[1] / sums[0])
	offsets, at := make([]int, len(s.sites)), 0
	for i, c := range s.sites {
		d, err := newSiteData(s.Model.Graph, c.request)
		if err != nil {
			panic("growth: sums of an unknown site")
		}
		offsets[i] = at
		at += d.neuronsLen()
	}
	parallel(len(s.sites), func(i int) {
		c := s.sites[i]
		p := parseNeurons(s.Model.Graph, c.request, sums, offsets[i])
		if !p.Finite {
			c.record.Reason = "its statistics are not finite"
			return
		}
		f(c, p)
	})
}

// solve finds the best neurons of a site and how many stand out from noise, or
// are there at all if that is not asked.
func (c *prospect) solve(p neuronSums, samples, ridge float64, standOut bool) {
	r := c.record
	a, columns := p.N.Dims()
	rows := float64(samples * float64(c.second.positions()))
	ridge = max(ridge, ridgeFor(a, rows))
	n, noise := p.N, p.Psi2
	if c.metric != nil {
		n, noise = whitenOutputs(c.metric, n, c.outputs), float64(c.metric.Rank())
		_, columns = n.Dims()
	}
	if c.request.Diagonal {
		c.neurons = BestNeuronsDiagonal(p.Diagonal, n, c.cap, ridge)
	} else {
		c.neurons = BestNeurons(p.S, n, c.cap, threshold, ridge)
	}
	best := c.neurons
	if c.metric != nil && best.Omega != nil {
		best.Omega = unwhitenOutputs(c.metric, best.Omega)
	}
	effective := float64(a) / (1 + ridge)
	r.Spectrum, r.Total, r.Rank = numbers(best.Spectrum, maxSpectrum), Number(best.Total), best.Rank
	r.Chance, r.Ridge = Number(effective*noise/rows), Number(ridge)
	if best.Total <= threshold*noise {
		r.Reason = "blind: the bottleneck has no part that is linear in the inputs"
		return
	}
	// the largest singular value of noise of that size (Marchenko and Pastur)
	width := math.Sqrt(effective) + math.Sqrt(float64(columns))
	edge := float64(noise / (float64(columns) * rows) * width * width)
	if !standOut {
		edge = float64(threshold * noise)
	}
	for r.Significant < len(best.Lambda) && best.Lambda[r.Significant]*best.Lambda[r.Significant] > edge {
		r.Significant++
	}
	if r.Significant == 0 {
		r.Reason = "no direction stands out from noise"
	}
}

// ridgeFor returns the ridge on the unit diagonal of the covariance of n
// features estimated from that many rows: none where rows abound.
func ridgeFor(n int, rows float64) float64 {
	if rows < 4*float64(n) {
		return float64(n) / rows
	}
	return 0
}

// spread spreads omega (c, k) or (c E, k) of neuron j over Second's kernel:
// dst (E) for output o.
func (l layout) spread(dst []float32, omega *mat.Dense, o, j int, f float64) {
	rows, _ := omega.Dims()
	if rows == l.outputs {
		dst[l.second.centre()] = float32(f * omega.At(o, j))
		return
	}
	for e := range dst {
		dst[e] = float32(f * omega.At(o*len(dst)+e, j))
	}
}

// float32s returns a row-major copy.
func float32s(m *mat.Dense) []float32 {
	r, c := m.Dims()
	out := make([]float32, 0, r*c)
	for i := range r {
		for _, v := range m.RawRowView(i) {
			out = append(out, float32(v))
		}
	}
	return out
}
