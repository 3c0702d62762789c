package growth

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"
	"github.com/tinygrow/tinygrow/tensor/linalg"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// P24: the joint least squares on existing and new activations explains at
// least what dW* alone does, and that is its first-order gain.
func TestP24RefitGain(t *testing.T) {
	nets := newbornNets(t)
	for _, name := range []string{"mlp", "flatten", "global pool", "conv 3/2/0 conv 3/2/2", "conv 2/1/2 conv 2/1/1"} {
		g := nets[name]
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		in := randomInsertion(t, m, "a", 2, bs)
		plain := read(t, m, &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "a"}}}, bs).Update(0)
		before := solve.BestUpdate(plain.S1, plain.M, plain.Desired, linalg.Inversion{Threshold: solve.Threshold})

		req := &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "a"}}, Newborn: []site.Insertion{in}}
		l, _ := site.LayoutOf(g, "a")
		c := &prospect{Layout: l, record: &SiteRecord{}, kept: in}
		c.refit(read(t, m, req, bs).Update(0), 0)
		gain := float64(c.record.Refit)
		if alone := before.Desired - before.Psi2; gain < alone*(1-1e-5) {
			t.Errorf("%s: refit explains %g, dW* alone %g", name, gain, alone)
		}
		growthtest.Close(t, name+": first-order gain", slope(t, m, c.kept, bs, 1./64), gain, 2e-2)
	}
}

// The statistics of a refit are those of the widened network with outgoing
// weights of zero.
func TestRefitStatistics(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	m := growthtest.RandomModel(g, 3)
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
	ins := []site.Insertion{randomInsertion(t, m, "conv1", 2, bs), randomInsertion(t, m, "conv2", 1, bs)}
	req := &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "conv1"}, {Site: "conv2"}}, Newborn: ins}
	total := read(t, m, req, bs)
	silent := make([]site.Insertion, 2)
	for i, in := range ins {
		in.Omega = make([]float32, len(in.Omega))
		silent[i] = in
	}
	wide, err := site.Widen(m, silent)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []site.ID{"conv1", "conv2"} {
		place, _ := site.Find(wide.Graph, id)
		want := naiveStatistics(t, wide, place, bs)
		got := total.Update(i)
		growthtest.Near(t, "S1", got.S1, want.s1, 5e-6)
		growthtest.Near(t, "M", got.M, want.m, 5e-6)
		growthtest.Close(t, "tr G", got.Desired, mat.Trace(want.g), 5e-6)
	}
}

func TestEventWithRefit(t *testing.T) {
	for _, g := range []*nn.Graph{mlp(t, 2, 2), cnn(t, 2, 2, 2)} {
		w := newWorld(t, g, 6000, 1)
		m := nn.Init(g, 2)
		w.train(t, m, 100, 128, 32, 0.1)
		c := testConfig()
		c.Fixed.Gate.Significance = 0
		e := startEvent(c, m, w.info(1, 32))
		o := w.run(t, e, m, 32)
		if !o.Grown {
			t.Fatal("nothing grew: " + o.Record.Why)
		}
		r := e.state.samples.amplitude
		if before, after := w.loss(t, m, r.Offset, r.Count, 32, nn.Train), w.loss(t, o.Model, r.Offset, r.Count, 32,
			nn.Train); after > before {
			t.Errorf("loss %g became %g", before, after)
		}
	}
}
