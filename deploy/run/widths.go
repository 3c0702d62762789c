package run

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// takeWidths puts the widths of the runs that --widths-of and --targets-of name
// into base.
func (g Given) takeWidths(base *Settings) error {
	if g.WidthsOf != "" {
		run, err := Open(g.WidthsOf)
		if err != nil {
			return fmt.Errorf("--widths-of: %w", err)
		}
		if base.Model, err = run.network(); err != nil {
			return as(ErrUsage, fmt.Errorf("--widths-of %s: %w", g.WidthsOf, err))
		}
	}
	if g.TargetsOf != "" {
		run, err := Open(g.TargetsOf)
		if err != nil {
			return fmt.Errorf("--targets-of: %w", err)
		}
		base.Growth.Widths = map[site.ID]int{}
		for _, at := range site.All(run.Model.Graph) {
			base.Growth.Widths[at.ID] = at.Width(run.Model.Graph)
		}
	}
	return nil
}

// network returns the configuration of a network like the saved one: that which
// the run began with, and the widths that have changed.
func (s *Saved) network() (nn.ModelConfig, error) {
	c := s.Settings.Model
	if len(c.Widths) == 0 {
		c.Widths = nil
	}
	g := s.Model.Graph
	c.Input, c.Loss = g.Input, g.Loss
	c.Classes = g.Output().Out
	began, err := nn.Build(c)
	if err != nil {
		return c, err
	}
	c.Units = map[string]int{}
	old, now := began.Widths(), g.Widths()
	for id, width := range now {
		was, ok := old[id]
		if !ok {
			return c, fmt.Errorf("it has grown the layer %s, which no configuration of %s has: only widths can be taken", id, c.Name)
		}
		if was != width {
			c.Units[id] = width
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if was := began.Node(n.ID); n.Op.Role() == nn.Attends && was != nil && was.Heads != n.Heads {
			c.Units[string(n.ID)] = n.Heads
		}
	}
	c.Input, c.Classes, c.Loss = s.Settings.Model.Input, s.Settings.Model.Classes, s.Settings.Model.Loss
	return c, nil
}
