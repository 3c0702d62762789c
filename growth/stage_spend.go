package growth

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// spend shares the computation that the schedule allows among the sites, a few neurons
// at a time: always to the site that has the least computation for its worth.
type spend struct{}

func (*spend) Ask(*State) *Round { return nil }

func (*spend) Take(s *State, _ *measure.Sums) {
	target := s.Settings.target(s.Model.Graph, s.Info.Part, s.Info.Budget)
	s.Record.Target = Number(target)
	b := s.balance()
	if why := b.nothing(s); why != "" {
		s.Record.Ends = true
		s.refuse(fmt.Sprintf("no layer is sure to gain anything: %s: growth ends here, "+
			"at %.3g of the %.3g FLOPs a sample that the schedule asks for",
			why, float64(s.Record.FLOPsBefore), target))
		return
	}
	s.fill(target, b.more, b.load, func(c *prospect, g *nn.Graph) int { return min(handful(c.Width(g)), c.cap-b.more[c]) })
	for _, c := range s.sites {
		if c.cap = b.more[c]; c.cap == 0 {
			c.record.Reason, c.record.Waits = "others have less computation for their worth", true
			continue
		}
		c.record.Cost = Number(float64(int64(c.cap)*c.flops) / float64(max(s.Record.FLOPsBefore, 1)))
		c.record.Gain, c.record.GainError = b.gain(c)
	}
	if !s.drop() {
		s.refuse(fmt.Sprintf("%.4g FLOPs a sample: the schedule asks for %.4g now", float64(s.Record.FLOPsBefore), target))
		return
	}
	s.why = fmt.Sprintf("the schedule asks for %.3g FLOPs a sample: %s", target, s.worths())
}

// fill gives neurons to the site with the least load, some at a time, until the FLOPs of the network are nearest to the
// target. A site that may gain none, or would make the network too large, gets no more. It notes in more what each gets.
func (s *State) fill(target float64, more map[*prospect]int, load func(*prospect, *nn.Graph) float64,
	some func(*prospect, *nn.Graph) int) {
	open, g := slices.Clone(s.sites), s.Model.Graph.Clone()
	for len(open) > 0 {
		best := slices.MinFunc(open, func(x, y *prospect) int { return cmp.Compare(load(x, g), load(y, g)) })
		n := some(best, g)
		before := float64(g.FLOPs())
		best.Gain(g, n)
		large := n == 0 || s.tooLarge(g.NumParams(), g.FLOPs()) != ""
		if !large && float64(g.FLOPs())-target <= target-before {
			more[best] += n
			continue
		}
		best.Gain(g, -n)
		if !large {
			return // what is left is less than half of what these neurons take
		}
		open = slices.DeleteFunc(open, func(c *prospect) bool { return c == best })
	}
}

// handful is how many neurons a site of that width gets at a time.
func handful(width int) int { return max(1, min(width/8, 8)) }

// balance says how much computation a site has for its worth.
type balance struct {
	more     map[*prospect]int // neurons given so far
	told     *nn.Graph         // graph of the target widths, if every site has one
	evidence map[site.ID]Evidence
	perParam bool    // parameters are what is short
	typical  float64 // rate of the sites, the geometric mean of those that have one
}

func (s *State) balance() *balance {
	b := &balance{more: map[*prospect]int{}, evidence: map[site.ID]Evidence{}, perParam: s.Settings.MaxParams > 0}
	if told, all := s.Settings.told(s.Model.Graph); all {
		b.told = told
	}
	for _, e := range s.Info.Evidence {
		b.evidence[e.Site] = e
	}
	logs, known := 0.0, 0
	for _, c := range s.sites {
		if r := b.rate(c); r > 0 {
			logs, known = logs+portable.Log(r), known+1
		}
	}
	if known > 0 {
		b.typical = portable.Exp(logs / float64(known))
	}
	return b
}

// load is what the site with the least of gets neurons first. Without evidence every
// site is worth the same computation, that of a layer between two of its width: the
// square of the width times the output positions of First. Widths then double where the
// image halves, and are equal in perceptrons, streams and residual blocks alike. Where
// all widths are told, it is the part of them that is there.
func (b *balance) load(c *prospect, g *nn.Graph) float64 {
	width := float64(c.Width(g))
	if b.told != nil {
		return width / float64(c.Width(b.told))
	}
	return float64(width*width*float64(c.Incoming.Positions())) / b.worth(c)
}

// maxWorth bounds what evidence may say of a site: a factor of 4 in computation is one
// of 2 in width.
const maxWorth = 4

// worth is what evidence says of a site's next neuron: its certain gain for its cost,
// beside what is typical of the sites that have any. A site of which nothing is
// known, or nothing certain, is typical: layers that pay most in the end often show no
// certain gain before they are trained.
func (b *balance) worth(c *prospect) float64 {
	r := b.rate(c)
	if !(r > 0) || !(b.typical > 0) {
		return 1
	}
	return max(1./maxWorth, min(r/b.typical, maxWorth))
}

// rate is the certain gain of a site's next neuron, less one standard error, for its
// cost.
func (b *balance) rate(c *prospect) float64 {
	e, at := b.evidence[c.ID], b.more[c]
	if at >= len(e.Directions) {
		return 0
	}
	cost := e.CostPerNeuron
	if b.perParam {
		cost = float64(c.cost)
	}
	gain, err := e.Directions[at].decrease()
	return max(0, gain-err) / math.Max(cost, 1)
}

// Evidence that nothing is left to gain, which ends growth, is of leastEvidence samples at
// every site, and of gains below sure standard errors.
const (
	leastEvidence = 8192
	sure          = 2
)

// nothing tells what evidence says of each site, if it says of all of them that no gain
// is sure; otherwise, or if there is too little of it, it is empty.
func (b *balance) nothing(s *State) string {
	var parts []string
	for _, c := range s.sites {
		e := b.evidence[c.ID]
		if e.Samples < leastEvidence || len(e.Directions) == 0 || e.Total > float64(sure*e.TotalError) {
			return ""
		}
		gain, err := e.Directions[0].decrease()
		if gain > float64(sure*err) {
			return ""
		}
		part := float64(e.CostPerNeuron / float64(trainingPasses*float64(max(s.Record.FLOPsBefore, 1))))
		parts = append(parts, fmt.Sprintf("%s gains %.2g ± %.1g for %s of a step", c.ID, gain, err, percent(part)))
	}
	return strings.Join(parts, ", ")
}

// decrease is Decrease with its standard error.
func (d Direction) decrease() (gain, err float64) {
	if gain = d.Decrease(); !(d.Noise > 0) {
		return 0, 0
	}
	return gain, d.Error / float64(2*(d.Noise+math.Max(0, d.Gain)))
}

// gain returns what evidence says that the neurons given to a site take off the loss,
// and the error.
func (b *balance) gain(c *prospect) (gain, err Number) {
	var square float64
	all := b.evidence[c.ID].Directions
	for _, d := range all[:min(b.more[c], len(all))] {
		g, e := d.decrease()
		gain += Number(g)
		square += float64(e * e)
	}
	return gain, Number(math.Sqrt(square))
}

// worths tells what each site gains for which part of a step.
func (s *State) worths() string {
	var parts []string
	for _, c := range s.sites {
		parts = append(parts, fmt.Sprintf("%s %s", c.ID, c.worth()))
	}
	return strings.Join(parts, ", ")
}

// worth tells what the neurons that the site got gain, if that is known, and which
// part of the step before they take.
func (c *prospect) worth() string {
	cost := percent(float64(c.record.Cost))
	if c.record.GainError == 0 {
		return fmt.Sprintf("takes %s of a step", cost)
	}
	if c.record.Gain < c.record.GainError {
		return fmt.Sprintf("takes %s of a step, and no gain is certain", cost)
	}
	return fmt.Sprintf("gains %.2g ± %.1g for %s of a step", float64(c.record.Gain), float64(c.record.GainError), cost)
}

// told returns the graph with the target widths, and whether every site has one.
func (c *Config) told(g *nn.Graph) (told *nn.Graph, all bool) {
	sites := site.All(g)
	told, all = g.Clone(), len(sites) > 0
	for _, at := range sites {
		width, ok := c.Widths[at.ID]
		all = all && (ok || at.Heads != "") // heads that no target names stay as many as they are
		if ok {
			at.Gain(told, max(0, width-at.Width(g)))
		}
	}
	return told, all
}
