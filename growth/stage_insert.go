package growth

import (
	"fmt"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
)

// moments measures the pre-activations of the neurons of policies that measure
// nothing else: a normalisation behind them needs that.
type moments struct {
	always bool                   // also where no normalisation follows
	unit   func(c *prospect) bool // whether pre-activations get size one; nil: never
}

func (m *moments) Ask(s *State) *Round {
	measure := m.always
	for _, c := range s.sites {
		measure = measure || c.Normalised()
	}
	if !measure {
		return nil
	}
	return &Round{askNewborn(s.sites), s.samples.newborn}
}

func (m *moments) Take(s *State, sums *measure.Sums) {
	if sums == nil {
		for _, c := range s.sites {
			c.kept = c.both
		}
		return
	}
	s.Record.Loss = Number(sums.MeanLoss())
	for i, c := range s.sites {
		c.takeAll(sums.Newborn(i), m.unit != nil && m.unit(c) && c.Homogeneous(s.Model.Graph))
		c.kept.Gain, c.kept.Shift, c.kept.Update = c.both.Gain, c.both.Shift, c.both.Update
	}
}

// askNewborn asks for the moments of what the sites have to be measured.
func askNewborn(sites []*prospect) *measure.Request {
	req := &measure.Request{Kind: measure.KindNewborn}
	for _, c := range sites {
		req.Newborn = append(req.Newborn, c.both)
	}
	return req
}

// takeAll keeps all neurons that were measured, of unit size if that is asked.
func (c *prospect) takeAll(p measure.NewbornSums, unit bool) {
	all := upTo(c.both.Count)
	c.kept = c.Pick(c.both, all, p.Moments, 1)
	if unit {
		c.UnitSize(&c.kept, all, p.Moments)
	}
}

// unmeasured takes the neurons of the sites in the running as they are: they change
// the loss by nothing yet, so there is no gain to measure.
type unmeasured struct {
	policy   string
	sentence func(c *prospect) string
}

func (*unmeasured) Ask(*State) *Round { return nil }

func (u *unmeasured) Take(s *State, _ *measure.Sums) {
	for _, c := range s.sites {
		c.record.Kept, c.record.Params = c.kept.Count, c.kept.Count*c.cost
		s.insertions = append(s.insertions, c.kept)
		g := s.grown(c, GrownRecord{Amplitude: 1, Predicted: c.record.Predicted})
		g.say("%s", u.sentence(c))
	}
	if s.why == "" {
		s.why = fmt.Sprintf("policy %s grows without measuring", u.policy)
	}
}

// insert ends the event with wider sites.
type insert struct{}

func (*insert) Ask(*State) *Round { return nil }

func (*insert) Take(s *State, _ *measure.Sums) {
	wide, err := site.Widen(s.Model, s.insertions)
	if err != nil {
		s.refuse(fmt.Sprintf("surgery: %v", err))
		return
	}
	r := s.Record
	r.Decision, r.Why = Grow, s.why
	r.ParamsAfter, r.FLOPsAfter = wide.Graph.NumParams(), wide.Graph.FLOPs()
	s.wide, s.over = wide, true
}

// upTo returns 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for j := range all {
		all[j] = j
	}
	return all
}
