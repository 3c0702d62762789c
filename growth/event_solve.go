package growth

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// threshold is the relative threshold on the spectra of sums of float32 products.
const threshold = 1e-6

// maxSpectrum is how many lambdas of a site are journalled.
const maxSpectrum = 32

// askUpdate asks for the bottleneck of all sites in the running.
func (e *Event) askUpdate() { e.askPortion(nil, 0) }

func (e *Event) solveUpdate(sums []float64) {
	e.record.Loss = Number(sums[1] / sums[0])
	offsets := e.offsets(func(s *siteData) int { return s.updateLen() })
	e.each(func(i int, c *candidate) {
		r := c.record
		p := parseUpdate(e.model.Graph, c.ID, sums, offsets[i])
		if !p.Finite {
			r.Reason = "its statistics are not finite"
			return
		}
		u := BestUpdate(p.S1, p.M, p.Desired, threshold, ridgeFor(c.second.rows(), float64(sums[0]*float64(c.second.positions()))))
		r.Desired, r.Psi2, r.Share = Number(u.Desired), Number(u.Psi2), Number(u.Share())
		switch {
		case u.Desired == 0:
			r.Reason = "the loss has no gradient here"
		case u.Share() < threshold:
			r.Reason = "no bottleneck: its weights can express the desired update"
		case u.Share() < e.cfg.MinBottleneck && !e.inspect:
			r.Reason = fmt.Sprintf("its bottleneck is %s of the desired update, less than min_bottleneck %s", percent(u.Share()), percent(e.cfg.MinBottleneck))
		case c.second.rows() > 0 && e.cfg.Policy != PolicyWhole:
			c.request.Update = float32s(u.Delta)
		}
		if e.cfg.Policy == PolicyFisher {
			c.fisher = linalg.Whiten(p.G, threshold, 0)
		}
	})
	if !e.drop() {
		e.refuse("no site has a bottleneck")
		return
	}
	e.open = e.sites
	e.askNeurons()
}

// askNeurons asks for the best neurons of all sites in the running.
func (e *Event) askNeurons() {
	req := &Request{Kind: KindNeurons}
	for _, c := range e.sites {
		if rows := e.ranges[0].Count * c.second.positions(); c.request.Metric && rows < 2*c.first.rows() {
			c.request.Metric, c.request.Diagonal = false, true
		}
		req.Sites = append(req.Sites, c.request)
	}
	e.ask(req, e.ranges[0], e.solveNeurons)
}

func (e *Event) solveNeurons(sums []float64) {
	e.record.Loss = Number(sums[1] / sums[0])
	offsets := e.offsets(func(s *siteData) int { return s.neuronsLen() })
	e.each(func(i int, c *candidate) {
		p := parseNeurons(e.model.Graph, c.request, sums, offsets[i])
		if !p.Finite {
			c.record.Reason = "its statistics are not finite"
			return
		}
		if e.cfg.Policy == PolicyGradMax {
			c.solveGradients(p)
		} else {
			c.solve(p, sums[0], e.cfg.Ridge, e.cfg.Significance > 0)
			if c.record.Reason != "" && !e.inspect && e.cfg.fallsBack(c.blind) {
				e.drawPool(c, p)
			}
		}
	})
	if e.inspect {
		e.refuse("inspection only")
		return
	}
	if !e.drop() {
		e.refuse("no site has neurons that stand out from noise")
		return
	}
	switch e.cfg.Policy {
	case PolicyGradMax:
		e.gradMaxNeurons()
		return
	case PolicyZeroOut:
		e.zeroOutNeurons()
		return
	}
	e.askNewborn()
}

// solve finds the best neurons of a site and how many stand out from noise, or
// are there at all if that is not asked.
func (c *candidate) solve(p neuronSums, samples, ridge float64, standOut bool) {
	r := c.record
	a, columns := p.N.Dims()
	rows := float64(samples * float64(c.second.positions()))
	ridge = max(ridge, ridgeFor(a, rows))
	n, noise := p.N, p.Psi2
	if c.fisher != nil {
		n, noise = whitenOutputs(c.fisher, n, c.outputs), float64(c.fisher.Rank())
		_, columns = n.Dims()
	}
	if c.request.Diagonal {
		c.neurons = BestNeuronsDiagonal(p.Diagonal, n, c.cap, ridge)
	} else {
		c.neurons = BestNeurons(p.S, n, c.cap, threshold, ridge)
	}
	s := c.neurons
	if c.fisher != nil && s.Omega != nil {
		s.Omega = unwhitenOutputs(c.fisher, s.Omega)
	}
	effective := float64(a) / (1 + ridge)
	r.Spectrum, r.Total, r.Rank = numbers(s.Spectrum, maxSpectrum), Number(s.Total), s.Rank
	r.Chance, r.Ridge = Number(effective*noise/rows), Number(ridge)
	if s.Total <= threshold*noise {
		c.blind = true
		r.Reason = "blind: the bottleneck has no part that is linear in the inputs"
		return
	}
	// the largest singular value of noise of that size (Marchenko and Pastur)
	width := math.Sqrt(effective) + math.Sqrt(float64(columns))
	edge := float64(noise / (float64(columns) * rows) * width * width)
	if !standOut {
		edge = float64(threshold * noise)
	}
	for r.Significant < len(s.Lambda) && s.Lambda[r.Significant]*s.Lambda[r.Significant] > edge {
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

// solveGradients finds the neurons of GradMax.
func (c *candidate) solveGradients(p neuronSums) {
	r := c.record
	r.Desired = Number(p.Psi2) // of V itself: nothing was projected
	c.neurons = BestGradients(p.N, c.cap)
	r.Spectrum, r.Total = numbers(c.neurons.Spectrum, maxSpectrum), Number(c.neurons.Total)
	r.Significant = len(c.neurons.Lambda)
	if r.Significant == 0 {
		r.Reason = "the loss has no gradient here"
	}
}

// offsets returns where each site's sums start behind the header.
func (e *Event) offsets(length func(s *siteData) int) []int {
	out := make([]int, len(e.sites))
	at := 0
	for i, c := range e.sites {
		s, err := newSiteData(e.model.Graph, c.request)
		if err != nil {
			panic("growth: sums of an unknown site")
		}
		out[i] = at
		at += length(s)
	}
	return out
}

// outgoing spreads omega (c, k) or (c E, k) of neuron j over Second's kernel:
// dst (E) for output o.
func (c *candidate) outgoing(dst []float32, omega *mat.Dense, o, j int, f float64) {
	rows, _ := omega.Dims()
	if rows == c.outputs {
		dst[c.second.centre()] = float32(f * omega.At(o, j))
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
