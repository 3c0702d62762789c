package growth

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// State is what an event was given and has found out so far. Each stage reads it
// and fills its part.
type State struct {
	Settings Config
	Model    *nn.Model
	Info     EventInfo
	Record   *Record

	fixed      Fixed
	samples    ranges
	sparing    bool             // samples must be left to train what grows
	sites      []*prospect      // sites still in the running
	open       []*prospect      // sites that have a bottleneck and may grow
	trials     []*prospect      // sites whose amplitude is searched
	chosen     []*prospect      // sites that grow by measured gain
	gain       Number           // gain of the chosen ones together
	insertions []site.Insertion // what grows
	why        string           // it does
	wide       *nn.Model        // what comes out, nil if nothing grows
	over       bool             // nothing is left to ask
}

// ranges are the samples of an event, disjoint.
type ranges struct{ statistics, newborn, amplitude SampleRange }

// prospect is a site on its way through an event.
type prospect struct {
	site.Layout
	record   *SiteRecord
	room                    // filled by find
	found                   // filled by bottleneck, neurons and gradients
	gates    gates          // filled by hypergradient, mixed and steepest
	both     site.Insertion // what is measured: every neuron with its sign, with the opposite one, then random ones
	pairs    int            // neurons in both that have an opposite
	shrink   float64        // factor on the incoming weights of both
	kept     site.Insertion // the neurons that are worth trying
	spare    site.Insertion // neurons that are not kept, with outgoing weights of zero
	search   search         // filled by scan and amplitudes
	trial    *TrialRecord
	measured Number // gain at the amplitude taken
}

// room is what limits allow at a site.
type room struct {
	cap   int   // neurons
	cost  int   // parameters of one neuron
	flops int64 // FLOPs of one neuron, for one sample
}

// found is what the statistics of a site say.
type found struct {
	request measure.SiteRequest // what the neurons round asks
	update  []float32           // dW*, to be taken off the desired update
	metric  *linalg.Whitening   // metric of the outputs, G; nil: the plain one
	neurons *solve.Neurons
	pool    bool // the solver found nothing: both are random neurons to choose from
}

// refuse ends the event with no site wider.
func (s *State) refuse(why string) {
	s.Record.Decision, s.Record.Why = Refuse, why
	s.over = true
}

// drop takes sites with a reason out of the running, and reports whether any is left.
func (s *State) drop() bool {
	var left []*prospect
	for _, c := range s.sites {
		if c.record.Reason == "" {
			left = append(left, c)
		}
	}
	s.sites = left
	return len(left) > 0
}

// tooLarge returns why a network of so many parameters and FLOPs a sample is
// beyond the limits, or nothing.
func (s *State) tooLarge(params int, flops int64) string {
	why, left := s.Settings.overBudget(params, flops), s.Info.left(flops)
	if why == "" && s.sparing && left < s.fixed.SamplesPerParam*float64(params) {
		why = fmt.Sprintf("%.3g samples would be left to train each of %d parameters: fewer than %g", left/float64(params), params,
			s.fixed.SamplesPerParam)
	}
	return why
}

// overBudget is tooLarge for the budgets of parameters and FLOPs alone.
func (c *Config) overBudget(params int, flops int64) string {
	switch {
	case c.MaxParams > 0 && params > c.MaxParams:
		return fmt.Sprintf("%d parameters: the budget is %d", params, c.MaxParams)
	case c.MaxFLOPs > 0 && flops > c.MaxFLOPs:
		return fmt.Sprintf("%d FLOPs a sample: the budget is %d", flops, c.MaxFLOPs)
	}
	return ""
}

// maxSitesPerEvent is how many sites grow by measured gain at once.
const maxSitesPerEvent = 6

// affordable returns the leading sites that fit the limits on sites and on the
// whole network together.
func (s *State) affordable(passed []*prospect) []*prospect {
	g := s.Model.Graph.Clone()
	var out []*prospect
	for _, c := range passed {
		if len(out) >= maxSitesPerEvent {
			break
		}
		more := c.more()
		c.Gain(g, more)
		if len(out) > 0 && s.tooLarge(g.NumParams(), g.FLOPs()) != "" {
			c.Gain(g, -more)
			continue
		}
		out = append(out, c)
	}
	return out
}

// more returns how many neurons the site would gain.
func (c *prospect) more() int { return c.kept.Count + c.spare.Count }

// least returns how many neurons a site gains if it grows.
func (s *State) least(c *prospect) int { return min(c.cap, s.fixed.MinNeurons) }

// grown journals the growth of one site, of which g says the amplitude and the gains.
func (s *State) grown(c *prospect, g GrownRecord) *GrownRecord {
	g.Site, g.Unit, g.Share = c.ID, c.Unit(s.Model.Graph), c.record.Share
	g.From = c.Width(s.Model.Graph)
	g.To, g.Params = g.From+c.kept.Count, c.kept.Count*c.cost
	s.Record.Grown = append(s.Record.Grown, g)
	return &s.Record.Grown[len(s.Record.Grown)-1]
}

// say makes the sentence that tells one growth to a reader.
func (g *GrownRecord) say(format string, args ...any) {
	g.Sentence = fmt.Sprintf("%s %d -> %d %s: ", g.Site, g.From, g.To, g.Unit) + fmt.Sprintf(format, args...)
}
