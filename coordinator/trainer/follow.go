package trainer

import (
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// follow takes note of the new neurons in the sums of a gradient round. In one of local
// steps what stands for the gradient is the change of the weights over the rates.
func (t *Trainer) follow(s proto.Sums, m Tally) {
	if t.at.Newborn != nil {
		t.at.Newborn = t.at.Newborn.After(t.model, s.F32, t.model.Graph.GradientSums().Moments(s.F64), t.samplesOf(m))
	}
}

// followed ends the watch after that many steps, or with the run, and tells
// what was seen; else it returns nil.
func (t *Trainer) followed(steps int) *growth.HealthRecord {
	w := t.at.Newborn
	if w == nil || w.Steps*max(t.set.Sync.Every, 1) < steps && !t.done() {
		return nil
	}
	t.at.Newborn = nil
	return w.Report(t.at.Step)
}
