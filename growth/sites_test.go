package growth

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// zoo returns a small network of every kind with the ids of its sites, in order.
func zoo(t *testing.T) map[string]zooNet {
	t.Helper()
	nets := map[string]zooNet{}
	add := func(name string, c nn.ModelConfig, sites ...site.ID) {
		c.Classes = 3
		if c.Input.C == 0 {
			c.Input = nn.Shape{C: 2, H: 8, W: 8}
		}
		g, err := nn.Build(c)
		if err != nil {
			t.Fatal(err)
		}
		nets[name] = zooNet{g, sites}
	}
	for _, act := range nn.Activations() {
		for _, norm := range []string{"none", "batch"} {
			name := fmt.Sprintf(" %s, norm %s", act, norm)
			add("mlp"+name, nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 5, H: 1, W: 1}, Widths: []int{3, 2}, Activation: act, Norm: norm}, "fc1", "fc2")
			for _, head := range []string{"flatten", "average"} {
				add("vgg "+head+name, nn.ModelConfig{Name: "vgg", Widths: []int{2, 3}, Activation: act, Norm: norm, Head: head}, "conv1", "conv2")
			}
		}
	}
	add("mlp from nothing", nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 5, H: 1, W: 1}, Widths: []int{0}}, "fc1")
	add("vgg from nothing", nn.ModelConfig{Name: "vgg", Widths: []int{2, 0}}, "conv1", "conv2")
	for _, empty := range []bool{false, true} {
		name := fmt.Sprintf(", empty %v", empty)
		add("resnet18"+name, nn.ModelConfig{Name: "resnet18", Width: 2, EmptyBlocks: empty}, "layer1.0.conv1", "layer1.1.conv1",
			"layer2.0.conv1", "layer2.1.conv1", "layer3.0.conv1", "layer3.1.conv1", "layer4.0.conv1", "layer4.1.conv1")
		add("resnet20"+name, nn.ModelConfig{Name: "resnet20", Width: 2, EmptyBlocks: empty}, "layer1.0.conv1", "layer1.1.conv1", "layer1.2.conv1",
			"layer2.0.conv1", "layer2.1.conv1", "layer2.2.conv1", "layer3.0.conv1", "layer3.1.conv1", "layer3.2.conv1")
		var wide []site.ID
		for stage := range 3 {
			for block := range 4 {
				wide = append(wide, site.ID(fmt.Sprintf("block%d.%d.conv1", stage+1, block)))
			}
		}
		add("wrn28"+name, nn.ModelConfig{Name: "wrn28", Width: 2, Widen: 1, EmptyBlocks: empty}, wide...)
	}
	return nets
}

type zooNet struct {
	g     *nn.Graph
	sites []site.ID
}

// Every network of the zoo has the sites it should: the layers of chains, and
// inside every residual block, classic or pre-activation, never on the stream.
func TestSitesOfTheZoo(t *testing.T) {
	for name, n := range zoo(t) {
		var got []site.ID
		for _, s := range site.Chains(n.g) {
			got = append(got, s.ID)
			if (s.Norm(n.g) != nil) != slices.ContainsFunc(s.Between, func(id nn.NodeID) bool { return n.g.Node(id).Op == nn.OpBatchNorm }) {
				t.Errorf("%s: the normalisation of %s is not found", name, s.ID)
			}
		}
		if !slices.Equal(got, n.sites) {
			t.Errorf("%s: sites %v, want %v", name, got, n.sites)
		}
	}
}

// P11, P12 and P29 at every site of the zoo, three times in a row: outgoing
// weights of zero change no bit; others make the network plus a side branch.
func TestP29GrowEverywhereInTheZoo(t *testing.T) {
	for name, n := range zoo(t) {
		m := growthtest.RandomModel(n.g, 3)
		for round := range 3 {
			for i, id := range n.sites {
				bs := growthtest.Batches(n.g, uint64(4+i), growthtest.Shards{Count: 1, Size: 64, Last: 50})
				in := randomInsertion(t, m, id, 1+round%2, bs)
				dead := in
				dead.Omega = make([]float32, len(in.Omega))
				sameFunction(t, fmt.Sprintf("%s, %s, round %d", name, id, round), m, widen(t, m, dead), bs)
				if round == 0 {
					likeBranch(t, name, m, in, bs)
				}
				m = widen(t, m, in.Scaled(0.01))
			}
		}
		for _, s := range site.Chains(m.Graph) {
			if got, want := s.Width(m.Graph), s.Width(n.g)+4; got != want {
				t.Errorf("%s: %s has width %d, want %d", name, s.ID, got, want)
			}
		}
		if err := m.Graph.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func widen(t *testing.T, m *nn.Model, ins ...site.Insertion) *nn.Model {
	t.Helper()
	wide, err := site.Widen(m, ins)
	if err != nil {
		t.Fatal(err)
	}
	return wide
}

func sameFunction(t *testing.T, what string, a, b *nn.Model, bs []*nn.Batch) {
	t.Helper()
	for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
		if !slices.Equal(logits(t, a, bs, mode), logits(t, b, bs, mode)) {
			t.Errorf("%s: the function changed in mode %d", what, mode)
		}
	}
}

// likeBranch checks a small insertion against a branch of its own.
func likeBranch(t *testing.T, name string, m *nn.Model, in site.Insertion, bs []*nn.Batch) {
	t.Helper()
	small := in.Scaled(1e-3)
	got, want := logits(t, widen(t, m, small), bs, nn.Train), logits(t, sideBranch(t, m, small), bs, nn.Train)
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 5e-3*(1+math.Abs(float64(want[i]))) {
			t.Errorf("%s, %s: output %d is %g, want %g", name, in.Site, i, got[i], want[i])
			return
		}
	}
}

// The part of a network that amplitudes are measured with has the loss of the whole, which is smoothed too.
func TestSuffixHasTheLossOfTheWhole(t *testing.T) {
	g, err := nn.Build(nn.ModelConfig{Name: "vgg", Input: nn.Shape{C: 2, H: 8, W: 8}, Classes: 4, Widths: []int{3, 3}, LabelSmoothing: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	w, m := newWorld(t, g, 64, 1), nn.Init(g, 1)
	whole, err := nn.Compile(g, 32, nn.Options{Inference: true, KeepValues: []nn.NodeID{"conv2"}})
	if err != nil {
		t.Fatal(err)
	}
	rest, params, _ := site.Suffix(g, "conv2")
	part, err := nn.Compile(rest, 32, nn.Options{Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	b := w.batches(0, 32, 32)[0]
	a, c := whole.NewWorkspace(), part.NewWorkspace()
	a.Forward(whole.Pack(nil, m.Params), m.Buffers, b, nn.Train)
	behind := *b
	behind.X = a.Value("conv2")
	c.Forward(part.Pack(nil, m.Params[params:]), nil, &behind, nn.Train)
	if got, want := c.Loss(), a.Loss(); got != want {
		t.Errorf("%+v behind the cut, %+v in all", got, want)
	}
}

// A network whose blocks are all empty computes, learns and grows inside them.
func TestEmptyBlocksGrow(t *testing.T) {
	for _, name := range []string{"resnet20", "wrn28"} {
		g, err := nn.Build(nn.ModelConfig{Name: name, Input: nn.Shape{C: 2, H: 8, W: 8}, Classes: 4, Width: 4, Widen: 1, EmptyBlocks: true})
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, g, 2400, 1)
		m := nn.Init(g, 2)
		w.train(t, m, 30, 128, 32, 0.05)
		c := testConfig()
		c.Fixed.Samples, c.Fixed.Gate.Significance = Samples{512, 256, 512}, 0
		o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
		if !o.Grown {
			t.Fatalf("%s: nothing grew: %s", name, o.Record.Why)
		}
		before := w.loss(t, m, 1024, 1024, 32, nn.Train)
		if after := w.loss(t, o.Model, 1024, 1024, 32, nn.Train); after >= before {
			t.Errorf("%s: loss %g became %g", name, before, after)
		}
	}
}
