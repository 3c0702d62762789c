package growth

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// grownOf returns what the record says of the growth of each site.
func grownOf(r *Record) map[site.ID]GrownRecord {
	out := map[site.ID]GrownRecord{}
	for _, g := range r.Grown {
		out[g.Site] = g
	}
	return out
}

// Sites that grow together with the chosen ones change no output, cost no more
// computation than they, and are left out where they do not pay.
func TestSitesGrowTogether(t *testing.T) {
	for name, g := range map[string]*nn.Graph{"mlp": mlp(t, 2, 2, 3), "cnn": cnn(t, 2, 2, 2)} {
		w := newWorld(t, g, 6000, 1)
		m := nn.Init(g, 2)
		w.train(t, m, 60, 128, 32, 0.1)
		grow := func(stages func([]Stage) []Stage, change func(c *Config)) *Outcome {
			c := testConfig()
			c.Fixed.Gate.Price, c.Fixed.Gate.ComputePrice = 0, 0
			change(&c)
			o := w.run(t, newEvent(c, stages(c.stages()), m, nil, w.info(1, 32)), m, 32)
			if !o.Grown {
				t.Fatalf("%s: nothing grew: %s", name, o.Record.Why)
			}
			return o
		}
		alone := grow(without[*together], func(*Config) {})
		all := grow(asTheyAre, func(*Config) {})
		first, others := grownOf(alone.Record), grownOf(all.Record)
		if len(others) <= len(first) {
			t.Fatalf("%s: %d sites grew together, %d without", name, len(others), len(first))
		}
		cost := func(s site.ID, n int) int64 {
			wide := g.Clone()
			wide.Node(nn.NodeID(s)).Out += n
			return wide.FLOPs() - g.FLOPs()
		}
		var most int64
		for s, r := range first {
			most = max(most, cost(s, r.To-r.From))
			if r != others[s] {
				t.Errorf("%s: %s grew otherwise: %+v and %+v", name, s, r, others[s])
			}
		}
		for s, r := range others {
			if c := cost(s, r.To-r.From); c > most {
				t.Errorf("%s: %s grew by %d neurons of %d FLOPs, the chosen sites by %d FLOPs at most", name, s, r.To-r.From, c, most)
			}
			if _, chosen := first[s]; !chosen && !strings.Contains(r.Sentence, "with the others") {
				t.Errorf("%s: %s: %q", name, s, r.Sentence)
			}
		}
		for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
			growthtest.Close(t, name, w.loss(t, all.Model, 0, 512, 32, mode), w.loss(t, alone.Model, 0, 512, 32, mode), 1e-6)
		}
		// a price that those that were chosen pay, and all together do not: the others grow less or not at all
		gain := float64(alone.Record.Trials[0].Gain)
		if alone.Record.Joint.Passed {
			gain = float64(alone.Record.Joint.Gain)
		}
		few := float64(alone.Record.ParamsAfter - alone.Record.ParamsBefore)
		many := float64(all.Record.ParamsAfter - all.Record.ParamsBefore)
		dear := grow(asTheyAre, func(c *Config) { c.Fixed.Gate.Price = gain / math.Sqrt(few*many) })
		if more := dear.Record.ParamsAfter - dear.Record.ParamsBefore; float64(more) >= math.Sqrt(few*many) {
			t.Errorf("%s: %d new parameters at a price that the gain pays for %.0f of", name, more, math.Sqrt(few*many))
		}
		if i := slices.IndexFunc(dear.Record.Sites, func(s SiteRecord) bool { return strings.Contains(s.Reason, "with the others: gain") }); i < 0 {
			t.Errorf("%s: no site says that it did not pay: %+v", name, dear.Record.Sites)
		}
		limit := alone.Record.ParamsAfter + 10
		if o := grow(asTheyAre, func(c *Config) { c.MaxParams = limit }); o.Record.ParamsAfter > limit {
			t.Errorf("%s: %d parameters, the budget is %d", name, o.Record.ParamsAfter, limit)
		}
	}
}

// A network does not outgrow the samples that the run has left for it.
func TestSamplesPerParam(t *testing.T) {
	g := mlp(t, 2, 2)
	w := newWorld(t, g, 6000, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 400, 128, 32, 0.1)
	c := testConfig()
	info := w.info(1, 32)
	grow := func() *Outcome { return w.run(t, startEvent(c, m, info), m, 32) }
	free := grow()
	if !free.Grown {
		t.Fatal(free.Record.Why)
	}
	after := float64(free.Record.ParamsAfter)
	info.SamplesLeft = 4 * after
	if o := grow(); !o.Grown {
		t.Errorf("4 samples a parameter are left: %s", o.Record.Why)
	}
	info.FLOPsLeft = 3 * after * float64(free.Record.FLOPsAfter)
	if o := grow(); o.Grown && o.Record.ParamsAfter >= free.Record.ParamsAfter {
		t.Errorf("computation for 3 samples a parameter is left, and it grew all the same")
	}
	info.SamplesLeft, info.FLOPsLeft = float64(g.NumParams()), 0
	if o := grow(); o.Grown || !strings.Contains(o.Record.Why, "samples would be left to train each of") {
		t.Errorf("a sample a parameter is left: %q", o.Record.Why)
	}
}
