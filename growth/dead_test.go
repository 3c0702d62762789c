package growth

import (
	"testing"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// An input that is almost dead gets no large weight, neither from the solver nor by the
// refit's change of the weights that are there: rows whose squares lie on it alone turn no
// more.
func TestAlmostDeadInputs(t *testing.T) {
	g := cnn(t, 4, 3)
	w, m := newWorld(t, g, 2400, 1), nn.Init(g, 3)
	w.train(t, m, 60, 128, 32, 0.05)
	const dead, area = 1, 9
	entries := nn.ByName(g.ParamEntries())
	entries["nconv1."+nn.RoleWeight].Of(m.Params)[dead] = 1e-3
	entries["nconv1."+nn.RoleBias].Of(m.Params)[dead] = 1e-4
	c := testConfig()
	c.Fixed.Gate = Gate{}
	e := startEvent(c, m, w.info(1, 32))
	w.run(t, e, m, 32)
	looked := map[string]bool{}
	look := func(what string, row []float32) {
		looked[what] = true
		if part := linalg.SquareSum(row[dead*area:][:area]) / linalg.SquareSum(row); !(part < 0.5) {
			t.Errorf("%s: %.3f of a row's squares lie on an input that is almost dead", what, part)
		}
	}
	for _, p := range e.state.trials {
		switch p.ID {
		case "conv2":
			for j := range p.kept.Count {
				look("new weights", p.kept.Alpha[j*p.Incoming.Rows():][:p.Incoming.Weights()])
			}
		case "conv1":
			for o := range p.Outputs {
				look("change of existing weights", p.kept.Update[o*p.Outgoing.Rows():][:p.Outgoing.Weights()])
			}
		}
	}
	if len(looked) != 2 {
		t.Errorf("only %v were made: %s", looked, e.Outcome().Record.Why)
	}
}
