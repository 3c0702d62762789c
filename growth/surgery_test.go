package growth

import (
	"math"
	"slices"
	"strings"
	"testing"

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
				out = append(out, y[(i/lanes*c+o)*lanes+i%lanes])
			}
		}
	}
	return out
}

func TestP11ZeroBlockChangesNothing(t *testing.T) {
	for name, g := range newbornNets(t) {
		m := randomModel(g, 3)
		bs := batches(g, 4, 2, 40, 37)
		in := randomInsertion(t, m, "a", 3, bs)
		clear(in.Omega)
		wide, err := Widen(m, []Insertion{in})
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
func sideBranch(t *testing.T, m *nn.Model, in Insertion) *nn.Model {
	t.Helper()
	g := m.Graph.Clone()
	site, _ := siteOf(g, in.Site)
	second := g.Node(site.Second)
	sum := nn.Node{ID: second.ID, Op: nn.OpAdd, Inputs: []nn.NodeID{"old", "branch"}}
	first := *g.Node(site.First)
	first.ID, first.Out = "b-"+first.ID, in.Count
	branch := []nn.Node{first}
	last := first.ID
	for _, id := range site.Between {
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
	l, _ := layoutOf(m.Graph, in.Site)
	weights, rows := l.first.weights(), l.first.rows()
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
		m := randomModel(g, 3)
		bs := batches(g, 4, 1, 96, 96)
		in := randomInsertion(t, m, "a", 3, bs)
		for _, amplitude := range []float64{1. / 256, 0.25, 1, 4} {
			scaled := in.Scaled(amplitude)
			wide, err := Widen(m, []Insertion{scaled})
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
		return chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy,
			conv("a", a, 3, 1, 1, true), norm("na"), op("ra", nn.OpReLU), pooling("pa", nn.OpMaxPool, 2, 2, 0),
			conv("b", b, 3, 1, 1, true), norm("nb"), op("rb", nn.OpReLU), op("f", nn.OpFlatten),
			linear("c", c, true), op("rc", nn.OpReLU), linear("z", 3, true))
	}
	m := randomModel(build(1, 0, 2), 3)
	widths := map[SiteID]int{"a": 1, "b": 0, "c": 2}
	bs := batches(m.Graph, 4, 2, 40, 37)
	velocity := slices.Clone(m.Params)
	for round, id := range []SiteID{"a", "a", "a", "b", "b", "c", "c", "a", "b", "c"} {
		in := randomInsertion(t, m, id, 1+round%2, bs)
		wide, err := Widen(m, []Insertion{in})
		if err != nil {
			t.Fatal(err)
		}
		widths[id] += in.Count
		velocity = Carry(m.Graph, wide.Graph, velocity)
		m = wide
		fresh := &nn.Model{Graph: build(widths["a"], widths["b"], widths["c"]), Params: slices.Clone(m.Params), Buffers: slices.Clone(m.Buffers)}
		fresh.Graph.Generation = m.Graph.Generation
		if fresh.Digest() != m.Digest() || len(velocity) != len(m.Params) {
			t.Fatalf("round %d: the grown model is not the fresh one of its widths", round)
		}
		for _, site := range Sites(m.Graph) {
			if site.outputs(m.Graph) == 0 {
				continue
			}
			want := naiveStatistics(t, fresh, site, bs)
			up := read(t, m, &Request{Kind: KindUpdate, Generation: m.Graph.Generation, Sites: []SiteRequest{{Site: site.ID}}}, bs).Update(0)
			near(t, "S1", up.S1, want.s1, 5e-6)
			near(t, "M", up.M, want.m, 5e-6)
			req := SiteRequest{Site: site.ID, Metric: true}
			n := read(t, m, &Request{Kind: KindNeurons, Generation: m.Graph.Generation, Sites: []SiteRequest{req}}, bs).Neurons(0)
			if l, _ := layoutOf(m.Graph, site.ID); l.second.positions() > 1 {
				near(t, "S", n.S, scaled(1/want.n, mul(want.b2.T(), want.b2)), 5e-6)
				near(t, "N", n.N, scaled(1/want.n, mul(want.b2.T(), want.v)), 5e-6)
			} else {
				near(t, "S", n.S, scaled(1/want.n, mul(want.bt.T(), want.bt)), 5e-6)
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

func (s Site) outputs(g *nn.Graph) int { return g.Node(s.Second).Out }

// Insertions at neighbouring sites in one surgery are those of two surgeries
// whose neurons do not see each other.
func TestWidenNeighbours(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	m := randomModel(g, 3)
	bs := batches(g, 4, 1, 96, 96)
	one, two := randomInsertion(t, m, "conv1", 2, bs), randomInsertion(t, m, "conv2", 1, bs)
	both, err := Widen(m, []Insertion{one, two})
	if err != nil {
		t.Fatal(err)
	}
	first, err := Widen(m, []Insertion{two})
	if err != nil {
		t.Fatal(err)
	}
	// conv2's new neuron and its connections lie behind conv1's; zero weights join them
	later, err := Widen(first, []Insertion{{Site: "conv1", Count: 2, Alpha: one.Alpha, Omega: append(slices.Clone(one.Omega), make([]float32, 2*9)...), Mean: one.Mean, Var: one.Var}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(both.Params, later.Params) || !slices.Equal(both.Buffers, later.Buffers) {
		t.Error("one surgery at two sites differs from two surgeries")
	}
}

func TestWidenRefuses(t *testing.T) {
	m := randomModel(cnn(t, 2, 2), 3)
	good := Insertion{Site: "conv1", Count: 1, Alpha: make([]float32, 19), Omega: make([]float32, 2*9), Mean: make([]float64, 1), Var: make([]float64, 1)}
	for want, spoil := range map[string]func(in *Insertion){
		"no site":    func(in *Insertion) { in.Site = "out" },
		"alpha has":  func(in *Insertion) { in.Alpha = nil },
		"omega has":  func(in *Insertion) { in.Omega = in.Omega[1:] },
		"mean has":   func(in *Insertion) { in.Mean = nil },
		"update has": func(in *Insertion) { in.Update = make([]float32, 3) },
		"-1 neurons": func(in *Insertion) { in.Count = -1 },
	} {
		in := good
		spoil(&in)
		if _, err := Widen(m, []Insertion{in}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", want, err)
		}
	}
	if _, err := Widen(m, []Insertion{good, good}); err == nil {
		t.Error("two insertions at one site must be an error")
	}
}
