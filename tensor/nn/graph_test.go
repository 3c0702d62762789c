package nn

import (
	"bytes"
	"encoding/hex"
	"math"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tinyNet has every kind of node that carries parameters, and a residual.
func tinyNet() *Graph {
	return &Graph{Input: Shape{2, 6, 6}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput},
		{ID: "conv1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 3, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{ID: "bn1", Op: OpBatchNorm, Inputs: []NodeID{"conv1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "relu1", Op: OpReLU, Inputs: []NodeID{"bn1"}},
		{ID: "conv2", Op: OpConv, Inputs: []NodeID{"relu1"}, Out: 3, Kernel: 3, Stride: 1, Pad: 1},
		{ID: "add", Op: OpAdd, Inputs: []NodeID{"conv2", "relu1"}},
		{ID: "pool", Op: OpMaxPool, Inputs: []NodeID{"add"}, Kernel: 2, Stride: 2},
		{ID: "flat", Op: OpFlatten, Inputs: []NodeID{"pool"}},
		{ID: "fc", Op: OpLinear, Inputs: []NodeID{"flat"}, Out: 4, Bias: true},
	}}
}

func TestShapesAndEntries(t *testing.T) {
	g := tinyNet()
	shapes, err := g.Shapes()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[NodeID]Shape{"x": {2, 6, 6}, "conv1": {3, 6, 6}, "add": {3, 6, 6}, "pool": {3, 3, 3}, "flat": {3, 3, 3},
		"fc": {4, 1, 1}} {
		if shapes[id] != want {
			t.Errorf("shape of %s = %v, want %v", id, shapes[id], want)
		}
	}
	var names []string
	end := 0
	for _, e := range g.ParamEntries() {
		if e.Offset != end {
			t.Errorf("%s starts at %d, want %d", e.Name, e.Offset, end)
		}
		end += e.Len()
		names = append(names, e.Name)
	}
	want := "conv1.weight conv1.bias bn1.weight bn1.bias conv2.weight fc.weight fc.bias"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("entries %s, want %s", got, want)
	}
	if g.NumParams() != end || end != 54+3+3+3+81+108+4 {
		t.Errorf("%d parameters, entries end at %d", g.NumParams(), end)
	}
	if g.NumBuffers() != 6 {
		t.Errorf("%d buffers, want 6", g.NumBuffers())
	}
	if got, want := g.FLOPs(), int64(2*(36*54+36*81+108)); got != want {
		t.Errorf("FLOPs %d, want %d", got, want)
	}
	if got := g.Consumers("relu1"); !reflect.DeepEqual(got, []NodeID{"conv2", "add"}) {
		t.Errorf("consumers of relu1: %v", got)
	}
}

func TestValidateReportsAllFaults(t *testing.T) {
	g := tinyNet()
	g.Loss = "hinge"
	g.Nodes[1].Kernel = 0
	g.Nodes[2].Eps = 0
	g.Nodes[3].Out = 4
	g.Nodes[4].ID = "conv 2"
	g.Nodes[8].Inputs = []NodeID{"nobody"}
	err := g.Validate()
	if err == nil {
		t.Fatal("no fault found")
	}
	for _, part := range []string{`loss "hinge"`, `"conv1" (conv2d): kernel 0`, `"bn1" (batchnorm): eps 0`, `"relu1" (relu): out 4`,
		`"conv 2" (conv2d): an id`, `reads "conv2", which is no earlier`, `"fc" (linear): reads "nobody"`, `"flat" (flatten): nobody reads it`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("faults lack %q:\n%v", part, err)
		}
	}
}

func TestValidateRefuses(t *testing.T) {
	for name, spoil := range map[string]func(g *Graph){
		"kernel larger than the image": func(g *Graph) { g.Nodes[1].Kernel = 9 },
		"residual of other shapes":     func(g *Graph) { g.Nodes[4].Out = 5 },
		"output with no values":        func(g *Graph) { g.Nodes[8].Out = 0 },
		"output that is an image":      func(g *Graph) { g.Nodes = g.Nodes[:7] },
		"two inputs":                   func(g *Graph) { g.Nodes[3] = Node{ID: "relu1", Op: OpInput} },
		"unknown operation":            func(g *Graph) { g.Nodes[3].Op = "swish" },
		"same id twice":                func(g *Graph) { g.Nodes[2].ID = "conv1" },
		"too many parameters":          func(g *Graph) { g.Nodes[1].Out, g.Nodes[4].Out = 1<<20, 1<<20 },
		"values without end":           func(g *Graph) { g.Input.H, g.Input.W, g.Nodes[1].Out, g.Nodes[4].Out = 4096, 4096, 9, 9 },
		"smoothing of all":             func(g *Graph) { g.Smoothing = 1 },
		"smoothing of squared errors":  func(g *Graph) { g.Loss, g.Smoothing = MSE, 0.1 },
		"no input shape":               func(g *Graph) { g.Input.C = 0 },
		"one input to add":             func(g *Graph) { g.Nodes[5].Inputs = g.Nodes[5].Inputs[:1] },
		"no nodes":                     func(g *Graph) { g.Nodes = nil },
		"eps that is not a number":     func(g *Graph) { g.Nodes[2].Eps = math.NaN() },
	} {
		g := tinyNet()
		spoil(g)
		if _, err := g.Shapes(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestZeroWidthIsValid(t *testing.T) {
	g := tinyNet()
	g.Nodes[1].Out, g.Nodes[4].Out = 0, 0
	m := Init(g, 1)
	if len(m.Params) != 4 || len(m.Buffers) != 0 {
		t.Errorf("%d parameters, %d buffers, want 4 and 0", len(m.Params), len(m.Buffers))
	}
}

func TestJSONRoundTrip(t *testing.T) {
	g := tinyNet()
	g.Generation = 7
	back, err := ParseGraph(g.JSON())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(g, back) || !bytes.Equal(g.JSON(), back.JSON()) {
		t.Errorf("%s became %s", g.JSON(), back.JSON())
	}
	for _, bad := range []string{"", "{}", "[]", `{"widths":[1]}`, string(g.JSON()) + "{}"} {
		if _, err := ParseGraph([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestInit(t *testing.T) {
	g := tinyNet()
	g.Nodes[1].Out, g.Nodes[4].Out = 64, 64
	m := Init(g, 5)
	variance := func(name string) float64 {
		for _, e := range g.ParamEntries() {
			if e.Name == name {
				var s float64
				for _, v := range e.Of(m.Params) {
					s += float64(v) * float64(v)
				}
				return s / float64(e.Len())
			}
		}
		panic("no " + name)
	}
	for name, want := range map[string]float64{"conv1.weight": 2. / 18, "conv2.weight": 2. / (64*9 + 64*9),
		"fc.weight": 2. / (576 + 4), "bn1.weight": 1, "fc.bias": 0} {
		if got := variance(name); math.Abs(got-want) > 0.15*want {
			t.Errorf("variance of %s = %v, want %v", name, got, want)
		}
	}
	wide := g.Clone()
	wide.Nodes[8].Out = 9
	if Init(wide, 5).Params[0] != m.Params[0] || Init(wide, 6).Params[0] == m.Params[0] {
		t.Error("a weight must depend on seed, name and index alone")
	}
}

// The digest and the initial weights are part of recorded results.
// Behind a layer of width zero ReLU starts open; a sum is no ReLU.
func TestInitBehindNothing(t *testing.T) {
	for _, norm := range []string{"none", "batch"} {
		g, err := Build(ModelConfig{Name: "mlp", Input: Shape{5, 1, 1}, Classes: 3, Widths: []int{4, 0, 3}, Norm: norm})
		if err != nil {
			t.Fatal(err)
		}
		m := Init(g, 1)
		for _, e := range g.ParamEntries() {
			want := float32(0)
			switch {
			case norm == "none" && e.Name == "fc3.bias", e.Node == "bn3":
				want = opening
			case e.Name == "bn1.weight":
				want = 1
			case e.Role == RoleWeight:
				continue
			}
			for _, v := range e.Of(m.Params) {
				if v != want {
					t.Errorf("norm %s: %s starts at %v, want %v", norm, e.Name, v, want)
				}
			}
		}
	}
	g, err := Build(ModelConfig{Name: "resnet20", Input: Shape{3, 8, 8}, Classes: 3, EmptyBlocks: true})
	if err != nil {
		t.Fatal(err)
	}
	m := Init(g, 1)
	for _, e := range g.ParamEntries() {
		for _, v := range e.Of(m.Params) {
			if e.Role == RoleBias && v != 0 {
				t.Errorf("%s starts at %v: an empty block must add nothing", e.Name, v)
			}
		}
	}
}

func TestDigestGolden(t *testing.T) {
	d := Init(tinyNet(), 1).Digest()
	if got, want := hex.EncodeToString(d[:]), "f9aa82ffe9aee818511a1b8bd74081a29d472d173f4c7ebd5f6229f7cf284f21"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	m := Init(tinyNet(), 1)
	c := m.Clone()
	c.Buffers[0] = 1
	if m.Digest() != d || c.Digest() == d {
		t.Error("digest must depend on the numbers, and a clone must be its own")
	}
}

// Whatever arrives, ParseGraph returns a graph that can be used, or an error.
func FuzzParseGraph(f *testing.F) {
	f.Add(tinyNet().JSON())
	for _, g := range smallGraphs() {
		f.Add(g.JSON())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseGraph(data)
		if err != nil {
			return
		}
		back, err := ParseGraph(g.JSON())
		if err != nil || !bytes.Equal(g.JSON(), back.JSON()) {
			t.Fatalf("%s does not come back: %v", g.JSON(), err)
		}
		if total := g.NumParams() + g.NumBuffers(); total < 0 || g.FLOPs() < 0 {
			t.Fatalf("%s has %d numbers", g.JSON(), total)
		}
	})
}
