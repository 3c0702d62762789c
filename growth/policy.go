package growth

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A Policy is an ordered list of stages that a growth event goes through.
type Policy interface {
	// String is the stable name of the policy, in settings, journals and results.
	String() string
	// Stages returns fresh stages for one event; none if the policy never grows.
	Stages(c Config) []Stage
}

// A Stage is one step of an event. It owns its settings and fills its part of
// the state.
type Stage interface {
	// Ask returns the round whose sums the stage needs, or nil if it needs none.
	Ask(s *State) *Round
	// Take goes on from the reduced sums of that round, nil if none was asked for.
	Take(s *State, sums *measure.Sums)
}

// Round is what a stage asks all workers for, over which samples.
type Round struct {
	*measure.Request
	Samples SampleRange
}

// starter is a policy that starts from other settings than most.
type starter interface{ start(c *Config) }

// patient is a policy that may let the step of an event pass: due says why, or nothing.
type patient interface {
	due(c *Config, at Progress) string
}

// planner is a policy that knows at the start how large the network will become.
type planner interface {
	outlook(c *Config, g *nn.Graph, b Budget) string
}

// Outlook tells in a sentence how large a run of that budget will make the network, if
// the policy knows, and which layers cannot grow; else it is empty.
func (c Config) Outlook(g *nn.Graph, b Budget) string {
	var parts []string
	if p, ok := policies[c.Policy].(planner); ok {
		parts = append(parts, p.outlook(&c, g, b))
	}
	if c.Policy != PolicyNone {
		parts = append(parts, staying(g), c.headsStaying(g))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
}

// staying tells of layers that no site lets grow, but for those of the output.
func staying(g *nn.Graph) string {
	layers, why := 0, ""
	for _, f := range site.FixedWidths(g) {
		if slices.Contains(f.Writers, g.Output().ID) {
			continue
		}
		if layers += len(f.Writers); why == "" {
			why = fmt.Sprintf("%s: %s", f.Writers[0], f.Why)
		}
	}
	if layers == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d layers stay as wide as they are, the first of them %s (tinygrow model summary tells of all)", layers,
		len(g.Widths()), why)
}

// headsStaying tells how to let heads grow that no target names.
func (c Config) headsStaying(g *nn.Graph) string {
	var still []site.ID
	for _, s := range site.Streams(g) {
		if _, named := c.Widths[s.ID]; s.Heads != "" && !named {
			still = append(still, s.ID)
		}
	}
	if len(still) == 0 {
		return ""
	}
	at, _ := site.Find(g, still[0])
	return fmt.Sprintf("the heads of %d attentions stay as many as they are, but for growth.widths, as {%s: %d}", len(still), still[0],
		2*at.Width(g))
}

var policies = map[string]Policy{}

// register makes a policy known by its name.
func register(p Policy) { policies[p.String()] = p }

// Policies returns the names of all policies.
func Policies() []string { return slices.Sorted(maps.Keys(policies)) }

// DefaultOf returns the settings that a policy starts from; an unknown one is
// found by Validate.
func DefaultOf(policy string) Config {
	c := measured()
	c.Policy = policy
	if p, ok := policies[policy].(starter); ok {
		p.start(&c)
	}
	return c
}

// stages returns those of the policy that is configured.
func (c Config) stages() []Stage {
	p, ok := policies[c.Policy]
	if !ok {
		panic(fmt.Sprintf("growth: policy %q was not validated", c.Policy))
	}
	return p.Stages(c)
}

// Grows reports whether the policy ever grows.
func (c Config) Grows() bool { return len(c.stages()) > 0 }

// StartAlike reports whether two policies start from the same settings.
func StartAlike(a, b string) bool {
	x, y := DefaultOf(a), DefaultOf(b)
	x.Policy, y.Policy = "", ""
	return reflect.DeepEqual(x, y)
}
