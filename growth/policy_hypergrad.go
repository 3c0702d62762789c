package growth

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// PolicyHypergrad grows as large as compute does, where the hypergradient of [idarts] by gates
// of candidate neurons is most negative for their computation.
const PolicyHypergrad = "hypergrad"

func init() { register(hypergrad{}) }

type hypergrad struct{}

func (hypergrad) String() string { return PolicyHypergrad }

// Hypergrad says how the policy of that name computes.
type Hypergrad struct {
	// Terms is K, the power of the last term of the Neumann series; 0 leaves the identity.
	Terms int `json:"terms" yaml:"terms"`
	// Step is gamma, the step of the weights that a gate is judged behind; 0: the learning rate at the event.
	Step float64 `json:"step" yaml:"step"`
	// R is how far weights are moved for finite differences.
	R float64 `json:"r" yaml:"r"`
}

// hypergradDefault has the values of the authors' code.
func hypergradDefault() Hypergrad { return Hypergrad{Terms: 2, R: 1e-2} }

// maxTerms bounds Hypergrad.Terms: each is a round of an event.
const maxTerms = 64

// check finds what is wrong, under any policy.
func (h Hypergrad) check(policy string, found *faults.List) {
	found.Check(h.Terms >= 0 && h.Terms <= maxTerms, "hypergrad.terms %d: must be 0 to %d", h.Terms, maxTerms)
	found.Check(h.Step >= 0 && h.Step <= 1e6, "hypergrad.step %v: must be 0 to 1e6", h.Step)
	found.Check(h.R > 0 && h.R <= 1e6, "hypergrad.r %v: must be above 0 and at most 1e6", h.R)
	found.Check(policy == PolicyHypergrad || policy == PolicyNone || h == hypergradDefault(),
		"hypergrad: the policy %s computes no hypergradient: leave it out, or take the policy %s", policy, PolicyHypergrad)
}

func (hypergrad) Stages(c Config) []Stage {
	h := &hypergradient{}
	stages := []Stage{&find{sparing: true, streams: true, whole: true}, &allowance{}, &isotropic{},
		&moments{unit: func(c *prospect) bool { return c.Normalised() }}, h}
	for range c.Hypergrad.Terms {
		stages = append(stages, &neumann{h})
	}
	return append(stages, &mixed{h}, &steepest{}, &unmeasured{sentence: func(c *prospect) string {
		return fmt.Sprintf("hypergradient %s, takes %s of a step, random incoming weights, outgoing weights zero",
			c.hypergradients(), percent(float64(c.record.Cost)))
	}}, &insert{})
}

// start is that of compute.
func (hypergrad) start(c *Config) {
	compute{}.start(c)
	c.Entry = ""
}

func (hypergrad) due(c *Config, at Progress) string { return compute{}.due(c, at) }

func (hypergrad) outlook(c *Config, g *nn.Graph, b Budget) string { return compute{}.outlook(c, g, b) }

// hypergradients tells those of the neurons that a site got: the most and the least negative.
func (c *prospect) hypergradients() string {
	n := c.kept.Count
	if first, last := c.gates.values[0], c.gates.values[n-1]; n > 1 {
		return fmt.Sprintf("%.3g to %.3g (%d of %d candidates)", first, last, n, len(c.gates.values))
	}
	return fmt.Sprintf("%.3g (1 of %d candidates)", c.gates.values[0], len(c.gates.values))
}

// gates are those of a site's candidates.
type gates struct {
	values []float64 // hypergradients, by candidate, then the most negative first
	order  []int     // candidates in that order
}

// gamma returns the step of the weights that gates are judged behind.
func (s *State) gamma() float64 {
	if step := s.Settings.Hypergrad.Step; step > 0 {
		return step
	}
	return s.Info.LR
}
