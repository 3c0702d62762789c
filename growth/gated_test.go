package growth

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// squeezeAndExcite is an inverted residual block with a filter and squeeze and excitation,
// as MobileNetV3 and EfficientNet have: the layer that expands and the one that gates write
// the same channels, the ones that squeeze and project read them.
func squeezeAndExcite(t *testing.T) *nn.Graph {
	to := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	return growthtest.Chain(t, nn.Shape{C: 3, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("stem", 4, 3, 1, 1, false),
		growthtest.Conv("expand", 5, 1, 1, 0, false), growthtest.Norm("bn1"), growthtest.Op("silu1", nn.OpSiLU),
		depthwise("dw", 3, 1, 1, false), growthtest.Norm("bn2"), growthtest.Op("silu2", nn.OpSiLU),
		growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Conv("squeeze", 2, 1, 1, 0, true), growthtest.Op("relu", nn.OpReLU),
		growthtest.Conv("excite", 5, 1, 1, 0, true), growthtest.Op("gate", nn.OpSigmoid),
		to(growthtest.Op("gated", nn.OpMultiply), "silu2", "gate"), growthtest.Conv("project", 4, 1, 1, 0, false), growthtest.Norm("bn3"),
		to(growthtest.Op("sum", nn.OpAdd), "bn3", "stem"), growthtest.Op("pool", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
}

// transformer is a block of a vision transformer behind a patch embedding; the layer "a" is
// the first of its MLP, the only one whose outputs no normalisation, sum or attention ties.
func transformer(t *testing.T, f nn.Op) *nn.Graph {
	to := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	norm := func(id nn.NodeID) nn.Node { return nn.Node{ID: id, Op: nn.OpLayerNorm, Eps: 1e-5} }
	heads := to(growthtest.Op("heads", nn.OpAttention), "q", "k", "v")
	heads.Heads = 2
	token := func(id nn.NodeID, out int) nn.Node { return growthtest.Conv(id, out, 1, 1, 0, true) }
	return growthtest.Chain(t, nn.Shape{C: 3, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("embed", 8, 2, 2, 0, true),
		growthtest.Op("position", nn.OpPositional), norm("ln1"), to(token("q", 4), "ln1"), to(token("k", 4), "ln1"), to(token("v", 6), "ln1"), heads,
		token("merge", 8), to(growthtest.Op("sum1", nn.OpAdd), "merge", "position"), norm("ln2"),
		token("a", 1), growthtest.Op("f", f), token("z", 8), to(growthtest.Op("sum2", nn.OpAdd), "z", "sum1"),
		growthtest.Linear("out", 4, true))
}

// The hidden width of a transformer's MLP is a site; what is not says why.
func TestSitesOfATransformer(t *testing.T) {
	g := transformer(t, nn.OpGELU)
	if sites := site.All(g); len(sites) != 2 || sites[1].ID != "a" || sites[1].Stream || sites[0].ID != "heads" || sites[0].Width(g) != 2 {
		t.Errorf("sites are %+v", sites)
	}
	var got []string
	for _, f := range site.FixedWidths(g) {
		got = append(got, fmt.Sprintf("%v: %s", f.Writers, f.Why))
	}
	const why = "makes what becomes of a channel depend on others, which a new one would change"
	want := []string{"[embed merge z]: ln1 (layernorm) " + why, "[out]: their outputs are those of the network"}
	if !slices.Equal(got, want) {
		t.Errorf("fixed are %q, want %q", got, want)
	}
}

// Every policy grows the hidden layer of a transformer, and those that grow streams what is
// gated with its gate: those that keep the function do, the others do not raise
// the loss, and training goes on.
func TestEveryPolicyGrowsTransformersAndGates(t *testing.T) {
	for name, g := range map[string]*nn.Graph{"transformer": transformer(t, nn.OpGELU), "gated": squeezeAndExcite(t)} {
		for _, policy := range Policies() {
			streams := policy == "random" || policy == "orthogonal" || policy == "net2net" || policy == PolicyHypergrad
			if policy == "none" || name == "gated" && !streams {
				continue
			}
			w := newWorld(t, g, 3000, 1)
			m := nn.Init(g, 3)
			w.train(t, m, 80, 128, 32, 0.05)
			c := DefaultOf(policy)
			c.MaxNeurons = 8
			c.Fix(func(f *Fixed) { f.Samples, f.MinNeurons, f.Gate = Samples{1200, 256, 1024}, 4, Gate{} })
			if name == "gated" {
				c.Widths = map[site.ID]int{"stem": 4, "squeeze": 2, "expand": 9}
			}
			info := w.info(1, 32)
			info.Part = 1 // of schedules of computation, which end with the targets
			o := w.run(t, NewEvent(c, m, nil, info), m, 32)
			if !o.Grown {
				t.Errorf("%s, %s: %s", name, policy, o.Record.Why)
				continue
			}
			bs := w.batches(2500, 500, 32)
			before, after := meanLoss(t, m, bs, nn.Train), meanLoss(t, o.Model, bs, nn.Train)
			switch policy {
			case "random", "orthogonal", PolicyHypergrad:
				sameFunction(t, name+", "+policy, m, o.Model, bs)
			case "net2net":
				growthtest.Close(t, name+", loss of net2net", after, before, 1e-5)
			case "tiny", "paper", "fisher", "whole":
				if !(after < 1.001*before) { // on samples that no part of the event has seen
					t.Errorf("%s, %s: loss %g, was %g", name, policy, after, before)
				}
			}
			w.train(t, o.Model, 60, 128, 32, 0.05)
			if trained := meanLoss(t, o.Model, bs, nn.Eval); !(trained < before) {
				t.Errorf("%s, %s: loss %g after more training, %g before growth", name, policy, trained, before)
			}
		}
	}
}

// What is gated and its gate are one stream; what squeezes is a chain. Statistics are asked
// for where no gate lies between.
func TestGateAndGatedAreOneSite(t *testing.T) {
	g := squeezeAndExcite(t)
	var ids []site.ID
	for _, s := range site.All(g) {
		ids = append(ids, s.ID)
		if s.ID != "expand" {
			continue
		}
		if !s.Stream || len(s.Writers) != 2 || s.Writers[1] != "excite" || len(s.Readers) != 2 || s.Readers[0] != "squeeze" || s.Readers[1] != "project" {
			t.Errorf("the gated site is %+v", s)
		}
		if why := s.Unsolved(g); why != "gated (multiply) multiplies them, so that what is behind it has no best weights in closed form: random, "+
			"orthogonal or copied ones enter" {
			t.Errorf("why it is not solved: %q", why)
		}
		if pairs := s.Pairs(g); len(pairs) != 1 || pairs[0] != (site.Pair{Writer: "expand", Reader: "squeeze"}) {
			t.Errorf("its pairs are %v", pairs)
		}
	}
	if len(ids) != 3 || ids[0] != "stem" || ids[1] != "expand" || ids[2] != "squeeze" {
		t.Errorf("sites are %v", ids)
	}
}
