package growth

import (
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A head is as many channels of queries, keys and values as the others are, counted as one neuron.
func TestHeadsAreASite(t *testing.T) {
	g := transformer(t, nn.OpGELU)
	m := growthtest.RandomModel(g, 3)
	l, err := site.LayoutOf(g, "heads")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(l.Site.Writers, []nn.NodeID{"q", "k", "v"}) || !slices.Equal(l.Site.Readers, []nn.NodeID{"merge"}) || l.Unit(g) != "heads" {
		t.Errorf("the site is %+v", l.Site)
	}
	if why := l.Unsolved(g); why == "" {
		t.Error("nothing says why heads are not solved")
	}
	if pairs := l.Pairs(g); pairs != nil {
		t.Errorf("there is a way through an attention: %v", pairs)
	}
	wide := widen(t, m, l.Empty(1))
	if got, want := wide.Graph.NumParams()-g.NumParams(), l.ParamsPerNeuron(); got != want {
		t.Errorf("a head has %d parameters, %d are told", got, want)
	}
	if got, want := wide.Graph.FLOPs()-g.FLOPs(), l.FLOPsPerNeuron(); got != want {
		t.Errorf("a head takes %d FLOPs, %d are told", got, want)
	}
	if got := wide.Graph.Widths(); got["q"] != 6 || got["k"] != 6 || got["v"] != 9 || wide.Graph.Node("heads").Heads != 3 {
		t.Errorf("widths with three heads are %v", got)
	}
	count := 0
	for r := range l.Neurons(kernel.Range{Lo: 1, Hi: 2}).Params() {
		count += r.Len()
	}
	if count != l.ParamsPerNeuron() {
		t.Errorf("head 1 has %d parameters, %d are told", count, l.ParamsPerNeuron())
	}
}

// Heads that are tied to something else say so.
func TestHeadsThatCannotGrow(t *testing.T) {
	for why, change := range map[string]func(g *nn.Graph){
		"k is read elsewhere too":         func(g *nn.Graph) { g.Node("heads").Inputs[0] = "k"; drop(g, "q") },
		"which reads rq (relu)":           func(g *nn.Graph) { between(g, "heads", nn.Node{ID: "rq", Op: nn.OpReLU}) },
		"ln1 (layernorm) makes what":      func(g *nn.Graph) { g.Node("heads").Inputs[2] = "ln1"; drop(g, "v") },
		"both (add) lies behind":          addsTo,
		"those of q are none yet":         func(g *nn.Graph) { g.Node("q").Out, g.Node("k").Out = 0, 0 },
		"between (layernorm) lies behind": func(g *nn.Graph) { between(g, "merge", nn.Node{ID: "between", Op: nn.OpLayerNorm, Eps: 1e-5}) },
	} {
		g := transformer(t, nn.OpGELU)
		change(g)
		if err := g.Validate(); err != nil {
			t.Fatal(why, err)
		}
		if _, ok := site.Find(g, "heads"); ok {
			t.Errorf("%s: they can grow", why)
		}
		var told []string
		for _, f := range site.FixedWidths(g) {
			told = append(told, f.Why)
		}
		if !strings.Contains(strings.Join(told, "\n"), why) {
			t.Errorf("%q is not told: %q", why, told)
		}
	}
}

func drop(g *nn.Graph, id nn.NodeID) {
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n nn.Node) bool { return n.ID == id })
}

// between puts a node in front of a reader, at its first input.
func between(g *nn.Graph, reader nn.NodeID, n nn.Node) {
	at := slices.IndexFunc(g.Nodes, func(n nn.Node) bool { return n.ID == reader })
	n.Inputs, g.Nodes[at].Inputs[0] = []nn.NodeID{g.Nodes[at].Inputs[0]}, n.ID
	g.Nodes = slices.Insert(g.Nodes, at, n)
}

// addsTo adds another layer's outputs to the heads.
func addsTo(g *nn.Graph) {
	at := slices.IndexFunc(g.Nodes, func(n nn.Node) bool { return n.ID == "merge" })
	other := growthtest.Conv("other", 6, 1, 1, 0, true)
	other.Inputs = []nn.NodeID{"ln1"}
	sum := nn.Node{ID: "both", Op: nn.OpAdd, Inputs: []nn.NodeID{"heads", other.ID}}
	g.Nodes[at].Inputs = []nn.NodeID{sum.ID}
	g.Nodes = slices.Insert(g.Nodes, at, other, sum)
}

// Heads grow towards a target, and not without one, by every policy whose neurons fit: new ones of zero
// outgoing weights change nothing, copies next to nothing, and all train on.
func TestHeadsGrowTowardsATarget(t *testing.T) {
	g := transformer(t, nn.OpGELU)
	w := newWorld(t, g, 3000, 1)
	trained := nn.Init(g, 3)
	w.train(t, trained, 40, 128, 32, 0.05)
	for _, policy := range []string{"random", "orthogonal", "net2net", PolicyCompute, PolicyHypergrad} {
		c := DefaultOf(policy)
		c.Fix(func(f *Fixed) { f.Samples, f.MinNeurons, f.Gate = Samples{1200, 256, 1024}, 1, Gate{} })
		c.MaxNeurons = 2
		c.Widths = map[site.ID]int{"heads": 4, "a": 1}
		if err := c.CheckTargets(g); err != nil {
			t.Fatal(err)
		}
		info := w.info(0, 32)
		info.FLOPsLeft, info.SamplesLeft, info.Part, info.Budget = 1e12, 1e6, 0.5, Budget{FLOPs: 2e12, Samples: 2e6}
		o := w.run(t, NewEvent(c, trained, nil, info), trained, 32)
		if !o.Grown {
			t.Errorf("%s: %s", policy, o.Record.Why)
			continue
		}
		n := o.Model.Graph.Node("heads").Heads
		if got := o.Record.Grown[0]; n != 4 || got.Site != "heads" || got.Unit != "heads" || got.From != 2 || got.To != n {
			t.Errorf("%s: %d heads by %+v", policy, n, got)
		}
		before, after := w.loss(t, trained, 0, 1024, 32, nn.Eval), w.loss(t, o.Model, 0, 1024, 32, nn.Eval)
		if policy == "net2net" && (after-before > 1e-4 || before-after > 1e-4) || policy != "net2net" && after != before {
			t.Errorf("%s: the loss was %v and is %v", policy, before, after)
		}
		moved := slices.Clone(o.Model.Params)
		w.train(t, o.Model, 40, 128, 32, 0.05)
		l, err := site.LayoutOf(o.Model.Graph, "heads")
		if err != nil {
			t.Fatal(err)
		}
		for part := range l.Neurons(kernel.Range{Lo: 2, Hi: n}).Params() {
			if slices.Equal(part.Of(moved), part.Of(o.Model.Params)) && !zeroGradient(&l, part) {
				t.Errorf("%s: parameters %v of new heads did not move", policy, part)
			}
		}
		if end := w.loss(t, o.Model, 0, 1024, 32, nn.Eval); !(end < before) {
			t.Errorf("%s: the loss was %v and is %v after training on", policy, before, end)
		}
		c.Widths = map[site.ID]int{"a": 1}
		if o := w.run(t, NewEvent(c, trained, nil, info), trained, 32); o.Model.Graph.Node("heads").Heads != 2 {
			t.Errorf("%s: heads grow without a target", policy)
		}
	}
}

// zeroGradient reports whether a part is the biases of the keys: what is added to all keys of a query alike
// changes no softmax.
func zeroGradient(l *site.Layout, part kernel.Range) bool {
	return part == l.Writers[1].BiasesOf(kernel.Range{Lo: 2, Hi: l.AllNeurons().Hi})
}
