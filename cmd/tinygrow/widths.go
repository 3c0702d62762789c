package main

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// takeWidths puts the widths of the runs that --widths-of and --targets-of name
// into base.
func (s *source) takeWidths(base *settings) error {
	if s.widthsOf != "" {
		run, err := openSaved(s.widthsOf)
		if err != nil {
			return fmt.Errorf("--widths-of: %w", err)
		}
		if base.Model, err = run.network(); err != nil {
			return as(exitUsage, fmt.Errorf("--widths-of %s: %w", s.widthsOf, err))
		}
	}
	if s.targetsOf != "" {
		run, err := openSaved(s.targetsOf)
		if err != nil {
			return fmt.Errorf("--targets-of: %w", err)
		}
		base.Growth.Widths = map[growth.SiteID]int{}
		for _, site := range growth.Sites(run.model.Graph) {
			base.Growth.Widths[site.ID] = run.model.Graph.Node(site.First).Out
		}
	}
	return nil
}

// network returns the configuration of a network like the saved one: that which
// the run began with, and the widths that have changed.
func (s *saved) network() (nn.ModelConfig, error) {
	c := s.base.Model
	if len(c.Widths) == 0 {
		c.Widths = nil
	}
	g := s.model.Graph
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
	c.Input, c.Classes, c.Loss = s.base.Model.Input, s.base.Model.Classes, s.base.Model.Loss
	return c, nil
}
