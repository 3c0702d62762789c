package growth

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Config says where, when and how much to grow. The zero value is invalid;
// start from Default, or DefaultOf for a policy. What else tells policies apart is
// in their stages.
type Config struct {
	Policy string `json:"policy" yaml:"policy"` // one of Policies

	// An event is due every EverySteps steps, up to the part Until of the run's
	// steps, and until nothing grew in MaxRefusals of them in a row (0: no limit).
	EverySteps  int     `json:"every_steps" yaml:"every_steps"`
	Until       float64 `json:"until" yaml:"until"`
	MaxRefusals int     `json:"max_refusals" yaml:"max_refusals"`

	// Limits; zero means none. Widths are target widths by site, a stream named by the
	// first layer that writes it (see CheckTargets). SamplesPerParam, of policies with a
	// gate, is how many samples the run must have left to train on for each parameter that
	// the network would have.
	Widths          map[site.ID]int `json:"widths" yaml:"widths"`
	MaxWidth        int             `json:"max_width" yaml:"max_width"`
	MaxParams       int             `json:"max_params" yaml:"max_params"`
	MaxFLOPs        int64           `json:"max_flops" yaml:"max_flops"` // limit for one sample's forward pass
	SamplesPerParam float64         `json:"samples_per_param" yaml:"samples_per_param"`
	// A site gains at most MaxNeurons in an event, and no more than it has, but
	// MinNeurons are always allowed. By policies with a gate a site that grows gains
	// MinNeurons, within its limits: where too few directions stand out, random ones
	// come with outgoing weights of zero, as room to train in.
	MaxNeurons int `json:"max_neurons" yaml:"max_neurons"`
	MinNeurons int `json:"min_neurons" yaml:"min_neurons"`

	Samples Samples `json:"samples" yaml:"samples"`
	// Riding is the part of the gradient rounds, while the network may still grow,
	// that statistics of all sites ride along with: they are the Evidence of the next
	// event. 0 takes none; 0.25 takes them in every fourth step.
	Riding float64 `json:"riding,omitempty" yaml:"riding"`
	Gate   Gate    `json:"gate" yaml:"gate"`

	// Ridge times the mean square of a site's inputs is added to their squares in
	// the covariance when its neurons are sought: those in directions in
	// which inputs hardly vary need large weights, and train badly. With 0 they are
	// those of [tiny].
	Ridge float64 `json:"ridge" yaml:"ridge"`

	// Entry is what enters by the policy compute, each with outgoing weights of zero:
	// random, orthogonal or directions.
	Entry string `json:"entry,omitempty" yaml:"entry"`

	// Depth, of residual networks. An event appends an empty block, which is the
	// identity until it grows, to a stage: every DepthEvery events, or once no
	// site of a stage has grown in DepthAfter events in a row for reasons of its
	// own (limits, no bottleneck, the gate). Zero means never.
	DepthEvery int `json:"depth_every" yaml:"depth_every"`
	DepthAfter int `json:"depth_after" yaml:"depth_after"`

	// Follow is for how many steps after an event its new neurons are followed;
	// the metrics then say which are dead. Zero means not at all.
	Follow int `json:"follow" yaml:"follow"`
}

// Samples counts those of an event, from the training set, disjoint: for
// statistics, for signs and moments of the new neurons, for amplitudes and the gate.
type Samples struct {
	Statistics int `json:"statistics" yaml:"statistics"`
	Newborn    int `json:"newborn" yaml:"newborn"`
	Amplitude  int `json:"amplitude" yaml:"amplitude"`
}

// Default returns what the policy compute starts from.
func Default() Config { return DefaultOf(PolicyCompute) }

// measured returns what policies that measure gains start from: a gate, an event every
// 350 steps during the first three quarters of the run.
func measured() Config {
	return Config{
		EverySteps: 350, Until: 0.75, MaxRefusals: 8,
		SamplesPerParam: 4, MaxNeurons: 32, MinNeurons: 8,
		Samples: Samples{Statistics: 512, Newborn: 256, Amplitude: 512},
		Gate:    Gate{Significance: 1, Price: 1e-7, ComputePrice: 0.002},
		Ridge:   1, Follow: 10,
	}
}

// RidingPart is what Riding is by default where a policy reads Evidence: it costs at
// most 6 % of the training (BenchmarkRidingSteps in deploy/bench/speed).
const RidingPart = 0.2

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
	found.Check(c.checkEntry(), "entry %q: must be one of %q", c.Entry, entries)
	const many = math.MaxInt32
	between("every_steps", c.EverySteps, 1, many)
	within("until", c.Until, 0, 1)
	between("max_refusals", c.MaxRefusals, 0, many)
	between("max_width", c.MaxWidth, 0, many)
	between("max_params", c.MaxParams, 0, many)
	found.Check(c.MaxFLOPs >= 0, "max_flops %d: must be at least 0", c.MaxFLOPs)
	within("samples_per_param", c.SamplesPerParam, 0, 1e9)
	between("max_neurons", c.MaxNeurons, 1, 1<<16)
	between("min_neurons", c.MinNeurons, 1, 1<<16)
	found.Check(c.MinNeurons <= c.MaxNeurons, "min_neurons %d: must be at most max_neurons %d", c.MinNeurons, c.MaxNeurons)
	between("samples.statistics", c.Samples.Statistics, 1, many)
	between("samples.newborn", c.Samples.Newborn, 1, many)
	between("samples.amplitude", c.Samples.Amplitude, 1, many)
	found.Check(c.Riding == 0 || c.Riding >= leastRiding && c.Riding <= 1, "riding %v: must be 0, or %v to 1", c.Riding, leastRiding)
	within("gate.significance", c.Gate.Significance, 0, 1e6)
	within("gate.price", c.Gate.Price, 0, 1e6)
	within("gate.compute_price", c.Gate.ComputePrice, 0, 1e6)
	within("ridge", c.Ridge, 0, 1e6)
	between("depth_every", c.DepthEvery, 0, many)
	between("depth_after", c.DepthAfter, 0, many)
	found.Check(c.MaxRefusals == 0 || c.DepthAfter <= c.MaxRefusals,
		"depth_after %d: growth ends after max_refusals %d events in a row: raise that", c.DepthAfter, c.MaxRefusals)
	between("follow", c.Follow, 0, many)
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
