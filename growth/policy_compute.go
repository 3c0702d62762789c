package growth

import (
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// PolicyCompute spends computation: events take the network along a schedule of FLOPs
// a sample to the size that the run's budget trains best, and share the difference among
// the sites where a neuron is worth most for its FLOPs.
const PolicyCompute = "compute"

func init() { register(compute{}) }

type compute struct{}

func (compute) String() string { return PolicyCompute }

// The values of Config.Entry.
const (
	EntryRandom     = "random"     // incoming weights of the norm of the others
	EntryOrthogonal = "orthogonal" // orthogonal to those of the others and to each other
	EntryDirections = "directions" // the solver's, where they stand out from noise
	EntryDiverse    = "diverse"    // half directions, half random, orthogonal to those of the others and to each other
	EntrySolved     = "solved"     // diverse, with the solver's outgoing weights at a bounded size
)

// Entries names what may enter by the policy compute.
var Entries = []string{EntryRandom, EntryOrthogonal, EntryDirections, EntryDiverse, EntrySolved}

func (compute) Stages(c Config) []Stage {
	enters := c.Entry
	if enters == "" {
		enters = EntryRandom
	}
	stages := []Stage{&find{sparing: true, streams: true, whole: true}, &spend{}}
	switch enters {
	case EntryOrthogonal:
		stages = append(stages, &orthonormal{})
	case EntryDirections:
		stages = append(stages, &isotropic{}, &directions{})
	case EntryDiverse, EntrySolved:
		stages = append(stages, &isotropic{}, &diverse{})
	default:
		stages = append(stages, &isotropic{})
	}
	stages = append(stages, &moments{unit: func(c *prospect) bool { return c.Normalised() }})
	incoming, read := enters, func(*prospect) string { return "outgoing weights zero" }
	if enters == EntrySolved {
		b := &bounded{}
		stages = append(stages, &outgoing{}, b)
		incoming, read = EntryDiverse, b.sentence
	}
	return append(stages, &unmeasured{sentence: func(c *prospect) string {
		return fmt.Sprintf("%s, %s incoming weights, %s", c.worth(), incoming, read(c))
	}}, &insert{})
}

// start lets growth end early, where the default schedule of the learning rate begins to
// fall, and the schedule of size alone say how much a site gains.
func (compute) start(c *Config) {
	c.EverySteps, c.Until, c.Entry = 50, 0.25, EntryRandom
	c.MaxNeurons = 1024
}

// fix lets a site gain what it may.
func (compute) fix(f *Fixed) { f.MinNeurons = 1024 }

// leastGrowth is by what part of its computation a network grows in an event at least:
// less is not worth an event.
const leastGrowth = 1. / 8

// due says why no event takes place, or nothing.
func (compute) due(c *Config, at Progress) string {
	now := float64(at.Graph.FLOPs())
	if target := c.target(at.Graph, at.Part, at.Budget); target < float64(now*(1+leastGrowth)) {
		return fmt.Sprintf("%.4g FLOPs a sample, and the schedule asks for %.4g now", now, target)
	}
	return ""
}

// outlook tells the size at the end, and what to do where that is no growth.
func (compute) outlook(c *Config, g *nn.Graph, b Budget) string {
	final := c.final(g, b)
	switch now := float64(g.FLOPs()); {
	case math.IsInf(final, 1):
		return ""
	case final < float64(now*(1+leastGrowth)):
		return fmt.Sprintf("the network will not grow: a run of this length trains one of %.3g FLOPs a sample best, and it has %.3g: "+
			"train longer, or set growth.max_flops to the FLOPs that it shall have", final, now)
	default:
		return fmt.Sprintf("the network will grow from %.3g to at most %.3g FLOPs a sample in the first %.3g of the run",
			now, final, c.Until)
	}
}

// target returns the FLOPs of a sample's forward pass that the network should have now.
func (c *Config) target(g *nn.Graph, part float64, b Budget) float64 {
	final := c.final(g, b)
	if math.IsInf(final, 1) {
		return float64(float64(g.FLOPs()) * unknownGrowth)
	}
	return float64(final * b.scheduled(part, c))
}

// unknownGrowth is by what factor an event grows a network of a run of unknown budget.
const unknownGrowth = 1.5

// final returns the FLOPs of a sample's forward pass that the network should have in
// the end: MaxFLOPs, or those of the target widths where every site has one, or what
// the budget trains best.
func (c *Config) final(g *nn.Graph, b Budget) float64 {
	if c.MaxFLOPs > 0 {
		return float64(c.MaxFLOPs)
	}
	if told, all := c.told(g); all {
		return float64(told.FLOPs())
	}
	return b.size()
}

// checkEntry finds an entry that there is not, and one that is chosen for another
// policy, whose stages know what enters; none is random.
func (c *Config) checkEntry(found *faults.List) {
	found.Check(c.Entry == "" || slices.Contains(Entries, c.Entry), "entry %q: must be one of %q", c.Entry, Entries)
	chooses := c.Policy != PolicyCompute && c.Policy != PolicyNone
	found.Check(!chooses || c.Entry == "" || c.Entry == EntryRandom,
		"entry %q: the policy %s chooses its neurons itself: leave it out, or take the policy compute", c.Entry, c.Policy)
}
