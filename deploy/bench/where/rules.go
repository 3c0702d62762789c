package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// The rules by name. All but ruleEqual are a value divided by the FLOPs that twice
// the width costs.
const (
	ruleSolver  = "lambda^2 of the solver"         // sum of lambda^2 less what chance gives, [tiny] prop. 3.2
	ruleGain    = "first-order gain, other data"   // gain of the solver's neurons, on samples they were not made for
	ruleGradMax = "squared gradient of GradMax"    // sum over as many neurons as there are
	ruleEqual   = "equal computation a layer"      // 1 / (width^2 positions): the cheapest layer first
	ruleFisher  = "importance of its channels"     // Taylor and Fisher: sum over channels of (gradient x activation)^2
	ruleFork    = "a fork of a few training steps" // decrease of the training loss by random neurons
	ruleRiding  = "lambda^2 of riding statistics"  // measured in halves that did not find the directions
	ruleStep    = "best steps, riding statistics"  // what the leading directions would take off the loss
)

// rules are all of them.
var rules = []string{ruleSolver, ruleGain, ruleGradMax, ruleEqual, ruleFisher, ruleFork, ruleRiding, ruleStep}

// scorer scores the layers of one network.
type scorer struct {
	*Network
	Effort
	dataDir string
	runs    *stat.Runs
	model   *nn.Model // after Steps
}

// score fills the scores of all layers, and Spearman.
func (s *scorer) score(ctx context.Context) error {
	base, err := s.train(ctx, "base", map[string]string{"train.steps": strconv.Itoa(s.Steps)})
	if err != nil {
		return err
	}
	saved, err := run.Open(base.Dir)
	if err != nil {
		return err
	}
	s.model = saved.Model
	if err := s.costs(); err != nil {
		return err
	}
	for _, rule := range []func(context.Context, string) error{s.solver, s.gradMax, s.fisher, s.forks} {
		if err := rule(ctx, base.Dir); err != nil {
			return err
		}
	}
	s.correlate()
	return nil
}

// costs measures what twice the width of each layer costs, and scores by that alone.
func (s *scorer) costs() error {
	g := s.model.Graph
	shapes, err := g.Shapes()
	if err != nil {
		return err
	}
	for i := range s.Sites {
		at := &s.Sites[i]
		node := g.Node(nn.NodeID(at.Layer))
		if node == nil {
			return fmt.Errorf("it has no layer %s", at.Layer)
		}
		at.Width = node.Out
		twice, err := s.build(at.set)
		if err != nil {
			return fmt.Errorf("%s: %w", at.Layer, err)
		}
		if got := twice.Node(node.ID).Out; got != 2*at.Width {
			return fmt.Errorf("%s: its settings give it a width of %d, not %d", at.Layer, got, 2*at.Width)
		}
		at.FLOPs = twice.FLOPs() - g.FLOPs()
		positions := shapes[node.ID].H * shapes[node.ID].W
		at.Scores[ruleEqual] = 1 / float64(at.Width*at.Width*positions)
	}
	return nil
}

// build returns the network of some settings, for the inputs of this one.
func (s *scorer) build(set map[string]string) (*nn.Graph, error) {
	settings, err := s.given(set).Resolve(run.Defaults())
	if err != nil {
		return nil, err
	}
	c := settings.Model
	c.Input, c.Classes = s.model.Graph.Input, s.model.Graph.Output().Out
	return nn.Build(c)
}

// given are settings as the package run takes them, in the order of their keys, with
// the directory of the data set.
func (s *scorer) given(set map[string]string) (g run.Given) {
	for _, key := range slices.Sorted(maps.Keys(set)) {
		g.Assignments = append(g.Assignments, key+"="+set[key])
	}
	if s.dataDir != "" {
		g.Assignments = append(g.Assignments, "data.dir="+s.dataDir)
	}
	return g
}

// solver scores by what growth statistics say.
func (s *scorer) solver(ctx context.Context, dir string) error {
	saved, err := s.open(dir, growth.PolicyTiny)
	if err != nil {
		return err
	}
	sites, event, err := saved.Foretell(ctx, true)
	if err != nil {
		return err
	}
	for _, r := range sites {
		s.give(nn.NodeID(r.Site), ruleSolver, float64(r.Total)-float64(r.Chance))
	}
	for _, r := range event.Sites {
		s.give(nn.NodeID(r.Site), ruleGain, float64(r.Predicted))
	}
	return nil
}

// gradMax scores by the squared gradient of as many new neurons as the layer has.
func (s *scorer) gradMax(ctx context.Context, dir string) error {
	saved, err := s.open(dir, growth.PolicyGradMax)
	if err != nil {
		return err
	}
	_, event, err := saved.Foretell(ctx, true)
	if err != nil {
		return err
	}
	for _, r := range event.Sites {
		s.give(nn.NodeID(r.Site), ruleGradMax, float64(r.Predicted))
	}
	return nil
}

// policy is the name of a growth policy.
type policy string

// open opens the run in dir with a growth policy that may double every layer.
func (s *scorer) open(dir string, p policy) (*run.Saved, error) {
	saved, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	var widths []string
	for _, at := range s.Sites {
		widths = append(widths, fmt.Sprintf("%s: %d", at.Layer, 2*at.Width))
	}
	err = saved.Give(run.Given{Assignments: []string{"growth.policy=" + string(p), "data.dir=" + s.dataDir,
		"growth.widths={" + strings.Join(widths, ", ") + "}", "growth.max_neurons=1024", fmt.Sprintf("growth.samples=%d", s.Samples),
	}}, run.Sections("data.", "growth."))
	saved.Settings.Growth.Fix(func(f *growth.Fixed) {
		f.Samples.Newborn, f.SamplesPerParam = s.Samples/4, 0 // however few would be left to train on
	})
	return saved, err
}

// give sets the score of a layer by a value for its computation.
func (s *scorer) give(layer nn.NodeID, rule string, value float64) {
	if i := slices.IndexFunc(s.Sites, func(at Site) bool { return at.Layer == string(layer) }); i >= 0 {
		s.Sites[i].Scores[rule] = value / float64(s.Sites[i].FLOPs)
	}
}

// correlate compares the scores of every rule with the worth; a rule that did not
// score all layers is left out.
func (s *scorer) correlate() {
	s.Spearman = map[string]float64{}
	for _, rule := range rules {
		var scores, worth []float64
		for _, at := range s.Sites {
			if score, ok := at.Scores[rule]; ok {
				scores, worth = append(scores, score), append(worth, at.Worth)
			}
		}
		if len(scores) == len(s.Sites) {
			s.Spearman[rule] = stat.Spearman(scores, worth)
		}
	}
}
