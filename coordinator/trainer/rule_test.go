package trainer

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// ruled is a run by recursive LRA with that much of its rule.
func ruled(t *testing.T, s Settings, u UpdateConfig) *Trainer {
	t.Helper()
	s.Train.Update = u
	m, err := s.Train.Ruled(nn.Init(toyGraph(2), 1))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(s, m)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// Error synapses are drawn by the seed, grow with the layers, and learn where they have a gamma. The journal
// says whose updates neurons were solved for.
func TestErrorSynapsesGrowAndLearn(t *testing.T) {
	feedback := func(tr *Trainer) (e nn.Entry, values []float32) {
		e = nn.ByName(tr.Model().Graph.ParamEntries())["fc2.feedback"]
		return e, e.Of(tr.Model().Params)
	}
	for name, c := range map[string]struct {
		u     UpdateConfig
		moves bool
	}{
		"as drawn": {UpdateConfig{Rule: RecLRA, Beta: 1, Synapses: OwnSynapses}, false},
		"own":      {UpdateConfig{Rule: RecLRA, Beta: 1, Gamma: 0.1, Synapses: OwnSynapses}, true},
		"mirror":   {UpdateConfig{Rule: RecLRA, Beta: 1, Gamma: 1, Synapses: MirrorSynapses}, true},
	} {
		tr := ruled(t, toySettings(), c.u)
		e, values := feedback(tr)
		first := append([]float32(nil), values...)
		if e.Shape[0] != 3 || e.Shape[1] != 2 || first[0] == 0 {
			t.Fatalf("%s: %v %v", name, e, first)
		}
		grown := 0
		run(t, tr, func() bool {
			grown = max(grown, tr.Model().Graph.Nodes[1].Out)
			return false
		})
		e, values = feedback(tr)
		if grown < 3 || e.Shape[1] != grown {
			t.Fatalf("%s: grew to %d neurons, error synapses are %v", name, grown, e.Shape)
		}
		for o := range 3 {
			for i := range grown {
				v := values[o*grown+i]
				if v == 0 {
					t.Errorf("%s: no error synapse from %d to %d", name, o, i)
				}
				if i < 2 && (v != first[o*2+i]) != c.moves {
					t.Errorf("%s: error synapse from %d to %d was %v, is %v", name, o, i, first[o*2+i], v)
				}
			}
		}
	}
}

// The desired updates of an event are the errors of the rule.
func TestJournalSaysWhoseUpdates(t *testing.T) {
	for _, u := range []UpdateConfig{{}, {Rule: RecLRA, Beta: 1, Synapses: OwnSynapses}} {
		lines := strings.Join(run(t, ruled(t, toySettings(), u), never), "\n")
		if !strings.Contains(lines, `"decision":`) || strings.Contains(lines, `"updates":"rec_lra"`) != (u.Rule == RecLRA) {
			t.Errorf("%+v: journal\n%s", u, lines)
		}
	}
}

// By matrix updates too error synapses that learn by an update of their own are updated element by element.
func TestSynapsesHaveNoMatrixUpdate(t *testing.T) {
	s := toySettings()
	s.Optimizer.Name = optim.Muon
	tr := ruled(t, s, UpdateConfig{Rule: RecLRA, Beta: 1, Gamma: 0.1, Synapses: OwnSynapses})
	run(t, tr, never)
	if at := tr.Progress(); at.Test.Samples == 0 {
		t.Errorf("%+v", at)
	}
}

func TestUpdateConfigFaults(t *testing.T) {
	for want, u := range map[string]UpdateConfig{
		"update.rule \"x\": must be":     {Rule: "x", Beta: 1, Synapses: OwnSynapses},
		"update.synapses \"\": must be":  {Rule: RecLRA, Beta: 1},
		"are rec_lra's":                  {Rule: Backprop, Beta: 2, Synapses: OwnSynapses},
		"update.beta 0: must be above 0": {Rule: RecLRA, Synapses: OwnSynapses},
	} {
		c := Default()
		c.Update = u
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", u, err, want)
		}
	}
	if diff := cmp.Diff(Default().Update, DefaultUpdate()); diff != "" || Default().Validate() != nil {
		t.Error(diff)
	}
}
