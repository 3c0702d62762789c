package run_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// made makes the run that is given in a directory of its own and opens it.
func made(t *testing.T, given run.Given) *run.Saved {
	t.Helper()
	s, err := given.Resolve(run.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	s.RunDir = filepath.Join(t.TempDir(), "run")
	s.Name()
	r, err := run.Train(t.Context(), s, run.Start{Workers: s.Workers}, nil)
	if err != nil || !r.Done {
		t.Fatal(r, err)
	}
	saved, err := run.Open(s.RunDir)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// almostDead writes m to a file with channel 1 of conv2 almost always zero behind its
// normalisation, as training at a high rate leaves one now and then.
func almostDead(t *testing.T, m *nn.Model, card *nn.Card) string {
	t.Helper()
	tensors := nn.ByName(m.Graph.ParamEntries())
	tensors["bn2."+nn.RoleWeight].Of(m.Params)[1] = 0.2
	tensors["bn2."+nn.RoleBias].Of(m.Params)[1] = -1.2
	file := filepath.Join(t.TempDir(), "dead.safetensors")
	if err := checkpoint.WriteModel(file, m, card); err != nil {
		t.Fatal(err)
	}
	return file
}

// Neurons that grow where an input is almost dead learn as the others do: a whole run
// on the built-in figures, by each policy that solves for new neurons. With ridges
// on the unit diagonal the rows of conv3 that were there turned by 0.01 degrees in 100
// steps, a thousandth of the pace of those that tiny added.
func TestNoFrozenRows(t *testing.T) {
	recipe := []string{"data.limit=800", "train.batch=32", "train.eval_epochs=1000", "optim.name=sgd", "optim.weight_decay=0",
		"optim.nesterov=false", "optim.hold=1", "checkpoint.every=1h", "checkpoint.every_steps=45", "checkpoint.keep=9"}
	with := func(more ...string) []string { return append(more, recipe...) }
	young := made(t, run.Given{Assignments: with("train.steps=40", "growth.policy=none")})
	from := almostDead(t, young.Model, young.Card)
	for _, policy := range []string{growth.PolicyTiny, "paper", growth.PolicyGradMax} {
		t.Run(policy, func(t *testing.T) {
			s := made(t, run.Given{From: from, Assignments: with("train.steps=200", "growth.policy="+policy, "growth.every_steps=10",
				"growth.until=0.5", "growth.gate=false", "growth.max_width=16")})
			groups, err := s.Births()
			if err != nil || len(groups) == 0 {
				t.Fatal(groups, err)
			}
			for _, b := range groups {
				t.Logf("%s, born at %d: %d rows of norm %.3g turn by %.3g degrees in 100 steps, %.2g of the oldest", b.Site, b.Born,
					b.To-b.From, float64(b.Norm), float64(b.Turn), float64(b.Pace))
				if pace := float64(b.Pace); math.IsNaN(pace) || pace < growth.FrozenPace || pace > 1/growth.FrozenPace {
					t.Errorf("%s, born at %d: turns at %.3g of the pace of the oldest", b.Site, b.Born, pace)
				}
			}
		})
	}
}
