package growth

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Net2net, zero-out and hypergrad leave the function as it is, in both modes.
func TestPoliciesThatKeepTheFunction(t *testing.T) {
	for _, policy := range []string{"net2net", "zero-out", PolicyHypergrad} {
		for _, g := range []*nn.Graph{mlp(t, 3, 2), cnn(t, 3, 2)} {
			w := newWorld(t, g, 2400, 1)
			m := growthtest.RandomModel(g, 2)
			c := testConfig()
			c.Policy = policy
			o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
			if !o.Grown {
				t.Fatalf("%s: %s", policy, o.Record.Why)
			}
			bs := w.batches(0, 64, 32)
			// running statistics of copies are those of the newborn samples, so
			// evaluation mode agrees only where nothing is normalised
			modes := []nn.Mode{nn.Train}
			if g.Node("nconv1") == nil || policy != "net2net" {
				modes = append(modes, nn.Eval)
			}
			for _, mode := range modes {
				want, got := logits(t, m, bs, mode), logits(t, o.Model, bs, mode)
				for i := range want {
					if math.Abs(float64(got[i]-want[i])) > 1e-5*(1+math.Abs(float64(want[i]))) {
						t.Errorf("%s, mode %d: output %d is %g, was %g", policy, mode, i, got[i], want[i])
						break
					}
				}
			}
		}
	}
}

func TestPaperTakesTurns(t *testing.T) {
	for _, name := range Policies() {
		c := DefaultOf(name)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// algorithm 1 of [tiny] grows one site after the other
	g := mlp(t, 2, 2)
	w := newWorld(t, g, 2400, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 100, 128, 32, 0.1)
	c := DefaultOf("paper")
	h := History{}
	var turns []site.ID
	for number := range uint64(4) {
		info := w.info(number, 32)
		info.History = h
		o := w.run(t, startEvent(c, m, info), m, 32)
		turns = append(turns, o.Record.Turn)
		h, m = h.After(o.Record), o.Model
	}
	if turns[0] != "fc1" || turns[1] != "fc2" || turns[2] != "fc1" || turns[3] != "fc2" {
		t.Errorf("turns %v", turns)
	}
}

// What costs much computation must gain more.
func TestGatePricesComputation(t *testing.T) {
	s := &State{fixed: testConfig().Fixes(), Record: &Record{FLOPsBefore: 1000}}
	r := TrialRecord{Gain: 0.5, Error: 0.01, Params: 10}
	if s.gate(&r); !r.Passed {
		t.Error("refused: ", r.Reason)
	}
	r.Passed, s.fixed.Gate.ComputePrice, r.FLOPs = false, 1, 1000*1000
	if s.gate(&r); r.Passed {
		t.Error("a thousand times the computation passed: ", r.Reason)
	}
}

// Random neurons in front of a normalisation have the size that it gives the
// others, or the first steps after an event run away.
func TestRandomNeuronsHaveUnitSizeBeforeNormalisation(t *testing.T) {
	g := cnn(t, 3, 2)
	w := newWorld(t, g, 2400, 1)
	m := growthtest.RandomModel(g, 2)
	for i := range m.Params {
		m.Params[i] *= 50
	}
	c := testConfig()
	c.Policy = PolicyRandom
	o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
	if !o.Grown {
		t.Fatal(o.Record.Why)
	}
	grown := o.Record.Grown[0]
	norm, err := site.LayoutOf(g, grown.Site)
	if err != nil || norm.Norm == nil {
		t.Fatalf("no normalisation follows %s", grown.Site)
	}
	for _, role := range []string{nn.RoleRunningMean, nn.RoleRunningVar} {
		e := nn.ByName(o.Model.Graph.BufferEntries())[string(norm.Norm.ID)+"."+role]
		for _, v := range e.Of(o.Model.Buffers)[grown.From:] {
			if math.Abs(float64(v)) > 1.01 {
				t.Errorf("%s of a new channel is %g", role, v)
			}
		}
	}
}
