package growth

import (
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
)

// together lets the other sites that have a bottleneck grow with the chosen ones,
// by random neurons with outgoing weights of zero: each by as many as take no more
// computation than those of the chosen site that take the most. So layers at low
// resolution, which are cheap, grow wider, as in networks made by hand. If the
// measured gain does not pay for all of them together, or too few samples would
// be left to train them, they grow by less, or not at all.
type together struct{ companions []*prospect }

// Ask asks for the moments of the companions' pre-activations.
func (t *together) Ask(s *State) *Round {
	t.companions = s.companions()
	if len(t.companions) == 0 {
		return nil
	}
	return &Round{askNewborn(t.companions), s.samples.newborn}
}

func (t *together) Take(s *State, sums *measure.Sums) {
	for i, c := range t.companions {
		c.takeAll(sums.Newborn(i), c.Homogeneous(s.Model.Graph))
		s.insertions = append(s.insertions, c.kept)
		c.record.Reason, c.record.Waits = "", false
		g := s.grown(c, GrownRecord{})
		g.say("with the others, bottleneck %s, outgoing weights zero", percent(float64(g.Share)))
	}
}

// companions returns the sites that grow with the chosen ones.
func (s *State) companions() []*prospect {
	var flops int64
	for _, c := range s.chosen {
		flops = max(flops, int64(c.more())*c.flops)
	}
	for part := flops; part > 0; part = part * 3 / 4 {
		out, all := s.beside(part)
		if all.Passed || len(out) == 0 {
			return out
		}
		if part == flops {
			for _, c := range out {
				c.record.Reason += "; with the others: " + all.Reason
			}
		}
	}
	return nil
}

// beside returns the sites that would grow with the chosen ones, each by as many
// neurons as take so much computation, and the gate's verdict on all together.
func (s *State) beside(flops int64) ([]*prospect, TrialRecord) {
	g := s.Model.Graph.Clone()
	for _, c := range s.chosen {
		c.Gain(g, c.more())
	}
	var out []*prospect
	for _, c := range s.open {
		more := min(c.cap, int(flops/max(c.flops, 1)))
		if slices.Contains(s.chosen, c) || more == 0 {
			continue
		}
		c.Gain(g, more)
		if s.tooLarge(g.NumParams(), g.FLOPs()) != "" {
			c.Gain(g, -more)
			continue
		}
		c.both = c.Empty(more)
		s.drawIncoming(c, &c.both, 0, 1)
		out = append(out, c)
	}
	all := TrialRecord{Params: g.NumParams() - s.Record.ParamsBefore, FLOPs: g.FLOPs() - s.Record.FLOPsBefore, Gain: s.gain}
	s.gate(&all)
	return out, all
}
