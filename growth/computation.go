package growth

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/growth/site"
)

// Computation tells in terms of computation what the event knew of its sites, as "conv1
// gains 0.0084 ± 0.002 for 12 % of a step": what the neurons that were tried there, or
// that it got, or else its next one, take off the loss, with the standard error, and for
// which part of a training step. It is empty where nothing was measured.
func (r *Record) Computation() string {
	trials, evidence := map[site.ID]*TrialRecord{}, map[site.ID]*EvidenceRecord{}
	for i, t := range r.Trials {
		if len(t.Sites) == 1 {
			trials[t.Sites[0]] = &r.Trials[i]
		}
	}
	for i, e := range r.Evidence {
		evidence[e.Site] = &r.Evidence[i]
	}
	step := float64(max(r.FLOPsBefore, 1)) // as a part of which all are told
	var parts []string
	for i := range r.Sites {
		s := &r.Sites[i]
		t, e := trials[s.Site], evidence[s.Site]
		switch {
		case t != nil:
			parts = append(parts, fmt.Sprintf("%s %s", s.Site, gains(t.Gain, t.Error, float64(t.FLOPs)/step)))
		case s.GainError > 0:
			parts = append(parts, fmt.Sprintf("%s %s", s.Site, gains(s.Gain, s.GainError, float64(s.Cost))))
		case e != nil && min(len(e.Gains), len(e.Errors), len(e.Noise)) > 0 && e.Noise[0] > 0:
			gain, err := Direction{Gain: float64(e.Gains[0]), Error: float64(e.Errors[0]), Noise: float64(e.Noise[0])}.decrease()
			parts = append(parts, fmt.Sprintf("%s %s with its next neuron", s.Site,
				gains(Number(gain), Number(err), float64(e.Cost)/float64(trainingPasses*step))))
		}
	}
	return strings.Join(parts, ", ")
}

// gains tells a gain with its error, and the part of a step that it costs.
func gains(gain, err Number, part float64) string {
	return fmt.Sprintf("gains %.2g ± %.1g for %s of a step", float64(gain), float64(err), percent(part))
}
