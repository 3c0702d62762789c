package growth

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// P26: in the metric of G the applied change does not depend on how z is
// parametrised: z -> T z maps V to T^{-T} V and the change to T times itself.
func TestP26FisherInvariance(t *testing.T) {
	p := samplePlain(26, 80, 6, 4, 5)
	change := func(p plain) *mat.Dense {
		u := p.update()
		n := Project(p.mean(p.b2, p.v), p.mean(p.b2, p.b1), u.Delta)
		g := linalg.Whiten(sym(p.mean(p.v, p.v)), tight, 0)
		s := BestNeurons(sym(p.mean(p.b2, p.b2)), whitenOutputs(g, n, 5), 3, tight, 0)
		s.Omega = unwhitenOutputs(g, s.Omega)
		return p.delta(s, 3)
	}
	want := change(p)
	for _, transform := range []*mat.Dense{scaled(7, eye(5)), normal(260, 5, 5)} {
		var inverse mat.Dense
		if err := inverse.Inverse(transform); err != nil {
			t.Fatal(err)
		}
		q := p
		q.v = mul(p.v, &inverse)
		near(t, "change", change(q), mul(want, transform.T()), 1e-7)
	}
}

func eye(n int) *mat.Dense {
	d := mat.NewDense(n, n, nil)
	for i := range n {
		d.Set(i, i, 1)
	}
	return d
}

// Whitened outputs of a full kernel come back in their own order.
func TestWhitenOutputsOfKernels(t *testing.T) {
	g := linalg.Whiten(sym(mul(normal(1, 3, 9), normal(1, 3, 9).T())), tight, 0)
	n := normal(2, 7, 3*4)
	y := whitenOutputs(g, n, 3)
	back := unwhitenOutputs(g, mat.DenseCopyOf(y.T())) // G^{-1} n'
	for e := range 4 {
		block, got := mat.NewDense(3, 7, nil), mat.NewDense(3, 7, nil)
		for o := range 3 {
			for i := range 7 {
				block.Set(o, i, n.At(i, o*4+e))
				got.Set(o, i, back.At(o*4+e, i))
			}
		}
		near(t, "G^-1 n", got, g.Solve(block), 1e-10)
	}
}

// Net2net and zero-out leave the function as it is, in both modes.
func TestPoliciesThatKeepTheFunction(t *testing.T) {
	for _, policy := range []string{"net2net", "zero-out"} {
		for _, g := range []*nn.Graph{mlp(t, 3, 2), cnn(t, 3, 2)} {
			w := newWorld(t, g, 2400, 1)
			m := randomModel(g, 2)
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
			if g.Node("nconv1") == nil || policy == "zero-out" {
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
	var turns []SiteID
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
	s := &State{Settings: testConfig(), Record: &Record{FLOPsBefore: 1000}}
	r := TrialRecord{Gain: 0.5, Error: 0.01, Params: 10}
	if s.gate(&r); !r.Passed {
		t.Error("refused: ", r.Reason)
	}
	r.Passed, s.Settings.Gate.ComputePrice, r.FLOPs = false, 1, 1000*1000
	if s.gate(&r); r.Passed {
		t.Error("a thousand times the computation passed: ", r.Reason)
	}
}

// Random neurons in front of a normalisation have the size that it gives the
// others, or the first steps after an event run away.
func TestRandomNeuronsHaveUnitSizeBeforeNormalisation(t *testing.T) {
	g := cnn(t, 3, 2)
	w := newWorld(t, g, 2400, 1)
	m := randomModel(g, 2)
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
	norm, err := layoutOf(g, grown.Site)
	if err != nil || norm.norm == nil {
		t.Fatalf("no normalisation follows %s", grown.Site)
	}
	for _, role := range []string{nn.RoleRunningMean, nn.RoleRunningVar} {
		e := nn.ByName(o.Model.Graph.BufferEntries())[string(norm.norm.ID)+"."+role]
		for _, v := range e.Of(o.Model.Buffers)[grown.From:] {
			if math.Abs(float64(v)) > 1.01 {
				t.Errorf("%s of a new channel is %g", role, v)
			}
		}
	}
}
