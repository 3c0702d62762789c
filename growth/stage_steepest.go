package growth

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// allowance bounds how many neurons a site may gain by what the schedule of computation allows
// the whole network.
type allowance struct{}

func (*allowance) Ask(*State) *Round { return nil }

func (*allowance) Take(s *State, _ *measure.Sums) {
	target := s.Settings.target(s.Model.Graph, s.Info.Part, s.Info.Budget)
	s.Record.Target = Number(target)
	g := s.Model.Graph.Clone()
	for _, c := range s.sites {
		flops := func(n int) float64 {
			c.Gain(g, n)
			defer c.Gain(g, -n)
			return float64(g.FLOPs())
		}
		// one neuron too many where less than half of it is beyond the target
		c.cap = sort.Search(c.cap, func(n int) bool { return flops(n+1)-target > target-flops(n) })
		if c.record.Cap = c.cap; c.cap == 0 {
			c.record.Reason, c.record.Waits = "one more takes more computation than the schedule has left", true
		}
	}
	if !s.drop() {
		s.refuse(fmt.Sprintf("%.4g FLOPs a sample: the schedule asks for %.4g now", float64(s.Record.FLOPsBefore), target))
	}
}

// steepest spends the computation that the schedule allows on the candidates of the most negative hypergradient for
// their FLOPs, or for their parameters where these are what is short. Outgoing weights were drawn with either sign alike, and of a
// candidate with the opposite sign the hypergradient has the opposite sign: each counts with the sign by
// which it is negative. What enters has outgoing weights of zero.
type steepest struct{}

func (*steepest) Ask(*State) *Round { return nil }

func (*steepest) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		c.gates.sort()
		c.record.Hypergradients = numbers(c.gates.values, maxSpectrum)
	}
	taken, target := map[*prospect]int{}, float64(s.Record.Target)
	s.fill(target, taken, func(c *prospect, _ *nn.Graph) float64 { return s.slope(c, taken[c]) }, func(c *prospect, _ *nn.Graph) int {
		if s.slope(c, taken[c]) == 0 {
			return 0
		}
		return 1
	})
	why := s.slopes(taken)
	for _, c := range s.sites {
		n := taken[c]
		if n == 0 {
			c.record.Reason, c.record.Waits = "others have a more negative hypergradient for what they cost", true
			if s.slope(c, 0) == 0 {
				c.record.Reason, c.record.Waits = "its hypergradients are zero", false
			}
			continue
		}
		c.kept = c.Subset(c.kept, c.gates.order[:n])
		c.record.Cost = Number(float64(int64(n)*c.flops) / float64(max(s.Record.FLOPsBefore, 1)))
	}
	if !s.drop() {
		s.refuse(fmt.Sprintf("no neuron fits what the schedule has left, or all hypergradients are zero: %.4g FLOPs a sample, "+
			"it asks for %.4g now", float64(s.Record.FLOPsBefore), target))
		return
	}
	s.why = fmt.Sprintf("the schedule asks for %.3g FLOPs a sample: %s", target, why)
}

// sort turns each candidate to the sign by which its hypergradient is negative, and puts the most negative first.
func (g *gates) sort() {
	for j, v := range g.values {
		g.values[j] = -math.Abs(v)
	}
	g.order = upTo(len(g.values))
	slices.SortStableFunc(g.order, func(i, j int) int { return cmp.Compare(g.values[i], g.values[j]) })
	slices.Sort(g.values)
}

// slope returns the hypergradient of a site's candidate at that place, for what it costs: in
// FLOPs of a sample's forward pass, or in parameters where they are limited; 0 if there is none.
func (s *State) slope(c *prospect, at int) float64 {
	if at >= len(c.gates.values) {
		return 0
	}
	cost := float64(c.flops)
	if s.Settings.MaxParams > 0 {
		cost = float64(c.cost)
	}
	return c.gates.values[at] / math.Max(cost, 1)
}

// slopes tells the hypergradient of the last candidate that each site got, for what it costs, and of the best one that
// was left out.
func (s *State) slopes(taken map[*prospect]int) string {
	factor, per := 1e6, "MFLOP"
	if s.Settings.MaxParams > 0 {
		factor, per = 1e3, "1000 parameters"
	}
	var parts []string
	var best *prospect
	for _, c := range s.sites {
		if n := taken[c]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %.3g", c.ID, float64(factor*s.slope(c, n-1))))
		}
		if best == nil || s.slope(c, taken[c]) < s.slope(best, taken[best]) {
			best = c
		}
	}
	text := fmt.Sprintf("hypergradient per %s down to %s", per, strings.Join(parts, ", "))
	if v := s.slope(best, taken[best]); v < 0 {
		text += fmt.Sprintf("; best of those left out: %s %.3g", best.ID, float64(factor*v))
	}
	return text
}
