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

// pyramid is four convolutions, each at half the resolution of the one before.
func pyramid(t *testing.T, widths ...int) *nn.Graph {
	nodes := []nn.Node{}
	for i, w := range widths {
		id := nn.NodeID("conv" + string(rune('1'+i)))
		nodes = append(nodes, growthtest.Conv(id, w, 3, 1, 1, false), growthtest.Norm("n"+id), growthtest.Op("r"+id, nn.OpReLU),
			growthtest.Pooling("p"+id, nn.OpMaxPool, 2, 2, 0))
	}
	return growthtest.Chain(t, nn.Shape{C: 3, H: 32, W: 32}, nn.CrossEntropy, append(nodes, growthtest.Linear("out", 4, true))...)
}

// spent returns the widths of g after the sharing of so many FLOPs a sample.
func spent(t *testing.T, g *nn.Graph, change func(c *Config, info *EventInfo)) ([]int, *Record) {
	t.Helper()
	c, info := DefaultOf(PolicyCompute), EventInfo{Seed: 5, TrainSamples: 2400, MicroShard: 32, Part: 1}
	change(&c, &info)
	e := newEvent(c, c.stages()[:2], nn.Init(g, 1), nil, info)
	var widths []int
	for _, r := range e.Outcome().Record.Sites {
		width := r.Width
		for _, s := range e.state.sites {
			if s.ID == r.Site {
				width += s.cap
			}
		}
		widths = append(widths, width)
	}
	return widths, e.Outcome().Record
}

// Without evidence, events that follow each other make every layer cost about the same:
// widths double where the image halves, whatever the shape to begin with.
func TestComputeBalancesLayers(t *testing.T) {
	for _, from := range [][]int{{4, 4, 4, 4}, {1, 1, 1, 1}, {2, 16, 4, 4}} {
		widths := from
		for range 8 {
			widths, _ = spent(t, pyramid(t, widths...), func(c *Config, _ *EventInfo) { c.MaxFLOPs = 6_000_000 })
		}
		flops := pyramid(t, widths...).FLOPs()
		if math.Abs(float64(flops)/6e6-1) > 0.05 {
			t.Errorf("from %d: widths %d have %d FLOPs", from, widths, flops)
		}
		for i := range 3 {
			if ratio := float64(widths[i+1]) / float64(widths[i]); ratio < 1.6 || ratio > 2.5 {
				t.Errorf("from %d: widths %d", from, widths)
				break
			}
		}
	}
	g := mlp(t, 2, 2, 2)
	for range 6 {
		widths, _ := spent(t, g, func(c *Config, _ *EventInfo) { c.MaxFLOPs = 5000 })
		g = mlp(t, widths...)
		if slices.Max(widths)-slices.Min(widths) > 4 {
			t.Errorf("widths %d of a perceptron", widths)
		}
	}
}

// Evidence moves the shape, within bounds, and the record tells it in computation.
func TestComputeFollowsEvidence(t *testing.T) {
	evidence := func(gains ...float64) (all []Evidence) {
		for i, gain := range gains {
			e := Evidence{Site: site.ID("conv" + string(rune('1'+i))), CostPerNeuron: 1e6 / float64(int(1)<<(2*i))}
			for range 64 {
				e.Directions = append(e.Directions, Direction{Gain: gain, Error: gain / 10, Noise: 1})
			}
			all = append(all, e)
		}
		return all
	}
	grow := func(all []Evidence) ([]int, *Record) {
		return spent(t, pyramid(t, 8, 16, 32, 64), func(c *Config, i *EventInfo) { c.MaxFLOPs, i.Evidence = 6_000_000, all })
	}
	plain, _ := grow(nil)
	tilted, r := grow(evidence(0.064, 0.016, 0.004, 0.1))
	if !(tilted[3] > plain[3]+8) || tilted[3] > 2*plain[3]+8 {
		t.Errorf("widths %d with evidence for the last layer, %d without", tilted, plain)
	}
	if r.Sites[3].Gain <= 0 || r.Sites[3].Cost <= 0 || r.Sites[3].GainError <= 0 {
		t.Errorf("the record has gain %v ± %v for %v", r.Sites[3].Gain, r.Sites[3].GainError, r.Sites[3].Cost)
	}
	noise := evidence(0.064, 0.016, 0.004, 0.1)
	for i := range noise {
		for j := range noise[i].Directions {
			noise[i].Directions[j].Error = 1
		}
	}
	if widths, _ := grow(noise); !slices.Equal(widths, plain) {
		t.Errorf("widths %d where nothing is certain, %d without evidence", widths, plain)
	}
}

// Growth ends before its schedule once much evidence says of every site that nothing is
// sure to be gained; the sentence tells gains in computation.
func TestEvidenceEndsGrowth(t *testing.T) {
	g := pyramid(t, 8, 16, 32, 64)
	event := func(change func(all []Evidence) []Evidence) (Config, *Record) {
		var all []Evidence
		for i := range 4 {
			all = append(all, Evidence{Site: site.ID("conv" + string(rune('1'+i))), Samples: 20000, CostPerNeuron: 1e4,
				Directions: []Direction{{Gain: 1e-4, Error: 1e-3, Noise: 1}}, Total: -0.001, TotalError: 0.01})
		}
		var used Config
		_, r := spent(t, g, func(c *Config, i *EventInfo) {
			c.MaxFLOPs, i.Step, i.Evidence = 6_000_000, 50, change(all)
			used = *c
		})
		return used, r
	}
	c, r := event(func(all []Evidence) []Evidence { return all })
	const want = "conv4 gains 5e-05 ± 0.0005 for "
	if r.Decision != Refuse || !r.Ends || !strings.Contains(r.Why, want) || !strings.Contains(r.Why, "growth ends here") {
		t.Errorf("%s: %s", r.Decision, r.Why)
	}
	at, h := Progress{Step: 100, Part: 0.1, Graph: g}, History{}.After(r)
	if s := c.Schedule(at, h); s.Due || !strings.Contains(s.Why, "growth ended at step 50: no layer is sure") {
		t.Errorf("after the end: %+v", s)
	}
	if c.Riding = 1; c.Collects(at, h) || !c.Collects(at, History{}) {
		t.Error("statistics ride along after the end of growth, or do not before")
	}
	for name, change := range map[string]func(all []Evidence) []Evidence{
		"a sure direction": func(all []Evidence) []Evidence { all[2].Directions[0].Gain = 0.01; return all },
		"a sure total":     func(all []Evidence) []Evidence { all[0].Total = 0.03; return all },
		"few samples":      func(all []Evidence) []Evidence { all[1].Samples = 500; return all },
		"a site unknown":   func(all []Evidence) []Evidence { return all[:3] },
	} {
		if _, r := event(change); r.Ends || r.Why != "inspection only" { // which is where these stages end
			t.Errorf("%s: %s", name, r.Why)
		}
	}
}

// Targets of all sites are reached exactly, and limits are kept.
func TestComputeKeepsTargetsAndLimits(t *testing.T) {
	g := pyramid(t, 4, 4, 4, 4)
	want := []int{7, 30, 5, 61}
	for range 6 {
		widths, _ := spent(t, g, func(c *Config, _ *EventInfo) {
			c.Widths = map[site.ID]int{"conv1": want[0], "conv2": want[1], "conv3": want[2], "conv4": want[3]}
		})
		g = pyramid(t, widths...)
	}
	if got := []int{g.Node("conv1").Out, g.Node("conv2").Out, g.Node("conv3").Out, g.Node("conv4").Out}; !slices.Equal(got, want) {
		t.Errorf("widths %d, told %d", got, want)
	}
	widths, _ := spent(t, pyramid(t, 8, 8, 8, 8), func(c *Config, _ *EventInfo) { c.MaxFLOPs, c.MaxParams = 1e9, 5000 })
	if n := pyramid(t, widths...).NumParams(); n > 5000 || n < 4500 {
		t.Errorf("%d parameters of at most 5000", n)
	}
	widths, _ = spent(t, pyramid(t, 8, 8, 8, 8), func(c *Config, _ *EventInfo) { c.MaxFLOPs, c.MaxWidth = 1e9, 12 })
	if !slices.Equal(widths, []int{12, 12, 12, 12}) {
		t.Errorf("widths %d of at most 12", widths)
	}
}

// A run's size follows its budget, and the schedule leads there by the time growth ends.
func TestScheduleOfSize(t *testing.T) {
	c, g := DefaultOf(PolicyCompute), pyramid(t, 4, 4, 4, 4)
	flops, samples := Budget{FLOPs: 1.35e13, Samples: 1e9}, Budget{Samples: 1e5}
	growthtest.Close(t, "size of a budget in FLOPs", flops.size(), 8.451e6, 1e-3)
	growthtest.Close(t, "size of the same in samples", Budget{Samples: flops.FLOPs / 3 / flops.size()}.size(), flops.size(), 1e-9)
	for _, b := range []Budget{flops, samples} {
		if got := c.target(g, c.Until, b); got != b.size() {
			t.Errorf("%v: %g FLOPs a sample where growth ends, want %g", b, got, b.size())
		}
	}
	growthtest.Close(t, "a quarter of the way, FLOPs", c.target(g, c.Until/4, flops), flops.size()/2, 1e-12)
	growthtest.Close(t, "a quarter of the way, samples", c.target(g, c.Until/4, samples), samples.size()/4, 1e-12)
	at := Progress{Step: 50, Part: 1e-5, Graph: g, Budget: flops}
	if s := c.Schedule(at, History{}); s.Due || !strings.Contains(s.Why, "the schedule asks for") {
		t.Errorf("an event of %v", s)
	}
	at.Part = 0.1
	if s := c.Schedule(at, History{}); !s.Due {
		t.Errorf("no event: %s", s.Why)
	}
}

// Whoever starts a run that is too short to grow is told so, and what to do.
func TestOutlook(t *testing.T) {
	g := pyramid(t, 4, 4, 4, 4)
	c := DefaultOf(PolicyCompute)
	for want, b := range map[string]Budget{
		"will grow from 3.18e+05 to at most 8.45e+06 FLOPs a sample in the first 0.25 of": {FLOPs: 1.35e13},
		"will not grow: ": {Samples: 1000},
	} {
		if got := c.Outlook(g, b); !strings.Contains(got, want) {
			t.Errorf("%v: %s", b, got)
		}
	}
	if got := DefaultOf(PolicyTiny).Outlook(g, Budget{Samples: 1000}) + c.Outlook(g, Budget{}); got != "" {
		t.Errorf("nothing is known, and it says %q", got)
	}
}

// What enters changes nothing that the network computes.
func TestComputeKeepsTheFunction(t *testing.T) {
	for _, entry := range Entries {
		if entry == EntrySolved {
			continue
		}
		for _, g := range []*nn.Graph{mlp(t, 3, 2), cnn(t, 3, 2)} {
			w, m := newWorld(t, g, 2400, 1), growthtest.RandomModel(g, 2)
			c := DefaultOf(PolicyCompute)
			c.Entry, c.MaxFLOPs = entry, 4*g.FLOPs()
			info := w.info(1, 32)
			info.Part = 1
			o := w.run(t, NewEvent(c, m, nil, info), m, 32)
			if !o.Grown || len(o.Record.Grown) != 2 {
				t.Fatalf("%s: %s", entry, o.Record.Why)
			}
			for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
				bs := w.batches(0, 64, 32)
				if want, got := logits(t, m, bs, mode), logits(t, o.Model, bs, mode); !slices.Equal(want, got) {
					t.Errorf("%s, mode %d: other outputs", entry, mode)
				}
			}
		}
	}
}

// In residual networks all widths grow, streams too, and the function stays bit for bit.
func TestComputeGrowsStreams(t *testing.T) {
	nets := streamNets(t)
	delete(nets, "heads") // they grow towards a target alone: TestHeadsGrowTowardsATarget
	for name, g := range nets {
		c, m := DefaultOf(PolicyCompute), growthtest.RandomModel(g, 2)
		c.MaxFLOPs = 3 * g.FLOPs()
		w := newWorld(t, g, 960, 1)
		info := w.info(1, 32)
		info.Part = 1
		o := w.run(t, NewEvent(c, m, nil, info), m, 32)
		if !o.Grown || !slices.ContainsFunc(o.Record.Grown, func(r GrownRecord) bool { s, _ := site.Find(g, r.Site); return s.Stream }) {
			t.Fatalf("%s: no stream grew: %s", name, o.Record.Why)
		}
		if part := float64(o.Model.Graph.FLOPs()) / float64(c.MaxFLOPs); part > 1.15 || part < 0.6 {
			t.Errorf("%s: %.2f of the FLOPs that it should have", name, part)
		}
		bs := w.batches(0, 64, 32)
		for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
			if want, got := logits(t, m, bs, mode), logits(t, o.Model, bs, mode); !slices.Equal(want, got) {
				t.Errorf("%s, mode %d: other outputs", name, mode)
			}
		}
	}
}
