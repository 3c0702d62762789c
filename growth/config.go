package growth

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Config says where, when and how much to grow. The zero value is invalid; start from
// Default, or DefaultOf for a policy. What else tells policies apart is Fixed and in
// their stages.
type Config struct {
	Policy string `json:"policy" yaml:"policy"` // one of Policies
	// Entry is what enters by the policy compute: random, orthogonal, directions or
	// diverse, with outgoing weights of zero, or solved.
	Entry string `json:"entry,omitempty" yaml:"entry"`

	// When: an event is due every EverySteps steps, up to the part Until of the run's
	// steps.
	EverySteps int     `json:"every_steps" yaml:"every_steps"`
	Until      float64 `json:"until" yaml:"until"`

	// How large: limits, of which zero means none. Widths are target widths by site, a
	// stream named by the first layer that writes it (see CheckTargets).
	Widths    map[site.ID]int `json:"widths" yaml:"widths"`
	MaxWidth  int             `json:"max_width" yaml:"max_width"`
	MaxParams int             `json:"max_params" yaml:"max_params"`
	MaxFLOPs  int64           `json:"max_flops" yaml:"max_flops"` // limit for one sample's forward pass
	// A site gains at most MaxNeurons in an event, and no more than it has, but
	// Fixed.MinNeurons are always allowed.
	MaxNeurons int `json:"max_neurons" yaml:"max_neurons"`

	// How sure. Samples of an event are for its statistics, half as many for signs and
	// sizes of new neurons, as many for amplitudes and the gate (Fixed).
	Samples int `json:"event_samples" yaml:"samples"`
	// Riding is the part of the gradient rounds, while the network may still grow,
	// that statistics of all sites ride along with: they are the Evidence of the next
	// event. 0 takes none; 0.25 takes them in every fourth step.
	Riding float64 `json:"riding,omitempty" yaml:"riding"`
	// Gate says whether growth has to be worth it. Without it whatever lowers the loss
	// grows, however few samples are left to train it and however rarely.
	Gate bool `json:"gated" yaml:"gate"`

	// Depth, of residual networks: every DepthEvery events one appends an empty block,
	// which is the identity until it grows, to a stage. Zero means never.
	DepthEvery int `json:"depth_every" yaml:"depth_every"`

	// Hypergrad is for the policy of that name.
	Hypergrad Hypergrad `json:"hypergrad,omitzero" yaml:"hypergrad"`

	// Fixed, if not nil, is taken in place of what the settings above fix. No key sets it.
	Fixed *Fixed `json:"fixed,omitempty" yaml:"-"`
}

// Fixed is what a policy and its settings fix.
type Fixed struct {
	// Samples are those of an event.
	Samples Samples `json:"samples"`
	// By policies with a gate a site that grows gains MinNeurons, within its limits:
	// where too few directions stand out, random ones come with outgoing weights of
	// zero, as room to train in.
	MinNeurons int `json:"min_neurons"`
	// Growth ends when nothing grew in MaxRefusals events in a row (0: no limit).
	MaxRefusals int `json:"max_refusals"`
	// SamplesPerParam, of policies with a gate, is how many samples the run must have
	// left to train on for each parameter that the network would have.
	SamplesPerParam float64 `json:"samples_per_param"`
	Gate            Gate    `json:"gate"`
	// Ridge times the mean square of a site's inputs is added to their squares in
	// the covariance when its neurons are sought: those in directions in
	// which inputs hardly vary need large weights, and train badly. With 0 they are
	// those of [tiny].
	Ridge float64 `json:"ridge"`
	// Follow is for how many steps after an event its new neurons are followed;
	// the metrics then say which are dead.
	Follow int `json:"follow"`
}

// Samples counts those of an event, from the training set, disjoint: for
// statistics, for signs and moments of the new neurons, for amplitudes and the gate.
type Samples struct {
	Statistics int `json:"statistics"`
	Newborn    int `json:"newborn"`
	Amplitude  int `json:"amplitude"`
}

// All returns how many an event has in all.
func (s Samples) All() int { return s.Statistics + s.Newborn + s.Amplitude }

// fixer is a policy that fixes other values than most.
type fixer interface{ fix(f *Fixed) }

// Fixes returns what the policy and the settings fix: c.Fixed, if there is one.
func (c Config) Fixes() Fixed {
	if c.Fixed != nil {
		return *c.Fixed
	}
	f := Fixed{Samples: Samples{c.Samples, (c.Samples + 1) / 2, c.Samples}, MinNeurons: 8, Ridge: 1, Follow: 10}
	if c.Gate {
		f.Gate, f.SamplesPerParam, f.MaxRefusals = Gate{Significance: 1, Price: 1e-7, ComputePrice: 0.002}, 4, 8
	}
	if p, ok := policies[c.Policy].(fixer); ok {
		p.fix(&f)
	}
	return f
}

// Fix changes what the policy and the settings fix.
func (c *Config) Fix(change func(f *Fixed)) {
	f := c.Fixes()
	change(&f)
	c.Fixed = &f
}

// Default returns what the policy compute starts from.
func Default() Config { return DefaultOf(PolicyCompute) }

// measured returns what policies that measure gains start from: a gate, an event every
// 350 steps during the first three quarters of the run.
func measured() Config {
	return Config{EverySteps: 350, Until: 0.75, MaxNeurons: 32, Samples: 512, Gate: true, Hypergrad: hypergradDefault()}
}

// RidingPart is what Riding is by default where a policy reads Evidence: it costs at
// most 6 % of the training (BenchmarkRidingSteps in deploy/bench/speed).
const RidingPart = 0.2

// MaxSamples bounds Config.Samples.
const MaxSamples = 1 << 29

// leastRiding is the smallest part of the gradient rounds that is not none.
const leastRiding = 1e-4

// Validate returns all faults at once (errors.Join), or nil.
func (c Config) Validate() error {
	var found faults.List
	between := func(name string, v, lo, hi int) {
		found.Check(v >= lo && v <= hi, "%s %d: must be %d to %d", name, v, lo, hi)
	}
	within := func(name string, v, lo, hi float64) {
		found.Check(v >= lo && v <= hi, "%s %v: must be %v to %v", name, v, lo, hi)
	}
	if _, ok := policies[c.Policy]; !ok {
		found.Check(false, "%s", unknownPolicy(c.Policy))
	}
	c.checkEntry(&found)
	const many = math.MaxInt32
	between("every_steps", c.EverySteps, 1, many)
	within("until", c.Until, 0, 1)
	between("max_width", c.MaxWidth, 0, many)
	between("max_params", c.MaxParams, 0, many)
	found.Check(c.MaxFLOPs >= 0, "max_flops %d: must be at least 0", c.MaxFLOPs)
	between("max_neurons", c.MaxNeurons, 1, 1<<16)
	between("samples", c.Samples, 1, MaxSamples)
	found.Check(c.Riding == 0 || c.Riding >= leastRiding && c.Riding <= 1, "riding %v: must be 0, or %v to 1", c.Riding, leastRiding)
	between("depth_every", c.DepthEvery, 0, many)
	c.Hypergrad.check(c.Policy, &found)
	for _, id := range slices.Sorted(maps.Keys(c.Widths)) {
		between("widths of "+string(id), c.Widths[id], 0, many)
	}
	return found.Err()
}

// renamed are policies of earlier versions.
var renamed = map[string]string{"tiny-no-projection": "whole", "tiny-fisher": "fisher", "best": PolicyTiny}

// unknownPolicy says which policies there are, and what one is called now.
func unknownPolicy(name string) string {
	if now, ok := renamed[name]; ok {
		return fmt.Sprintf("policy %q: is called %s now", name, now)
	}
	return fmt.Sprintf("policy %q: must be one of %q", name, Policies())
}
