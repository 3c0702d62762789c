package growth

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// logits returns the outputs of the valid samples in a mode.
func logits(t *testing.T, m *nn.Model, bs []*nn.Batch, mode nn.Mode) []float32 {
	t.Helper()
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	shapes, _ := m.Graph.Shapes()
	c := shapes[m.Graph.Output().ID].C
	space, pk := p.NewWorkspace(), p.Pack(nil, m.Params)
	var out []float32
	for _, b := range bs {
		space.Forward(pk, m.Buffers, b, mode)
		y := space.Value(m.Graph.Output().ID)
		for i := range b.N {
			for o := range c {
				out = append(out, y[(i/tensor.Lanes*c+o)*tensor.Lanes+i%tensor.Lanes])
			}
		}
	}
	return out
}

func TestP11ZeroBlockChangesNothing(t *testing.T) {
	for name, g := range newbornNets(t) {
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
		in := randomInsertion(t, m, "a", 3, bs)
		clear(in.Omega)
		wide, err := site.Widen(m, []site.Insertion{in})
		if err != nil {
			t.Fatal(err)
		}
		for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
			if !slices.Equal(logits(t, m, bs, mode), logits(t, wide, bs, mode)) {
				t.Errorf("%s: a block with zero outgoing weights changes the output in mode %d", name, mode)
			}
		}
		if wide.Graph.Generation != m.Graph.Generation+1 {
			t.Errorf("%s: generation %d", name, wide.Graph.Generation)
		}
	}
}

// sideBranch returns m with the insertion beside it: a branch of its own that
// is added to Second's output, without any normalisation.
func sideBranch(t *testing.T, m *nn.Model, in site.Insertion) *nn.Model {
	t.Helper()
	g := m.Graph.Clone()
	place, _ := site.Find(g, in.Site)
	second := g.Node(place.Second)
	sum := nn.Node{ID: second.ID, Op: nn.OpAdd, Inputs: []nn.NodeID{"old", "branch"}}
	first := *g.Node(place.First)
	first.ID, first.Out = "b-"+first.ID, in.Count
	branch := []nn.Node{first}
	last := first.ID
	for _, id := range place.Between {
		n := *g.Node(id)
		if n.Op == nn.OpBatchNorm {
			continue
		}
		n.ID, n.Inputs = "b-"+n.ID, []nn.NodeID{last}
		branch, last = append(branch, n), n.ID
	}
	outgoing := *second
	outgoing.ID, outgoing.Bias, outgoing.Inputs = "branch", false, []nn.NodeID{last}
	old := *second
	old.ID = "old"
	var nodes []nn.Node
	for _, n := range g.Nodes {
		if n.ID == second.ID {
			nodes = append(append(append(nodes, branch...), outgoing, old), sum)
			continue
		}
		nodes = append(nodes, n)
	}
	g.Nodes = nodes
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	out := &nn.Model{Graph: g, Params: make([]float32, g.NumParams()), Buffers: m.Buffers}
	entries := nn.ByName(m.Graph.ParamEntries())
	l, _ := site.LayoutOf(m.Graph, in.Site)
	weights, rows := l.Incoming.Weights(), l.Incoming.Rows()
	for _, e := range g.ParamEntries() {
		dst := e.Of(out.Params)
		switch {
		case e.Node == first.ID && e.Role == nn.RoleWeight:
			for k := range in.Count {
				copy(dst[k*weights:], in.Alpha[k*rows:][:weights])
			}
		case e.Node == first.ID:
			for k := range in.Count {
				dst[k] = in.Alpha[k*rows+weights]
			}
		case e.Node == "branch":
			copy(dst, in.Omega)
		case strings.HasPrefix(string(e.Node), "b-") && g.Node(e.Node).Op.Role() == nn.Filters:
			// Channels pass unchanged: 1 in the middle of each window. A layer scale has no kernel and one weight a channel.
			if area, kernel := len(dst)/in.Count, g.Node(e.Node).Kernel; e.Role == nn.RoleWeight {
				for k := range in.Count {
					dst[k*area+kernel/2*(kernel+1)] = 1
				}
			}
		default:
			name := e.Name
			if e.Node == "old" {
				name = string(second.ID) + "." + e.Role
			}
			copy(dst, entries[name].Of(m.Params))
		}
	}
	return out
}

// P12: the widened network is the network plus the side branch, at every
// amplitude, in evaluation and, on the sample that gave the moments, in training.
func TestP12WidenedIsNetworkPlusBranch(t *testing.T) {
	for name, g := range newbornNets(t) {
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		in := randomInsertion(t, m, "a", 3, bs)
		for _, amplitude := range []float64{1. / 256, 0.25, 1, 4} {
			scaled := in.Scaled(amplitude)
			wide, err := site.Widen(m, []site.Insertion{scaled})
			if err != nil {
				t.Fatal(err)
			}
			branch := sideBranch(t, m, scaled)
			for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
				got, want := logits(t, wide, bs, mode), logits(t, branch, bs, mode)
				for i := range got {
					if math.Abs(float64(got[i]-want[i])) > 2e-3*(1+math.Abs(float64(want[i]))) {
						t.Errorf("%s, amplitude %g, mode %d: output %d is %g, want %g", name, amplitude, mode, i, got[i], want[i])
						break
					}
				}
			}
		}
	}
}

// P29: three growths in a row at one site, then along the chain, biases and
// normalisation on: statistics are those of a fresh network of these weights.
func TestP29ManyGrowths(t *testing.T) {
	build := func(a, b, c int) *nn.Graph {
		return growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy,
			growthtest.Conv("a", a, 3, 1, 1, true), growthtest.Norm("na"), growthtest.Op("ra", nn.OpReLU), growthtest.Pooling("pa", nn.OpMaxPool, 2, 2, 0),
			growthtest.Conv("b", b, 3, 1, 1, true), growthtest.Norm("nb"), growthtest.Op("rb", nn.OpReLU), growthtest.Op("f", nn.OpFlatten),
			growthtest.Linear("c", c, true), growthtest.Op("rc", nn.OpReLU), growthtest.Linear("z", 3, true))
	}
	m := growthtest.RandomModel(build(1, 0, 2), 3)
	widths := map[site.ID]int{"a": 1, "b": 0, "c": 2}
	bs := growthtest.Batches(m.Graph, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
	velocity := slices.Clone(m.Params)
	for round, id := range []site.ID{"a", "a", "a", "b", "b", "c", "c", "a", "b", "c"} {
		in := randomInsertion(t, m, id, 1+round%2, bs)
		wide, err := site.Widen(m, []site.Insertion{in})
		if err != nil {
			t.Fatal(err)
		}
		widths[id] += in.Count
		velocity = site.Carry(m.Graph, wide.Graph, velocity)
		m = wide
		fresh := &nn.Model{Graph: build(widths["a"], widths["b"], widths["c"]), Params: slices.Clone(m.Params), Buffers: slices.Clone(m.Buffers)}
		fresh.Graph.Generation = m.Graph.Generation
		if fresh.Digest() != m.Digest() || len(velocity) != len(m.Params) {
			t.Fatalf("round %d: the grown model is not the fresh one of its widths", round)
		}
		for _, place := range site.All(m.Graph) {
			if m.Graph.Node(place.Second).Out == 0 {
				continue
			}
			want := naiveStatistics(t, fresh, place, bs)
			up := read(t, m, &measure.Request{Kind: measure.KindUpdate, Generation: m.Graph.Generation, Sites: []measure.SiteRequest{{Site: place.ID}}}, bs).Update(0)
			growthtest.Near(t, "S1", up.S1, want.s1, 5e-6)
			growthtest.Near(t, "M", up.M, want.m, 5e-6)
			req := measure.SiteRequest{Site: place.ID, Metric: true}
			n := read(t, m, &measure.Request{Kind: measure.KindNeurons, Generation: m.Graph.Generation, Sites: []measure.SiteRequest{req}}, bs).Neurons(0)
			if l, _ := site.LayoutOf(m.Graph, place.ID); l.Outgoing.Positions() > 1 {
				growthtest.Near(t, "S", n.S, growthtest.Scaled(1/want.n, growthtest.Mul(want.b2.T(), want.b2)), 5e-6)
				growthtest.Near(t, "N", n.N, growthtest.Scaled(1/want.n, growthtest.Mul(want.b2.T(), want.v)), 5e-6)
			} else {
				growthtest.Near(t, "S", n.S, growthtest.Scaled(1/want.n, growthtest.Mul(want.bt.T(), want.bt)), 5e-6)
			}
		}
	}
	// the state of the very first weights is still in its place
	for _, e := range m.Graph.ParamEntries() {
		if e.Name == "z.bias" && !slices.Equal(e.Of(velocity), e.Of(m.Params)) {
			t.Error("optimizer state of the last bias moved")
		}
	}
}

// Insertions at neighbouring sites in one surgery are those of two surgeries
// whose neurons do not see each other.
func TestWidenNeighbours(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	m := growthtest.RandomModel(g, 3)
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
	one, two := randomInsertion(t, m, "conv1", 2, bs), randomInsertion(t, m, "conv2", 1, bs)
	both, err := site.Widen(m, []site.Insertion{one, two})
	if err != nil {
		t.Fatal(err)
	}
	first, err := site.Widen(m, []site.Insertion{two})
	if err != nil {
		t.Fatal(err)
	}
	// conv2's new neuron and its connections lie behind conv1's; zero weights join them
	later, err := site.Widen(first, []site.Insertion{{Site: "conv1", Count: 2, Alpha: one.Alpha, Omega: append(slices.Clone(one.Omega), make([]float32, 2*9)...), Mean: one.Mean, Var: one.Var}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(both.Params, later.Params) || !slices.Equal(both.Buffers, later.Buffers) {
		t.Error("one surgery at two sites differs from two surgeries")
	}
}

func TestWidenRefuses(t *testing.T) {
	m := growthtest.RandomModel(cnn(t, 2, 2), 3)
	good := site.Insertion{Site: "conv1", Count: 1, Alpha: make([]float32, 19), Omega: make([]float32, 2*9), Mean: make([]float64, 1), Var: make([]float64, 1)}
	for want, spoil := range map[string]func(in *site.Insertion){
		"no site":    func(in *site.Insertion) { in.Site = "out" },
		"alpha has":  func(in *site.Insertion) { in.Alpha = nil },
		"omega has":  func(in *site.Insertion) { in.Omega = in.Omega[1:] },
		"mean has":   func(in *site.Insertion) { in.Mean = nil },
		"update has": func(in *site.Insertion) { in.Update = make([]float32, 3) },
		"-1 neurons": func(in *site.Insertion) { in.Count = -1 },
	} {
		in := good
		spoil(&in)
		if _, err := site.Widen(m, []site.Insertion{in}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	if _, err := site.Widen(m, []site.Insertion{good, good}); err == nil {
		t.Error("two insertions at one site must be an error")
	}
}
