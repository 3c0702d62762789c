package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// problem is a model with samples, in both forms.
type problem struct {
	m       *Model
	p       *Program
	b       *Batch
	x       [][]float64
	labels  []int32
	targets [][]float64
}

// newProblem gives g random parameters, buffers and n samples, all of them
// exact in float32.
func newProblem(t testing.TB, g *Graph, micro, n int, o Options) *problem {
	t.Helper()
	p, err := Compile(g, micro, o)
	if err != nil {
		t.Fatal(err)
	}
	q := &problem{m: Init(g, 3), p: p, b: p.NewBatch()}
	s := rng.New(11)
	next := uint64(0)
	normal := func() float64 { next++; return float64(float32(s.Normal(next))) }
	for _, e := range g.ParamEntries() {
		if e.Role == RoleBias || len(e.Shape) == 1 || g.Node(e.Node).Op.Role() == Passes {
			for i := range e.Of(q.m.Params) {
				e.Of(q.m.Params)[i] += float32(0.3 * normal())
			}
		}
	}
	for i := range q.m.Buffers {
		q.m.Buffers[i] += float32(0.5 * math.Abs(normal()))
	}
	out := g.mustShapes()[g.Output().ID].C
	for i := range n {
		v := make([]float64, g.Input.Len())
		for j := range v {
			v[j] = normal()
		}
		q.x = append(q.x, v)
		q.labels = append(q.labels, int32((i*7+i/3)%out))
		y := make([]float64, out)
		for j := range y {
			y[j] = normal()
		}
		q.targets = append(q.targets, y)
	}
	q.b.N = n
	copy(q.b.Labels, q.labels)
	lanesOf(q.b.X, q.x, g.Input)
	if g.Loss.targets() {
		lanesOf(q.b.Targets, q.targets, Shape{out, 1, 1})
	}
	return q
}

// run returns metrics, sample losses and gradient of one step.
func (q *problem) run(w *Workspace, mode Mode) (Metrics, []float32) {
	grad := make([]float32, len(q.m.Params))
	for i := range grad {
		grad[i] = float32(math.NaN()) // all must be overwritten
	}
	w.Forward(q.p.Pack(nil, q.m.Params), q.m.Buffers, q.b, mode)
	m := w.Loss()
	w.Backward(grad)
	return m, grad
}

// chain builds a graph from nodes that each read the one before.
func chain(in Shape, loss Loss, nodes ...Node) *Graph {
	g := &Graph{Input: in, Loss: loss, Nodes: []Node{{ID: "x", Op: OpInput}}}
	for i, n := range nodes {
		if n.ID == "" {
			n.ID = NodeID(fmt.Sprintf("n%d", i))
		}
		if n.Inputs == nil {
			n.Inputs = []NodeID{g.Nodes[len(g.Nodes)-1].ID}
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

func conv(out, k, stride, pad int, bias bool) Node {
	return Node{Op: OpConv, Out: out, Kernel: k, Stride: stride, Pad: pad, Bias: bias}
}
func linear(out int) Node           { return Node{Op: OpLinear, Out: out, Bias: true} }
func op(o Op) Node                  { return Node{Op: o} }
func bn() Node                      { return Node{Op: OpBatchNorm, Eps: 1e-5, Momentum: 0.1} }
func pool(o Op, k, s, pad int) Node { return Node{Op: o, Kernel: k, Stride: s, Pad: pad} }
func (n Node) named(id NodeID, in ...NodeID) Node {
	n.ID, n.Inputs = id, in
	return n
}

// operationGraphs are small graphs of operations that the tests below have none of.
var operationGraphs = map[string]func() *Graph{}

// zoo of small graphs: every operation, every fusion, every fan-out.
func smallGraphs() map[string]*Graph {
	ce := CrossEntropy
	im := Shape{3, 6, 6}
	graphs := map[string]*Graph{
		"linear":             chain(Shape{5, 1, 1}, ce, linear(4)),
		"linear mse":         chain(Shape{5, 1, 1}, MSE, linear(4)),
		"linear bce":         chain(Shape{5, 1, 1}, BinaryCrossEntropy, linear(4)),
		"linear on an image": chain(im, ce, op(OpFlatten), linear(3)),
		"mlp relu":           chain(Shape{7, 1, 1}, ce, linear(6), op(OpReLU), linear(5), op(OpReLU), linear(4)),
		"mlp identity":       chain(Shape{7, 1, 1}, ce, linear(6), op(OpIdentity), linear(4), op(OpIdentity)),
		"mlp norm":           chain(Shape{7, 1, 1}, ce, linear(6), bn(), op(OpReLU), linear(4)),
		"conv stride pad":    chain(im, ce, conv(4, 3, 2, 1, true), op(OpReLU), conv(2, 2, 1, 0, false), op(OpFlatten), linear(3)),
		"conv 1x1 and 5x5":   chain(im, ce, conv(4, 1, 1, 0, true), op(OpGELU), conv(2, 5, 1, 2, true), op(OpGlobalAvgPool), linear(3)),
		"norm":               chain(im, ce, conv(4, 3, 1, 1, false), bn(), op(OpGlobalAvgPool), linear(3)),
		"norm relu": chain(im, ce, conv(4, 3, 1, 1, false), bn(), op(OpReLU), conv(3, 3, 1, 1, true), bn(), op(OpReLU),
			op(OpGlobalAvgPool), linear(3)),
		"norm relu maxpool": chain(im, ce, conv(4, 3, 1, 1, false), bn(), op(OpReLU), pool(OpMaxPool, 2, 2, 0), conv(3, 3, 1, 1, false),
			bn(), op(OpReLU), pool(OpMaxPool, 3, 3, 0), linear(3)),
		"norm tanh":           chain(im, ce, conv(4, 3, 1, 1, false), bn(), op(OpTanh), op(OpGlobalAvgPool), linear(3)),
		"norm on the input":   chain(im, ce, bn(), op(OpReLU), pool(OpMaxPool, 2, 2, 0), linear(3)),
		"relu on the input":   chain(im, ce, op(OpReLU), pool(OpAvgPool, 2, 2, 0), conv(3, 3, 1, 1, true), op(OpReLU), linear(3)),
		"overlapping maxpool": chain(im, ce, conv(3, 3, 1, 1, true), pool(OpMaxPool, 3, 2, 1), op(OpReLU), linear(3)),
		"norm relu odd pool":  chain(im, ce, conv(3, 2, 1, 0, true), bn(), op(OpReLU), pool(OpMaxPool, 2, 2, 0), linear(3)),
		"avgpool":             chain(im, ce, conv(3, 3, 1, 1, true), pool(OpAvgPool, 3, 2, 1), linear(3)),
		"residual": chain(im, ce, conv(4, 3, 1, 1, false), bn(), op(OpReLU).named("r", "n1"), conv(4, 3, 1, 1, false), bn(), op(OpReLU),
			conv(4, 3, 1, 1, false),
			bn().named("b2", "n6"), op(OpAdd).named("sum", "b2", "r"), op(OpReLU), op(OpGlobalAvgPool), linear(3)),
		"residual without relu": chain(im, ce, conv(4, 3, 1, 1, false).named("c", "x"), bn(), op(OpAdd).named("sum", "c", "n1"),
			conv(4, 1, 1, 0, false), op(OpGlobalAvgPool), linear(3)),
		"residual with projection": chain(im, ce, conv(4, 3, 1, 1, false), op(OpReLU).named("r", "n0"),
			conv(5, 3, 2, 1, false), bn(), op(OpReLU), conv(5, 3, 1, 1, false), bn().named("b2", "n5"),
			conv(5, 1, 2, 0, false).named("p", "r"), bn().named("bp", "p"), op(OpAdd).named("sum", "b2", "bp"), op(OpReLU).named("out", "sum"),
			conv(5, 3, 1, 1, false).named("d", "out"), bn().named("bd", "d"), op(OpAdd).named("sum2", "out", "bd"), op(OpReLU).named("out2", "sum2"),
			op(OpGlobalAvgPool), linear(3)),
		"three readers": chain(im, ce, conv(3, 3, 1, 1, true), op(OpReLU).named("r", "n0"), conv(3, 3, 1, 1, true).named("a", "r"),
			conv(3, 1, 1, 0, true).named("b", "r"),
			op(OpAdd).named("sum", "a", "b", "r"), op(OpTanh), op(OpGlobalAvgPool), linear(3)),
		"same node twice": chain(im, ce, conv(3, 3, 1, 1, true).named("a", "x"), op(OpAdd).named("sum", "a", "a"), op(OpReLU),
			op(OpGlobalAvgPool), linear(3)),
		"own layers": chain(im, ce, conv(4, 3, 1, 1, true), op(opTilt), conv(3, 3, 1, 1, true), op(opSoft), op(opTwo), linear(3)),
		"empty layers": chain(im, ce, conv(0, 3, 1, 1, true), bn(), op(OpReLU), conv(3, 3, 1, 1, true), op(OpReLU),
			op(OpGlobalAvgPool), linear(0), op(OpReLU), linear(3)),
		"empty chain": chain(im, ce, conv(0, 3, 1, 1, false), bn(), op(OpReLU), pool(OpMaxPool, 2, 2, 0), conv(0, 3, 1, 1, false),
			bn(), op(OpReLU), op(OpGlobalAvgPool), linear(3)),
	}
	for name, f := range operationGraphs {
		graphs[name] = f()
	}
	for _, f := range Activations() {
		graphs["mlp "+string(f)] = chain(Shape{7, 1, 1}, MSE, linear(6), op(f), linear(4))
		graphs["conv "+string(f)] = chain(im, ce, conv(4, 3, 2, 1, true), op(f), linear(3))
	}
	return graphs
}

// Every gradient of every small graph against central differences of the
// float64 reference, in both modes, with a partial last block and without.
func TestGradientsAgainstFloat64Differences(t *testing.T) {
	for name, g := range smallGraphs() {
		for _, c := range []struct {
			micro, n int
			mode     Mode
		}{{8, 5, Train}, {40, 35, Train}, {32, 32, Eval}} {
			if testing.Short() && c.n > 8 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d of %d mode %d", name, c.n, c.micro, c.mode), func(t *testing.T) {
				input := g.Nodes[0].ID
				q := newProblem(t, g, c.micro, c.n, Options{Keep: []NodeID{input}})
				w := q.p.NewWorkspace()
				got, grad := q.run(w, c.mode)
				r := newReference(q.m, c.mode)
				loss := func() float64 { return r.loss(q.x, q.labels, q.targets) }
				if want := loss(); math.Abs(got.Loss-want) > 2e-6*math.Abs(want) {
					t.Errorf("loss %v, want %v", got.Loss, want)
				}
				for i, want := range r.losses {
					if math.Abs(w.SampleLosses()[i]-want) > 1e-5*(1+math.Abs(want)) {
						t.Errorf("loss of sample %d: %v, want %v", i, w.SampleLosses()[i], want)
					}
				}
				points := 12
				if c.n > 8 {
					points = 4
				}
				for _, e := range g.ParamEntries() {
					compareGradient(t, points, e.Name, e.Of(grad), r.params[e.Offset:e.Offset+e.Len()], loss)
				}
				dx := w.Grad(input)
				for i := 0; i < c.n; i += 1 + c.n/3 {
					lane := make([]float32, len(q.x[i]))
					for j := range lane {
						lane[j] = dx[laneIndex(i, j, g.Input)]
					}
					compareGradient(t, points, fmt.Sprintf("input %d", i), lane, q.x[i], loss)
				}
				for i := c.n; i < tensor.Blocks(c.n)*tensor.Lanes; i++ {
					for j := range g.Input.Len() {
						if dx[laneIndex(i, j, g.Input)] != 0 {
							t.Fatalf("gradient of unused lane %d is %v", i, dx[laneIndex(i, j, g.Input)])
						}
					}
				}
			})
		}
	}
}

// compareGradient compares got with differences of loss along values, or along
// about that many points of them.
func compareGradient(t *testing.T, points int, name string, got []float32, values []float64, loss func() float64) {
	t.Helper()
	const h = 1e-6
	stride := 1 + len(values)/points
	var worst, scale float64
	at := 0
	for i := 0; i < len(values); i += stride {
		v := values[i]
		values[i] = v + h
		up := loss()
		values[i] = v - h
		down := loss()
		values[i] = v
		want := (up - down) / (2 * h)
		if d := math.Abs(want - float64(got[i])); !(d <= worst) {
			worst, at = d, i
		}
		scale = math.Max(scale, math.Abs(want))
	}
	if !(worst <= 2e-5*scale+2e-6) {
		t.Errorf("gradient of %s: off by %v at %d, scale %v", name, worst, at, scale)
	}
}

// A gradient that is kept alone, and values, change no bit of all others where nothing
// is fused across them, and are those of nodes that are kept whole.
func TestKeptGradientsAreThoseOfKeptNodes(t *testing.T) {
	for _, name := range []string{"cnn", "vgg", "mlp", "resnet18"} {
		g, err := Build(ModelConfig{Name: name, Input: Shape{3, 16, 16}, Classes: 5, Width: 3, Widths: []int{3, 4, 5}})
		if err != nil {
			t.Fatal(err)
		}
		var layers, inputs []NodeID
		for i := range g.Nodes {
			if n := &g.Nodes[i]; n.Op == OpConv || n.Op == OpLinear {
				layers = append(layers, n.ID)
				if n.Inputs[0] != g.Nodes[0].ID {
					inputs = append(inputs, n.Inputs[0])
				}
			}
		}
		plain := newProblem(t, g, 40, 37, Options{})
		whole := newProblem(t, g, 40, 37, Options{Keep: layers})
		part := newProblem(t, g, 40, 37, Options{KeepGrads: layers, KeepValues: inputs})
		_, want := plain.run(plain.p.NewWorkspace(), Train)
		wholly, partly := whole.p.NewWorkspace(), part.p.NewWorkspace()
		whole.run(wholly, Train)
		if _, got := part.run(partly, Train); !slices.Equal(got, want) {
			t.Errorf("%s: another gradient", name)
		}
		for _, id := range layers {
			if !slices.Equal(partly.Grad(id), wholly.Grad(id)) {
				t.Errorf("%s: another gradient at %s", name, id)
			}
		}
	}
	if _, err := Compile(tinyNet(), 8, Options{KeepGrads: []NodeID{"nobody"}}); err == nil {
		t.Error("the gradient of a node that is not there is kept")
	}
}

func TestSignalsAreTheGradientsOfAWholeBackward(t *testing.T) {
	for _, name := range []string{"cnn", "vgg", "mlp", "resnet18", "resnet20"} {
		g, err := Build(ModelConfig{Name: name, Input: Shape{3, 16, 16}, Classes: 5, Width: 3, Widths: []int{3, 4, 5}})
		if err != nil {
			t.Fatal(err)
		}
		layers := 0
		for i := range g.Nodes {
			n := &g.Nodes[i]
			if n.Op != OpConv && n.Op != OpLinear {
				continue
			}
			layers++
			if layers%3 != 2 { // some, so that paths end at different depths
				continue
			}
			full := newProblem(t, g, 40, 37, Options{Keep: []NodeID{n.ID, n.Inputs[0]}})
			signals := newProblem(t, g, 40, 37, Options{Keep: []NodeID{n.ID}, KeepValues: []NodeID{n.Inputs[0]}, Signals: true})
			grad := make([]float32, g.NumParams())
			var want [2][]float32
			for _, q := range []*problem{full, signals} {
				w := q.p.NewWorkspace()
				w.Forward(q.p.Pack(nil, q.m.Params), q.m.Buffers, q.b, Train)
				w.Loss()
				if q == full {
					w.Backward(grad)
				} else {
					w.Backward(nil)
				}
				got := [2][]float32{w.Grad(n.ID), w.Value(n.Inputs[0])}
				if q == full {
					want = [2][]float32{slices.Clone(got[0]), slices.Clone(got[1])}
				} else if !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
					t.Errorf("%s: other gradient at %s or value of %s", name, n.ID, n.Inputs[0])
				}
			}
		}
	}
}
