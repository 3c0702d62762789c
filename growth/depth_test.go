package growth

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func build(t *testing.T, c nn.ModelConfig) *nn.Graph {
	t.Helper()
	c.Input, c.Classes = nn.Shape{C: 2, H: 8, W: 8}, 4
	g, err := nn.Build(c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// residualMLP has one stage of two blocks with tanh on the stream or without.
func residualMLP(t *testing.T, tanh bool) *nn.Graph {
	from := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	one, two := nn.NodeID("s1"), nn.NodeID("s2")
	nodes := []nn.Node{growthtest.Linear("in", 4, true),
		from(growthtest.Linear("a1", 3, true), "in"), growthtest.Op("r1", nn.OpGELU), growthtest.Linear("b1", 4, true), from(growthtest.Op("s1", nn.OpAdd), "b1", "in")}
	if tanh {
		one, two = "t1", "t2"
		nodes = append(nodes, growthtest.Op("t1", nn.OpTanh))
	}
	nodes = append(nodes, from(growthtest.Linear("a2", 3, true), one), growthtest.Op("r2", nn.OpGELU), growthtest.Linear("b2", 4, true), from(growthtest.Op("s2", nn.OpAdd), one, "b2"))
	if tanh {
		nodes = append(nodes, growthtest.Op("t2", nn.OpTanh))
	}
	return growthtest.Chain(t, nn.Shape{C: 5, H: 1, W: 1}, nn.CrossEntropy, append(nodes, from(growthtest.Linear("out", 4, true), two))...)
}

func TestStages(t *testing.T) {
	type stage struct {
		End    string
		Blocks int
		Sites  string
	}
	for name, c := range map[string]struct {
		g    *nn.Graph
		want []stage
	}{
		"resnet18": {build(t, nn.ModelConfig{Name: "resnet18", Width: 2}), []stage{
			{"layer1.1.relu2", 2, "layer1.0.conv1 layer1.1.conv1"}, {"layer2.1.relu2", 2, "layer2.0.conv1 layer2.1.conv1"},
			{"layer3.1.relu2", 2, "layer3.0.conv1 layer3.1.conv1"}, {"layer4.1.relu2", 2, "layer4.0.conv1 layer4.1.conv1"}}},
		"wrn28": {build(t, nn.ModelConfig{Name: "wrn28", Width: 2, Widen: 2}), []stage{
			{"block1.3.add", 4, "block1.0.conv1 block1.1.conv1 block1.2.conv1 block1.3.conv1"},
			{"block2.3.add", 4, "block2.0.conv1 block2.1.conv1 block2.2.conv1 block2.3.conv1"},
			{"block3.3.add", 4, "block3.0.conv1 block3.1.conv1 block3.2.conv1 block3.3.conv1"}}},
		"mlp":      {residualMLP(t, false), []stage{{"s2", 2, "a1 a2"}}},
		"mlp tanh": {residualMLP(t, true), []stage{{"t2", 2, "a1 a2"}}},
		"chain":    {cnn(t, 2, 2), nil},
	} {
		var got []stage
		for _, s := range site.Stages(c.g) {
			var ids []string
			for _, id := range s.Sites {
				ids = append(ids, string(id))
			}
			got = append(got, stage{string(s.End), s.Blocks, strings.Join(ids, " ")})
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: stages (-want +got)\n%s", name, d)
		}
	}
}

// gradientsOf returns the gradient of the summed loss over batches, by tensor.
func gradientsOf(t *testing.T, m *nn.Model, bs []*nn.Batch) map[string][]float32 {
	t.Helper()
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, pk, grad := p.NewWorkspace(), p.Pack(nil, m.Params), make([]float32, len(m.Params))
	out := map[string][]float32{}
	for _, b := range bs {
		w.Forward(pk, m.Buffers, b, nn.Train)
		w.Loss()
		w.Backward(grad)
		for _, e := range m.Graph.ParamEntries() {
			out[e.Name] = append(out[e.Name], e.Of(grad)...)
		}
	}
	return out
}

// P11 for depth: an empty block changes no bit of what a network computes, nor
// of the gradients of the weights that it had; nor does the next one.
func TestP11EmptyBlockChangesNothing(t *testing.T) {
	nets := map[string]*nn.Graph{"mlp": residualMLP(t, false), "mlp tanh": residualMLP(t, true)}
	for _, empty := range []bool{false, true} {
		for _, name := range []string{"resnet18", "resnet20", "wrn28"} {
			nets[name] = build(t, nn.ModelConfig{Name: name, Width: 3, Widen: 1, EmptyBlocks: empty})
		}
	}
	for _, name := range []string{"mlp", "resnet20"} { // nor of what takes the gradients' place
		by := nets[name].Clone()
		by.LRA = &nn.LRA{Beta: 1, Gamma: 0.1, Seed: 2}
		nets[name+" by recursive LRA"] = by
	}
	for name, g := range nets {
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
		for i := range site.Stages(g) {
			for range 2 {
				s := site.Stages(m.Graph)[i]
				deep, place, err := site.Append(m, s)
				if err != nil {
					t.Fatal(err)
				}
				if _, ok := site.Find(deep.Graph, place); !ok || !slices.Contains(site.Stages(deep.Graph)[i].Sites, place) || site.Stages(deep.Graph)[i].Blocks != s.Blocks+1 {
					t.Fatalf("%s: %s is no site of the deeper stage %+v", name, place, site.Stages(deep.Graph)[i])
				}
				sameFunction(t, name, m, deep, bs)
				before, after := gradientsOf(t, m, bs), gradientsOf(t, deep, bs)
				for tensor, want := range before {
					if !slices.Equal(after[tensor], want) {
						t.Errorf("%s: the gradient of %s changed", name, tensor)
					}
				}
				if deep.Graph.Generation != m.Graph.Generation+1 {
					t.Errorf("%s: generation %d", name, deep.Graph.Generation)
				}
				m = deep
			}
		}
	}
}

// What was appended grows as other sites do, and lowers the loss.
func TestAppendedBlocksGrow(t *testing.T) {
	for name, g := range map[string]*nn.Graph{"mlp": residualMLP(t, false), "resnet20": build(t, nn.ModelConfig{Name: "resnet20", Width: 3}), "wrn28": build(t, nn.ModelConfig{Name: "wrn28", Width: 3, Widen: 1})} {
		g.Loss = nn.MSE
		w := newWorld(t, g, 4800, 1)
		m := nn.Init(g, 2)
		w.train(t, m, 20, 128, 32, 0.01)
		stages := site.Stages(g)
		deep, place, err := site.Append(m, stages[len(stages)-1])
		if err != nil {
			t.Fatal(err)
		}
		w.g = deep.Graph
		w.train(t, deep, 10, 128, 32, 0.01)
		c := testConfig()
		c.Fixed.Gate.Significance, c.Fixed.Gate.Price, c.Fixed.Samples.Statistics, c.Fixed.Samples.Newborn = 0, 0, 2048, 1024
		c.Widths = map[site.ID]int{}
		for _, s := range site.Chains(deep.Graph) {
			if s.ID != place {
				c.Widths[s.ID] = s.Width(deep.Graph)
			}
		}
		e := startEvent(c, deep, w.info(1, 32))
		o := w.run(t, e, deep, 32)
		if !o.Grown || o.Record.Grown[0].Site != place {
			t.Errorf("%s: the empty block did not grow: %s, %+v", name, o.Record.Why, o.Record.Sites[len(o.Record.Sites)-1])
			continue
		}
		r := e.state.samples.amplitude
		before, after := w.loss(t, deep, r.Offset, r.Count, 32, nn.Train), w.loss(t, o.Model, r.Offset, r.Count, 32, nn.Train)
		if after >= before {
			t.Errorf("%s: loss %g became %g", name, before, after)
		}
	}
}

// Events append blocks when the schedule says so, and the journal says why.
func TestEventDeepens(t *testing.T) {
	g := residualMLP(t, false)
	w := newWorld(t, g, 600, 1)
	m := nn.Init(g, 2)
	slots := []optim.Slot{{Name: "velocity", Data: slices.Clone(m.Params)}}
	c := testConfig()
	c.MaxWidth, c.DepthEvery = 3, 2 // all sites are at their limit
	h := History{}
	var decisions []string
	for number := range uint64(4) {
		info := w.info(number, 32)
		info.History = h
		o := w.run(t, NewEvent(c, m, slots, info), m, 32)
		r := o.Record
		decisions = append(decisions, r.Decision)
		if o.Grown != (r.Decision != Refuse) || o.Grown && o.Model.Graph.Generation != m.Graph.Generation+1 {
			t.Errorf("event %d: %s, grown %v", number, r.Decision, o.Grown)
		}
		if number == 1 {
			sameFunction(t, "deepened", m, o.Model, w.batches(0, 64, 32))
			if d := r.Deepened; d == nil || d.Stage != "s2" || d.Params != r.ParamsAfter-r.ParamsBefore || !strings.Contains(r.Why, "every 2 events") {
				t.Errorf("journal: %+v, %q", d, r.Why)
			}
			for _, e := range g.ParamEntries() {
				for _, after := range o.Model.Graph.ParamEntries() {
					if after.Name == e.Name && !slices.Equal(after.Of(o.Slots[0].Data), e.Of(slots[0].Data)) {
						t.Errorf("optimizer state of %s changed", e.Name)
					}
				}
			}
		}
		h, m, slots = h.After(r), o.Model, o.Slots
		text, err := json.Marshal(h) // as a checkpoint keeps it
		if err != nil {
			t.Fatal(err)
		}
		h = History{}
		if err := json.Unmarshal(text, &h); err != nil {
			t.Fatal(err)
		}
	}
	// the third event grows the new site
	if !slices.Equal(decisions[:3], []string{Refuse, Deepen, Grow}) || h.Blocks != 2 {
		t.Errorf("decisions %v, %d blocks", decisions, h.Blocks)
	}
}

// Every second event appends to the shortest stage, beside what grows, within
// the budget; a dry run only says so; chains have no stage.
func TestDepthEverySecondEvent(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "resnet20", Width: 2, EmptyBlocks: true})
	w := newWorld(t, g, 600, 1)
	c := testConfig()
	c.Policy, c.DepthEvery = PolicyRandom, 2
	m, h := nn.Init(g, 2), History{}
	for number := range uint64(6) {
		info := w.info(number, 32)
		info.History = h
		o := w.run(t, startEvent(c, m, info), m, 32)
		if d := o.Record.Deepened; (d != nil) != (number%2 == 1) || len(o.Record.Grown) == 0 || o.Model.Graph.NumParams() != o.Record.ParamsAfter {
			t.Fatalf("event %d: deepened %+v, %+v", number, d, o.Record.Grown)
		}
		h, m = h.After(o.Record), o.Model
	}
	for _, s := range site.Stages(m.Graph) {
		if s.Blocks != 4 {
			t.Errorf("%s ends %d blocks", s.End, s.Blocks)
		}
	}
	info := w.info(1, 32)
	info.DryRun = true
	if o := w.run(t, startEvent(c, m, info), m, 32); o.Grown || o.Record.Deepened == nil || o.Model != m {
		t.Errorf("a dry run: grown %v, %+v", o.Grown, o.Record.Deepened)
	}
	info.DryRun, c.MaxParams = false, m.Graph.NumParams()
	if o := w.run(t, startEvent(c, m, info), m, 32); o.Record.Deepened != nil || !strings.Contains(o.Record.Why, "no block behind") {
		t.Errorf("over the budget: %+v, %s", o.Record.Deepened, o.Record.Why)
	}
	c.MaxParams = 0
	plain := nn.Init(cnn(t, 2, 2), 1)
	if o := newWorld(t, plain.Graph, 600, 1).run(t, startEvent(c, plain, info), plain, 32); o.Record.Deepened != nil || !o.Grown {
		t.Errorf("a chain: %+v", o.Record.Deepened)
	}
}
