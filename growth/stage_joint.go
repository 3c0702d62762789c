package growth

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
)

// refineJoint multiplies the amplitudes found so far, between which the first
// search has gaps, and which may be too large for sites that grow together;
// refineOne is for a site that grows alone.
var (
	refineJoint = []float64{0.125, 0.25, 0.5, 1, 2}
	refineOne   = []float64{0.5, 1, 2}
)

// joint refines the amplitude of the chosen sites together, and compares growing
// all of them with growing the first alone.
type joint struct{}

// factors returns those to try.
func (*joint) factors(s *State) []float64 {
	if len(s.chosen) == 1 {
		return refineOne
	}
	return refineJoint
}

func (j *joint) Ask(s *State) *Round {
	all := measure.Candidate{Amplitudes: j.factors(s)}
	for _, c := range s.chosen {
		all.Insertions = append(all.Insertions, c.kept.Scaled(float64(c.trial.Amplitude)))
	}
	return &Round{&measure.Request{Kind: measure.KindAmplitude, Candidates: []measure.Candidate{all}}, s.samples.amplitude}
}

func (j *joint) Take(s *State, sums *measure.Sums) {
	r := &TrialRecord{}
	for _, c := range s.chosen {
		r.Sites = append(r.Sites, c.ID)
		r.Params += c.trial.Params
		r.FLOPs += c.trial.FLOPs
	}
	r.search(points(j.factors(s), sums, 0))
	s.gate(r)
	s.Record.Joint = r
	first := s.chosen[0]
	switch {
	case !r.Passed || r.Gain <= first.trial.Gain:
		why := fmt.Sprintf("%s has the best measured gain per parameter", first.ID)
		if len(s.chosen) > 1 {
			why = fmt.Sprintf("%s alone lowers the loss more than with others", first.ID)
		}
		s.chosen = s.chosen[:1]
		s.settle(1, first.trial.Gain, why)
	case len(s.chosen) == 1:
		first.measured = r.Gain
		s.settle(float64(r.Amplitude), r.Gain, fmt.Sprintf("%s has the best measured gain per parameter", first.ID))
	default:
		s.settle(float64(r.Amplitude), r.Gain, fmt.Sprintf("%d sites together lower the loss by %.3g", len(s.chosen), float64(r.Gain)))
	}
}

// settle takes the chosen sites at their own amplitudes times factor.
func (s *State) settle(factor float64, gain Number, why string) {
	for _, c := range s.trials {
		if c.record.Reason == "" && !slices.Contains(s.chosen, c) {
			c.record.Reason, c.record.Waits = "it passed the gate, but others gain more", true
		}
	}
	for _, c := range s.chosen {
		own := float64(c.trial.Amplitude)
		c.kept = c.Join(c.kept.Scaled(own).Scaled(factor), c.spare)
		s.insertions = append(s.insertions, c.kept)
		predicted := float64(c.record.Predicted)
		if c.record.Refit > 0 {
			predicted = float64(c.record.Refit)
		}
		g := s.grown(c, GrownRecord{Amplitude: Number(own * factor), Predicted: Number(predicted * own * factor),
			Measured: Number(c.measured)})
		g.say("bottleneck %s, predicted gain %.3g, measured %.3g", percent(float64(g.Share)), float64(g.Predicted), float64(g.Measured))
		if c.pool {
			g.Sentence += fmt.Sprintf(", chosen among %d: the solver found none that stands out", c.record.Tried)
		}
	}
	s.gain, s.why = gain, why
}
