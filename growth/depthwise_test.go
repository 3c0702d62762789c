package growth

import (
	"bytes"
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

func depthwise(id nn.NodeID, k, stride, pad int, bias bool) nn.Node {
	return nn.Node{ID: id, Op: nn.OpDepthwise, Kernel: k, Stride: stride, Pad: pad, Bias: bias}
}

// Sites have depthwise convolutions of all kinds of windows in them, with
// normalisations and pooling.
func init() {
	relu := func(id nn.NodeID) nn.Node { return growthtest.Op(id, nn.OpReLU) }
	filteredSites = map[string][]nn.Node{
		"depthwise":             {relu("r"), depthwise("d", 3, 1, 1, true), relu("r2")},
		"depthwise alone":       {depthwise("d", 5, 1, 2, false)},
		"depthwise, norms":      {growthtest.Norm("n"), relu("r"), depthwise("d", 3, 2, 1, true), growthtest.Norm("nd"), relu("r2")},
		"depthwise, later norm": {relu("r"), depthwise("d", 3, 1, 1, false), growthtest.Norm("nd"), relu("r2")},
		"depthwise twice, norms": {growthtest.Norm("n"), relu("r"), depthwise("d", 3, 1, 1, true), growthtest.Norm("nd"), relu("r2"),
			depthwise("e", 1, 1, 0, true), growthtest.Norm("ne")},
		"depthwise, no padding":   {relu("r"), depthwise("d", 3, 1, 0, true), relu("r2")},
		"depthwise, even kernel":  {relu("r"), depthwise("d", 2, 1, 1, true), relu("r2")},
		"depthwise, wide padding": {relu("r"), depthwise("d", 3, 2, 2, false), growthtest.Norm("nd")},
		"layer scale":             {growthtest.Norm("n"), relu("r"), growthtest.Op("s", nn.OpLayerScale), relu("r2")},
		"depthwise, pooled":       {relu("r"), depthwise("d", 3, 2, 1, true), growthtest.Pooling("m", nn.OpMaxPool, 2, 1, 0)},
	}
}

// separable is a network of depthwise separable convolutions, as in MobileNet.
func separable(t *testing.T, first, second int) *nn.Graph {
	return growthtest.Chain(t, nn.Shape{C: 2, H: 8, W: 8}, nn.CrossEntropy,
		growthtest.Conv("conv1", first, 3, 1, 1, true), growthtest.Norm("n1"), growthtest.Op("r1", nn.OpReLU),
		depthwise("dw", 3, 2, 1, true), growthtest.Norm("nd"), growthtest.Op("rd", nn.OpReLU),
		growthtest.Conv("conv2", second, 1, 1, 0, true), growthtest.Norm("n2"), growthtest.Op("r2", nn.OpReLU),
		growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
}

// Every policy grows a layer whose new channels go through a depthwise convolution:
// those that keep the function do, the others lower the loss, and training goes on.
func TestEveryPolicyGrowsThroughDepthwise(t *testing.T) {
	for _, policy := range Policies() {
		if policy == "none" {
			continue
		}
		g := separable(t, 2, 6)
		w := newWorld(t, g, 3000, 1)
		m := nn.Init(g, 3)
		w.train(t, m, 100, 128, 32, 0.1)
		c := DefaultOf(policy)
		c.Fix(func(f *Fixed) { f.Samples, f.MinNeurons = Samples{1024, 512, 512}, 4 })
		c.MaxNeurons, c.Widths = 8, map[site.ID]int{"conv2": 6}
		o := w.run(t, NewEvent(c, m, nil, w.info(1, 32)), m, 32)
		if !o.Grown {
			t.Errorf("%s: %s", policy, o.Record.Why)
			continue
		}
		width := o.Model.Graph.Node("conv1").Out
		if e := nn.ByName(o.Model.Graph.ParamEntries())["dw.weight"]; width <= 2 || e.Shape[0] != width {
			t.Errorf("%s: %d channels, depthwise weights of shape %v", policy, width, e.Shape)
		}
		bs := w.batches(2500, 500, 32)
		before, after := meanLoss(t, m, bs, nn.Train), meanLoss(t, o.Model, bs, nn.Train)
		switch policy {
		case "random", "orthogonal", PolicyHypergrad:
			for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
				if !slices.Equal(logits(t, m, bs, mode), logits(t, o.Model, bs, mode)) {
					t.Errorf("%s: outputs changed in mode %d", policy, mode)
				}
			}
		case "net2net":
			growthtest.Close(t, "loss of net2net", after, before, 1e-5)
		case "tiny", "paper", "fisher", "whole":
			if !(after < before) {
				t.Errorf("%s: loss %g, was %g", policy, after, before)
			}
		}
		w.train(t, o.Model, 60, 128, 32, 0.1)
		if trained := meanLoss(t, o.Model, bs, nn.Eval); !(trained < before) {
			t.Errorf("%s: loss %g after more training, %g before growth", policy, trained, before)
		}
	}
}

// Random filters are of the size of the others; other new channels pass unchanged.
func TestFiltersOfNewChannels(t *testing.T) {
	g := separable(t, 3, 6)
	w := newWorld(t, g, 2400, 1)
	m := growthtest.RandomModel(g, 2)
	filters := func(policy string) (old, new []float32) {
		c := testConfig()
		c.Policy, c.Widths = policy, map[site.ID]int{"conv2": 6}
		o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
		if !o.Grown {
			t.Fatalf("%s: %s", policy, o.Record.Why)
		}
		all := nn.ByName(o.Model.Graph.ParamEntries())["dw.weight"].Of(o.Model.Params)
		bias := nn.ByName(o.Model.Graph.ParamEntries())["dw.bias"].Of(o.Model.Params)
		if policy != "net2net" && slices.ContainsFunc(bias[3:], func(b float32) bool { return b != 0 }) {
			t.Errorf("%s: biases %v", policy, bias)
		}
		return all[:27], all[27:]
	}
	size := func(x []float32) float64 { return math.Sqrt(linalg.SquareSum(x) / float64(len(x))) }
	if old, drawn := filters("random"); math.Abs(size(drawn)/size(old)-1) > 0.5 {
		t.Errorf("random filters of size %g beside %g", size(drawn), size(old))
	}
	_, passed := filters("gradmax")
	for i, v := range passed {
		if want := float32(map[bool]int{true: 1}[i%9 == 4]); v != want {
			t.Errorf("weight %d of new filters is %g, want %g", i, v, want)
		}
	}
	old, copied := filters("net2net")
	for at := 0; at < len(copied); at += 9 {
		if !slices.ContainsFunc([]int{0, 9, 18}, func(i int) bool { return slices.Equal(old[i:i+9], copied[at:at+9]) }) {
			t.Errorf("filter %v copies none of %v", copied[at:at+9], old)
		}
	}
}

// The threads that solve do not change a bit.
func TestDepthwiseGrowthIsTheSameForAnyThreads(t *testing.T) {
	g := separable(t, 2, 3)
	w := newWorld(t, g, 3000, 1)
	m := nn.Init(g, 3)
	w.train(t, m, 50, 128, 32, 0.1)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	grow := func() (*Outcome, []byte) {
		o := w.run(t, NewEvent(testConfig(), m, nil, w.info(1, 32)), m, 32)
		line, err := json.Marshal(o.Record)
		if err != nil {
			t.Fatal(err)
		}
		return o, line
	}
	one, first := grow()
	runtime.GOMAXPROCS(2)
	two, second := grow()
	if !one.Grown || !bytes.Equal(first, second) || one.Model.Digest() != two.Model.Digest() {
		t.Errorf("grown %v; other bits with two threads", one.Grown)
	}
}

// invertedResidual is a stage of one block as MobileNetV2 has them, without the ReLU's limit.
func invertedResidual(t *testing.T) *nn.Graph {
	relu := func(id nn.NodeID) nn.Node { return growthtest.Op(id, nn.OpReLU) }
	sum := growthtest.Op("layer1.0.add", nn.OpAdd)
	sum.Inputs = []nn.NodeID{"layer1.0.bn3", "stem"}
	return growthtest.Chain(t, nn.Shape{C: 3, H: 8, W: 8}, nn.CrossEntropy, growthtest.Conv("stem", 5, 3, 1, 1, false),
		growthtest.Conv("layer1.0.conv1", 4, 1, 1, 0, false), growthtest.Norm("layer1.0.bn1"), relu("layer1.0.relu1"),
		depthwise("layer1.0.dw", 3, 1, 1, false), growthtest.Norm("layer1.0.bn2"), relu("layer1.0.relu2"),
		growthtest.Conv("layer1.0.conv2", 5, 1, 1, 0, false), growthtest.Norm("layer1.0.bn3"), sum,
		growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
}

// P11 for depth: a block behind one with a filter has a filter too, and grows.
func TestBlocksWithFiltersAreAppended(t *testing.T) {
	g := invertedResidual(t)
	m := growthtest.RandomModel(g, 3)
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
	for range 2 {
		stages := site.Stages(m.Graph)
		if len(stages) != 1 {
			t.Fatalf("stages %+v", stages)
		}
		deep, place, err := site.Append(m, stages[0])
		if err != nil {
			t.Fatal(err)
		}
		l, err := site.LayoutOf(deep.Graph, place)
		if err != nil || len(l.Filters) != 1 || len(l.Later) != 1 || l.Norm == nil {
			t.Fatalf("layout %+v: %v", l, err)
		}
		sameFunction(t, "inverted residual", m, deep, bs)
		in := randomInsertion(t, deep, place, 3, bs)
		clear(in.Omega)
		wide, err := site.Widen(deep, []site.Insertion{in})
		if err != nil {
			t.Fatal(err)
		}
		sameFunction(t, "with neurons", deep, wide, bs)
		m = wide
	}
}

// filteredStream is blocks as ConvNeXt has them, whose filters read the stream itself,
// one with batch normalisations and one with a bias.
func filteredStream(t *testing.T) *nn.Graph {
	sum := func(id, a, b nn.NodeID) nn.Node {
		n := growthtest.Op(id, nn.OpAdd)
		n.Inputs = []nn.NodeID{a, b}
		return n
	}
	return growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("stem", 3, 2, 2, 0, true),
		depthwise("dw1", 3, 1, 1, false), growthtest.Norm("n1"), growthtest.Conv("up1", 4, 1, 1, 0, true), growthtest.Op("g1", nn.OpGELU),
		growthtest.Conv("down1", 3, 1, 1, 0, true), sum("add1", "down1", "stem"),
		depthwise("dw2", 3, 1, 1, true), growthtest.Conv("up2", 4, 1, 1, 0, true), growthtest.Op("g2", nn.OpGELU),
		growthtest.Conv("down2", 3, 1, 1, 0, true), sum("add2", "down2", "add1"),
		growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
}
