package growth

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// streamNets have streams of every kind: classic and pre-activation residual networks,
// without normalisation, of one layer that reads and writes a stream, with branches that
// are joined at several places, read by layers of several sizes.
func streamNets(t *testing.T) map[string]*nn.Graph {
	nets := map[string]*nn.Graph{"mlp": residualMLP(t, false), "mlp tanh": residualMLP(t, true)}
	for _, empty := range []bool{false, true} {
		for _, name := range []string{"resnet18", "resnet20", "wrn28"} {
			for _, widen := range []int{1, 2} {
				if widen == 1 || name == "wrn28" {
					nets[fmt.Sprintf("%s, widen %d, empty %v", name, widen, empty)] = build(t,
						nn.ModelConfig{Name: name, Width: 2, Widen: widen, EmptyBlocks: empty})
				}
			}
		}
	}
	nets["inverted residual"], nets["filtered stream"], nets["gated"] = invertedResidual(t), filteredStream(t), squeezeAndExcite(t)
	nets["heads"] = transformer(t, nn.OpGELU)
	to := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	nets["dense"] = growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy,
		growthtest.Conv("a", 3, 3, 1, 1, true), growthtest.Op("ra", nn.OpReLU),
		growthtest.Conv("loop", 3, 3, 1, 1, false), growthtest.Norm("n"), // reads and writes the stream
		to(growthtest.Op("sum", nn.OpAdd), "n", "ra"), growthtest.Op("rs", nn.OpSiLU),
		to(growthtest.Conv("b", 3, 1, 1, 0, true), "ra"), to(growthtest.Op("all", nn.OpAdd), "b", "rs", "sum", "ra"),
		growthtest.Norm("n2"), growthtest.Op("r2", nn.OpReLU),
		to(growthtest.Conv("side", 2, 3, 2, 1, false), "sum"), growthtest.Op("sideavg", nn.OpGlobalAvgPool),
		growthtest.Linear("sideout", 3, true),
		to(growthtest.Pooling("pool", nn.OpMaxPool, 2, 2, 0), "r2"), growthtest.Linear("main", 3, true),
		to(growthtest.Op("out", nn.OpAdd), "main", "sideout"))
	nets["normalised activations"] = growthtest.Chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.MSE,
		growthtest.Conv("a", 3, 3, 1, 1, true), growthtest.Op("r", nn.OpReLU), growthtest.Norm("n"),
		growthtest.Conv("z", 3, 3, 1, 1, true), growthtest.Op("avg", nn.OpGlobalAvgPool))
	return nets
}

// The streams of a residual network are those of its stages, each written by the stem
// or the projection of its first block and by the last layer of every block.
func TestStreamsOfTheZoo(t *testing.T) {
	for _, c := range []struct {
		config nn.ModelConfig
		want   string
	}{
		{nn.ModelConfig{Name: "resnet18"}, `conv1: conv1 layer1.0.conv2 layer1.1.conv2
    -> layer1.0.conv1 layer1.1.conv1 layer2.0.conv1 layer2.0.downsample.0
layer2.0.conv2: layer2.0.conv2 layer2.0.downsample.0 layer2.1.conv2 -> layer2.1.conv1 layer3.0.conv1 layer3.0.downsample.0
layer3.0.conv2: layer3.0.conv2 layer3.0.downsample.0 layer3.1.conv2 -> layer3.1.conv1 layer4.0.conv1 layer4.0.downsample.0
layer4.0.conv2: layer4.0.conv2 layer4.0.downsample.0 layer4.1.conv2 -> layer4.1.conv1 fc`},
		{nn.ModelConfig{Name: "wrn28", Width: 2, Widen: 2}, `conv1: conv1 -> block1.0.conv1 block1.0.shortcut
block1.0.conv2: block1.0.conv2 block1.0.shortcut block1.1.conv2 block1.2.conv2 block1.3.conv2
    -> block1.1.conv1 block1.2.conv1 block1.3.conv1 block2.0.conv1 block2.0.shortcut
block2.0.conv2: block2.0.conv2 block2.0.shortcut block2.1.conv2 block2.2.conv2 block2.3.conv2
    -> block2.1.conv1 block2.2.conv1 block2.3.conv1 block3.0.conv1 block3.0.shortcut
block3.0.conv2: block3.0.conv2 block3.0.shortcut block3.1.conv2 block3.2.conv2 block3.3.conv2
    -> block3.1.conv1 block3.2.conv1 block3.3.conv1 fc`},
	} {
		var got []string
		g := build(t, c.config)
		for _, s := range site.Streams(g) {
			got = append(got, strings.Trim(fmt.Sprintf("%s: %v -> %v", s.ID, s.Writers, s.Readers), " "))
		}
		if text := strings.NewReplacer("[", "", "]", "").Replace(strings.Join(got, "\n")); text != strings.ReplaceAll(c.want, "\n   ", "") {
			t.Errorf("%s: streams\n%s\nwant\n%s", c.config.Name, text, c.want)
		}
		fixed := site.FixedWidths(g)
		if len(fixed) != 1 || fixed[0].Writers[0] != "fc" {
			t.Errorf("%s: fixed are %+v", c.config.Name, fixed)
		}
		for _, s := range site.All(g) {
			found, ok := site.Find(g, s.ID)
			if !ok || found.ID != s.ID || len(found.Writers) != len(s.Writers) {
				t.Errorf("%s: %s is not found", c.config.Name, s.ID)
			}
		}
		for _, id := range []site.ID{"fc", "layer1.0.conv2", "nothing", "relu"} {
			if _, ok := site.Find(g, id); ok {
				t.Errorf("%s: %s is no site", c.config.Name, id)
			}
		}
	}
}

// The channels that a normalisation over channels reads are fixed, however they come
// there; those of the layers between two of them are not.
func TestChannelsOfLayerNormAreFixed(t *testing.T) {
	to := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	norm := func(id nn.NodeID, op nn.Op, groups int) nn.Node {
		return nn.Node{ID: id, Op: op, Eps: 1e-5, Groups: groups}
	}
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 4, W: 4}, nn.CrossEntropy, growthtest.Conv("stem", 4, 1, 1, 0, true),
		norm("ln", nn.OpLayerNorm, 0), growthtest.Conv("up", 6, 1, 1, 0, true), growthtest.Op("gelu", nn.OpGELU),
		growthtest.Conv("down", 4, 1, 1, 0, true), to(growthtest.Op("sum", nn.OpAdd), "down", "stem"),
		growthtest.Conv("b", 6, 3, 1, 1, true), norm("gn", nn.OpGroupNorm, 2), growthtest.Linear("out", 3, true))
	if sites := site.All(g); len(sites) != 1 || sites[0].ID != "up" {
		t.Errorf("sites are %+v", sites)
	}
	var got []string
	for _, f := range site.FixedWidths(g) {
		got = append(got, fmt.Sprintf("%v: %s", f.Writers, f.Why))
	}
	want := []string{
		"[stem down]: ln (layernorm) makes what becomes of a channel depend on others, which a new one would change",
		"[b]: gn (groupnorm) makes what becomes of a channel depend on others, which a new one would change",
		"[out]: their outputs are those of the network"}
	if !slices.Equal(got, want) {
		t.Errorf("fixed are %q, want %q", got, want)
	}
}

// What is added to the input, or is the output, cannot gain channels.
func TestFixedWidths(t *testing.T) {
	to := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 4, W: 4}, nn.CrossEntropy, growthtest.Conv("a", 2, 3, 1, 1, true),
		to(growthtest.Op("sum", nn.OpAdd), "a", "x"), growthtest.Conv("b", 3, 3, 1, 1, true), growthtest.Op("avg", nn.OpGlobalAvgPool),
		growthtest.Linear("out", 3, true))
	var got []string
	for _, f := range site.FixedWidths(g) {
		got = append(got, fmt.Sprintf("%v: %s", f.Writers, f.Why))
	}
	want := []string{"[a]: their outputs are added to the input, whose channels are given", "[out]: their outputs are those of the network"}
	if !slices.Equal(got, want) {
		t.Errorf("fixed are %q, want %q", got, want)
	}
}

// sameGradients checks that all gradients of the weights that a had are the same bits in b.
func sameGradients(t *testing.T, what string, a, b *nn.Model, bs []*nn.Batch) {
	t.Helper()
	for i := range bs {
		before, after := gradientsOf(t, a, bs[i:i+1]), gradientsOf(t, b, bs[i:i+1])
		flat := make([]float32, 0, len(b.Params))
		for _, e := range b.Graph.ParamEntries() {
			flat = append(flat, after[e.Name]...)
		}
		for _, e := range a.Graph.ParamEntries() {
			if got := site.Carry(b.Graph, a.Graph, flat); !slices.Equal(e.Of(got), before[e.Name]) {
				t.Errorf("%s: the gradient of %s changed", what, e.Name)
			}
		}
	}
}

// P11 for streams: channels without outgoing weights change no bit of what a network
// computes nor of the gradients of the weights that it had, any number of times, with
// empty blocks appended before and after.
func TestP11StreamChangesNothing(t *testing.T) {
	for name, g := range streamNets(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := growthtest.RandomModel(g, 3)
			bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
			for round := range 3 {
				for _, s := range site.Streams(m.Graph) {
					in := randomInsertion(t, m, s.ID, 1+round%2, bs)
					clear(in.Omega)
					wide := widen(t, m, in)
					what := fmt.Sprintf("%s, round %d", s.ID, round)
					sameFunction(t, what, m, wide, bs)
					sameGradients(t, what, m, wide, bs)
					for _, id := range s.Writers {
						each := 1
						if s.Heads != "" { // a head is as wide as the others
							each = m.Graph.Node(id).Out / s.Width(m.Graph)
						}
						if got, want := wide.Graph.Node(id).Out, m.Graph.Node(id).Out+in.Count*each; got != want {
							t.Errorf("%s: %s has %d outputs, want %d", what, id, got, want)
						}
					}
					in = randomInsertion(t, m, s.ID, 1+round%2, bs)
					m = widen(t, m, in.Scaled(0.01)) // goes on from a network that uses them
				}
				for i := range site.Stages(m.Graph) {
					deep, _, err := site.Append(m, site.Stages(m.Graph)[i])
					if err != nil {
						t.Fatal(err)
					}
					sameFunction(t, "deeper", m, deep, bs)
					m = deep
				}
			}
		})
	}
}

// P8 for streams: the derivative of the loss by all outgoing weights together is the
// sum over the readers that the newborn round measures.
func TestP08StreamDerivative(t *testing.T) {
	for name, g := range streamNets(t) {
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		for _, s := range site.Streams(g) {
			in := randomInsertion(t, m, s.ID, 2, bs)
			part, want := newbornPart(t, m, in, bs), 0.0
			for j := range in.Count {
				gain, _ := part.Gain(j)
				want += gain
			}
			central := func(g float64) float64 {
				at := func(g float64) float64 { return meanLoss(t, widen(t, m, in.Scaled(g)), bs, nn.Train) }
				return (at(-g) - at(g)) / (2 * g)
			}
			got := central(1. / 131072)
			if math.Abs(got-want) > 3e-2*math.Abs(want)+1e-2 {
				t.Errorf("%s, %s: finite difference %g, measured derivative %g", name, s.ID, got, want)
			}
		}
	}
}

// The running statistics of new channels are those of what the grown network reads, so
// that on the samples that they are of evaluation and training agree.
func TestP12StreamMoments(t *testing.T) {
	for name, g := range streamNets(t) {
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		for _, s := range site.Streams(g) {
			in := randomInsertion(t, m, s.ID, 2, bs)
			clear(in.Omega)
			wide := widen(t, m, in)
			p, err := nn.Compile(wide.Graph, 96, nn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			w, moments := p.NewWorkspace(), make([]float64, p.MomentsLen())
			w.Forward(p.Pack(nil, wide.Params), wide.Buffers, bs[0], nn.Train)
			w.AddMoments(moments)
			l, err := site.LayoutOf(wide.Graph, s.ID)
			if err != nil {
				t.Fatal(err)
			}
			norms, _ := l.Norms()
			for i, at := range l.AllNeurons().Norms() {
				n, _ := wide.Graph.GradientSums().Norm(norms[i].ID)
				mean, variance := at.Mean.Of(wide.Buffers), at.Var.Of(wide.Buffers)
				for j := n.Channels - 2; j < n.Channels; j++ {
					count := *n.Count(moments)
					want := n.Sums(moments)[j] / count
					spread := n.Squares(moments)[j]/count - want*want
					if math.Abs(float64(mean[j])-want) > 1e-4*(1+math.Abs(want)) || math.Abs(float64(variance[j])-spread) > 1e-4*(1+spread) {
						t.Errorf("%s, %s: %s has running statistics %g and %g of channel %d, it reads %g and %g",
							name, s.ID, norms[i].ID, mean[j], variance[j], j, want, spread)
					}
				}
			}
		}
	}
}

// P13 for streams: sums depend on weights and samples alone.
func TestP13StreamSums(t *testing.T) {
	for _, g := range []*nn.Graph{build(t, nn.ModelConfig{Name: "resnet20", Width: 2}), transformer(t, nn.OpGELU)} {
		testStreamSums(t, g)
	}
}

func testStreamSums(t *testing.T, g *nn.Graph) {
	t.Helper()
	m := growthtest.RandomModel(g, 3)
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 3, Size: 40, Last: 37})
	var ins []site.Insertion
	for _, s := range site.Streams(g) {
		ins = append(ins, randomInsertion(t, m, s.ID, 2, bs))
	}
	req := &measure.Request{Kind: measure.KindNewborn, Newborn: ins}
	job, err := measure.NewJob(g, req, 40)
	if err != nil {
		t.Fatal(err)
	}
	sums := func(r *measure.Runner, b *nn.Batch) []float64 {
		out := make([]float64, job.Len())
		r.Run(out, m.Params, m.Buffers, b)
		return out
	}
	one, two := job.NewRunner(), job.NewRunner()
	for i, b := range bs {
		first := sums(one, b)
		sums(two, bs[(i+1)%3]) // leaves nothing behind
		if !slices.Equal(first, sums(two, b)) {
			t.Errorf("micro-shard %d differs", i)
		}
	}
}

// grow goes through events of a policy until its targets are met.
func growTo(t *testing.T, w *world, c Config, m *nn.Model, slots []optim.Slot) (*nn.Model, []optim.Slot) {
	t.Helper()
	bs := w.batches(0, 32, 32)
	info := w.info(0, 32)
	for range 200 {
		o := w.run(t, NewEvent(c, m, slots, info), m, 32)
		info.History = info.History.After(o.Record)
		info.Number++
		if !o.Grown {
			return m, slots
		}
		if c.Policy == "random" || c.Policy == "orthogonal" {
			sameFunction(t, fmt.Sprintf("%s, event %d", c.Policy, info.Number), m, o.Model, bs)
		}
		m, slots = o.Model, o.Slots
	}
	t.Fatalf("%s: still growing", c.Policy)
	return nil, nil
}

// A ResNet-18 of base width 1 becomes one of base width 4, whatever policy that can
// grow streams does it, with a block appended before and one after.
func TestStreamsGrowToAnyResNet(t *testing.T) {
	for _, policy := range []string{"random", "orthogonal", "net2net"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			g := build(t, nn.ModelConfig{Name: "resnet18", Width: 1, Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 4})
			want := build(t, nn.ModelConfig{Name: "resnet18", Width: 4, Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 4})
			w := newWorld(t, g, 512, 1)
			m := nn.Init(g, 2)
			deepen := func(stage int) {
				deep, inside, err := site.Append(m, site.Stages(m.Graph)[stage])
				if err != nil {
					t.Fatal(err)
				}
				if m = deep; policy != "net2net" { // there is nothing to copy in an empty block
					m = widen(t, m, randomInsertion(t, m, inside, 1, growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 32, Last: 32})))
				}
			}
			deepen(1)
			c := DefaultOf(policy)
			c.Widths, c.Samples = map[site.ID]int{}, 64
			for _, s := range site.All(want) {
				c.Widths[s.ID] = s.Width(want)
			}
			c.Widths["layer2.2.conv1"] = m.Graph.Node("layer2.2.conv1").Out
			slots := []optim.Slot{{Name: "velocity", Data: slices.Clone(m.Params)}}
			before := m
			m, slots = growTo(t, w, c, m, slots)
			if policy == "net2net" {
				near(t, logits(t, before, w.batches(0, 32, 32), nn.Train), logits(t, m, w.batches(0, 32, 32), nn.Train))
			}
			for _, n := range want.Nodes {
				if got := m.Graph.Node(n.ID); got.Out != n.Out {
					t.Errorf("%s has %d outputs, want %d", n.ID, got.Out, n.Out)
				}
			}
			shapes := nn.ByName(m.Graph.ParamEntries())
			for _, e := range want.ParamEntries() {
				if !slices.Equal(shapes[e.Name].Shape, e.Shape) {
					t.Errorf("%s has shape %v, want %v", e.Name, shapes[e.Name].Shape, e.Shape)
				}
			}
			back := site.Carry(m.Graph, before.Graph, slots[0].Data)
			if !slices.Equal(back, before.Params) {
				t.Error("optimizer state was lost")
			}
			deepen(0)
			if err := m.Graph.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func near(t *testing.T, got, want []float32) {
	t.Helper()
	for i := range got {
		if math.Abs(float64(got[i]-want[i])) > 1e-3*(1+math.Abs(float64(want[i]))) {
			t.Fatalf("output %d is %g, want %g", i, got[i], want[i])
		}
	}
}

// Streams take part in an event only where a target names them; policies that cannot
// grow them say so.
func TestStreamsTakePartByTarget(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "resnet20", Width: 2})
	m, w := nn.Init(g, 1), newWorld(t, g, 512, 1)
	for _, policy := range Policies() {
		if policy == "none" {
			continue
		}
		c := DefaultOf(policy)
		c.Samples = 64
		listed := func() map[site.ID]string {
			out := map[site.ID]string{}
			for _, s := range w.run(t, NewEvent(c, m, nil, w.info(0, 32)), m, 32).Record.Sites {
				out[s.Site] = s.Reason
			}
			return out
		}
		plain := len(listed())
		c.Widths = map[site.ID]int{"conv1": 3}
		got, more := listed(), 1
		if policy == PolicyCompute || policy == PolicyHypergrad { // which take all streams
			more = 0
		}
		why, there := got["conv1"]
		if len(got) != plain+more || !there {
			t.Errorf("%s: %d sites, %d with a target: %v", policy, plain, len(got), got)
		}
		if slices.Contains([]string{"random", "orthogonal", "net2net", PolicyCompute, PolicyHypergrad}, policy) == strings.Contains(why, "a stream of") {
			t.Errorf("%s: reason %q", policy, why)
		}
	}
}

// Statistics are of one writer and reader: a request for others is refused, and so are
// those that no way leads between.
func TestStatisticsOfStreamsAreOfPairs(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "resnet20", Width: 2})
	for _, kind := range []measure.Kind{measure.KindUpdate, measure.KindNeurons} {
		for _, c := range []struct {
			request measure.SiteRequest
			ok      bool
		}{
			{measure.SiteRequest{Site: "conv1"}, false},
			{measure.SiteRequest{Site: "conv1", Writer: "conv1", Reader: "layer1.2.conv1"}, true},
			{measure.SiteRequest{Site: "conv1", Writer: "layer1.1.conv2", Reader: "layer2.0.downsample.0"}, true},
			{measure.SiteRequest{Site: "conv1", Writer: "layer1.1.conv2", Reader: "layer1.1.conv1"}, false}, // before it
			{measure.SiteRequest{Site: "conv1", Writer: "layer2.0.conv2", Reader: "layer2.1.conv1"}, false}, // of another site
			{measure.SiteRequest{Site: "conv1", Writer: "layer1.1.conv1", Reader: "layer1.1.conv2"}, false},
			{measure.SiteRequest{Site: "layer1.1.conv1"}, true},
			{measure.SiteRequest{Site: "layer1.1.conv1", Writer: "layer1.1.conv1", Reader: "layer1.1.conv2"}, true},
			{measure.SiteRequest{Site: "layer1.1.conv1", Reader: "layer1.1.conv2"}, false},
		} {
			req := &measure.Request{Kind: kind, Sites: []measure.SiteRequest{c.request}}
			if err := req.Check(g); (err == nil) != c.ok {
				t.Errorf("%s, %+v: %v", kind, c.request, err)
			}
		}
	}
}

// linearStreams is a residual network whose blocks have no activation, so that to first
// order all that new channels of its stream do is linear in what its writers read.
func linearStreams(t *testing.T) *nn.Graph {
	to := func(n nn.Node, inputs ...nn.NodeID) nn.Node { n.Inputs = inputs; return n }
	return growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy,
		growthtest.Conv("stem", 3, 3, 1, 1, true), growthtest.Conv("in1", 2, 3, 1, 1, true), growthtest.Op("r1", nn.OpReLU),
		growthtest.Conv("out1", 3, 3, 1, 1, true), to(growthtest.Op("sum1", nn.OpAdd), "out1", "stem"),
		growthtest.Conv("in2", 3, 1, 1, 0, true), growthtest.Op("r2", nn.OpSiLU),
		growthtest.Conv("out2", 3, 3, 1, 1, false), to(growthtest.Op("sum2", nn.OpAdd), "sum1", "out2"),
		growthtest.Pooling("pool", nn.OpAvgPool, 2, 2, 0), growthtest.Linear("head", 4, true))
}

// P3 and P4 for streams: what new channels gain to first order is the sum over the
// pairs of alpha' N omega, N from the input of the writer and what the reader asks for.
func TestP04StreamGainIsASumOverPairs(t *testing.T) {
	g := linearStreams(t)
	m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 64, Last: 50})
	s, ok := site.Find(g, "stem")
	if !ok || !s.Stream || len(s.Writers) != 3 || len(s.Readers) != 3 {
		t.Fatalf("the stream is %+v", s)
	}
	if pairs := s.Pairs(g); len(pairs) != 6 { // a block acts on none before it
		t.Fatalf("pairs are %v", pairs)
	}
	l, err := site.LayoutOf(g, "stem")
	if err != nil {
		t.Fatal(err)
	}
	in := randomInsertion(t, m, "stem", 2, bs)
	for i, r := range l.Readers { // outgoing kernels that use their centre alone
		omega := l.OmegaOf(in, i)
		for at := range omega {
			if e := at % r.Area(); r.Positions() > 1 && e != r.Centre() {
				omega[at] = 0
			}
		}
	}
	measured := newbornPart(t, m, in, bs)
	req := &measure.Request{Kind: measure.KindNeurons}
	for _, p := range s.Pairs(g) {
		req.Sites = append(req.Sites, measure.SiteRequest{Site: "stem", Writer: p.Writer, Reader: p.Reader, Metric: true})
	}
	sums := read(t, m, req, bs)
	for k := range in.Count {
		want := 0.0
		for at, p := range s.Pairs(g) {
			n := sums.Neurons(at).N
			i, j := slices.Index(s.Writers, p.Writer), slices.Index(s.Readers, p.Reader)
			a, r := l.Writers[i].Rows(), l.Readers[j]
			alpha, omega := l.AlphaOf(in, i)[k*a:], l.OmegaOf(in, j)
			_, columns := n.Dims()
			offsets := columns / r.Outputs
			for o := range r.Outputs {
				for e := range offsets {
					w := omega[(o*in.Count+k)*r.Area()+r.Centre()]
					if offsets > 1 {
						w = omega[(o*in.Count+k)*r.Area()+e]
					}
					for x := range a {
						want += float64(alpha[x]) * n.At(x, o*offsets+e) * float64(w)
					}
				}
			}
		}
		if got, _ := measured.Gain(k); math.Abs(got-want) > 1e-4*(1+math.Abs(want)) {
			t.Errorf("channel %d gains %g, the sum over pairs is %g", k, got, want)
		}
	}
}

// Targets name sites by their first writers; others are errors that say what to do.
func TestCheckTargets(t *testing.T) {
	g := build(t, nn.ModelConfig{Name: "resnet20", Width: 2})
	c := Default()
	for id, want := range map[site.ID]string{
		"conv1": "", "layer1.0.conv1": "", "layer2.0.conv2": "",
		"layer2.0.downsample.0": "name layer2.0.conv2, the first of them",
		"fc":                    "their outputs are those of the network",
		"layer2.9.conv1":        "has no such layer",
		"bn1":                   "has no such layer",
	} {
		c.Widths = map[site.ID]int{id: 5}
		err := c.CheckTargets(g)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
	c.Widths, c.DepthEvery = map[site.ID]int{"layer2.9.conv1": 5}, 2
	if err := c.CheckTargets(g); err != nil {
		t.Errorf("a block to come: %v", err)
	}
}

// Insertions at streams of wrong shapes are errors, and so are two at one stream.
func TestStreamInsertionFaults(t *testing.T) {
	m := nn.Init(build(t, nn.ModelConfig{Name: "resnet20", Width: 2}), 1)
	l, err := site.LayoutOf(m.Graph, "conv1")
	if err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(in *site.Insertion){
		"alpha has":    func(in *site.Insertion) { in.Alpha = in.Alpha[1:] },
		"omega has":    func(in *site.Insertion) { in.Omega = append(in.Omega, 1) },
		"gain has":     func(in *site.Insertion) { in.Gain, in.Shift = nil, nil },
		"shift has":    func(in *site.Insertion) { in.Shift = in.Shift[1:] },
		"mean has":     func(in *site.Insertion) { in.Mean = nil },
		"update has":   func(in *site.Insertion) { in.Update = make([]float32, l.Outputs*l.Outgoing.Rows()) },
		"-1 neurons":   func(in *site.Insertion) { in.Count = -1 },
		"no site":      func(in *site.Insertion) { in.Site = "layer1.0.conv2" },
		"filter has":   func(in *site.Insertion) { in.Filter = make([]float32, 3) },
		"1048577 neur": func(in *site.Insertion) { in.Count = 1<<20 + 1 },
	} {
		in := l.Empty(2)
		spoil(&in)
		if _, err := site.Widen(m, []site.Insertion{in}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if _, err := site.Widen(m, []site.Insertion{l.Empty(1), l.Empty(1)}); err == nil {
		t.Error("two insertions at one stream")
	}
}
