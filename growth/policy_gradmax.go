package growth

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"
)

// PolicyGradMax is [gradmax]: neurons whose incoming weights get the largest gradient.
const PolicyGradMax = "gradmax"

func init() { register(gradMax{}) }

type gradMax struct{}

func (gradMax) String() string { return PolicyGradMax }

func (gradMax) Stages(c Config) []Stage {
	return []Stage{
		&find{},
		&gradients{},
		&largest{
			count: func(c *prospect) int { return len(c.neurons.Lambda) },
			value: func(c *prospect) float64 { return float64(c.record.Predicted) },
			other: "others have a larger gradient per parameter"},
		&awake{},
		&moments{unit: func(c *prospect) bool { return c.Normalised() }},
		&unmeasured{policy: PolicyGradMax, sentence: func(c *prospect) string {
			return fmt.Sprintf("gradmax, squared gradient of the new weights %.3g", float64(c.record.Predicted))
		}},
		&insert{},
	}
}

// gradients finds the outgoing weights that give incoming ones the largest gradient.
type gradients struct{ full bool }

func (g *gradients) Ask(s *State) *Round {
	req := &measure.Request{Kind: measure.KindNeurons}
	for _, c := range s.sites {
		c.request = measure.SiteRequest{Site: c.ID, Full: g.full}
		req.Sites = append(req.Sites, c.request)
	}
	return &Round{req, s.samples.statistics}
}

func (g *gradients) Take(s *State, sums *measure.Sums) {
	s.eachNeurons(sums, func(c *prospect, p measure.NeuronSums) {
		r := c.record
		r.Desired = Number(p.Psi2) // the whole of V: nothing was projected
		c.neurons = solve.BestGradients(p.N, c.cap)
		r.Spectrum, r.Total = numbers(c.neurons.Spectrum, maxSpectrum), Number(c.neurons.Total)
		r.Significant = len(c.neurons.Lambda)
		if r.Significant == 0 {
			r.Reason = "the loss has no gradient here"
		}
		for _, l := range c.neurons.Lambda {
			r.Predicted += Number(l * l)
		}
	})
	if !s.drop() {
		s.refuse("no site has neurons that stand out from noise")
	}
}

// awake connects the neurons of GradMax. Incoming weights are zero, as in
// [gradmax], where the activation lets a gradient through at zero; before ReLU a
// small bias makes it do so, and where there is none, or a normalisation follows,
// incoming weights are small and random. In front of a normalisation scale moves from
// the outgoing weights to these, or the channels would die by the first updates of its
// weights and biases.
type awake struct{}

func (*awake) Ask(*State) *Round { return nil }

func (*awake) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		k, a, area := len(c.neurons.Lambda), c.Incoming.Rows(), c.Outgoing.Area()
		c.both = c.Empty(k)
		dead := c.Normalised()
		for _, f := range c.Activations(s.Model.Graph) {
			dead = dead || f.Flat
		}
		switch {
		case dead && (c.Normalised() || !c.Incoming.Bias):
			s.drawIncoming(c, &c.both, 0, 0.01)
		case dead:
			for j := range k {
				c.both.Alpha[j*a+a-1] = 1e-3
			}
		}
		for j := range k {
			for o := range c.Outputs {
				c.Spread(c.both.Omega[(o*k+j)*area:][:area], c.neurons.Omega, site.Outgoing{Output: o, Neuron: j}, 1)
			}
		}
	}
}
