package nn

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// perceptron is a chain of fully connected layers.
func perceptron(act Op) *Graph {
	return &Graph{Input: Shape{6, 1, 1}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "f1", Op: OpLinear, Inputs: []NodeID{"x"}, Out: 9, Bias: true},
		{ID: "a1", Op: act, Inputs: []NodeID{"f1"}}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"a1"}, Out: 7, Bias: true},
		{ID: "a2", Op: act, Inputs: []NodeID{"f2"}}, {ID: "f3", Op: OpLinear, Inputs: []NodeID{"a2"}, Out: 5, Bias: true},
	}}
}

// convolutions is a chain of two convolutions, one with a stride, and a layer that reads all positions.
func convolutions(act Op) *Graph {
	return &Graph{Input: Shape{2, 6, 6}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 4, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{ID: "a1", Op: act, Inputs: []NodeID{"c1"}},
		{ID: "c2", Op: OpConv, Inputs: []NodeID{"a1"}, Out: 5, Kernel: 3, Stride: 2, Pad: 1, Bias: true},
		{ID: "a2", Op: act, Inputs: []NodeID{"c2"}}, {ID: "f", Op: OpLinear, Inputs: []NodeID{"a2"}, Out: 4, Bias: true},
	}}
}

// taught returns a problem of a graph with that rule, its error synapses as drawn.
func taught(t *testing.T, g *Graph, l LRA) *problem {
	t.Helper()
	g.LRA = &l
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	return newProblem(t, g, 40, 37, Options{})
}

// plainRule is the rule of the paper in plain loops over one sample at a time, for chains of layers and activations.
type plainRule struct {
	*reference
	l     LRA
	grads map[string][]float64
}

func phi(op Op, x float64) float64 {
	if op == OpTanh {
		return math.Tanh(x)
	}
	return math.Max(x, 0)
}

// each calls f for every product of the layer: output o, input i, place of the weight w.
func (r *plainRule) each(n *Node, f func(o, i, w int)) {
	in, out := r.shapes[n.Inputs[0]], r.shapes[n.ID]
	k, stride, pad := n.Kernel, n.Stride, n.Pad
	if n.Op == OpLinear {
		for o := range out.C {
			for i := range in.Len() {
				f(o, i, o*in.Len()+i)
			}
		}
		return
	}
	for o := range out.C {
		for y := range out.H {
			for x := range out.W {
				for c := range in.C {
					for ky := range k {
						for kx := range k {
							if v, u := y*stride+ky-pad, x*stride+kx-pad; v >= 0 && u >= 0 && v < in.H && u < in.W {
								f((o*out.H+y)*out.W+x, (c*in.H+v)*in.W+u, ((o*in.C+c)*k+ky)*k+kx)
							}
						}
					}
				}
			}
		}
	}
}

// run returns what stands in place of gradients, by name.
func (r *plainRule) run(q *problem) map[string][]float64 {
	r.loss(q.x, q.labels, q.targets)
	r.grads = map[string][]float64{}
	for _, e := range r.g.ParamEntries() {
		r.grads[e.Name] = make([]float64, e.Len())
	}
	for s := range q.x {
		logits := r.values[r.g.Output().ID][s]
		e, z := make([]float64, len(logits)), 0.0 // softmax minus target
		for _, v := range logits {
			z += math.Exp(v)
		}
		for i, v := range logits {
			e[i] = math.Exp(v) / z
		}
		e[q.labels[s]]--
		for at := len(r.g.Nodes) - 1; at > 0; at -= 2 {
			e = r.layer(&r.g.Nodes[at], s, e)
			if at > 1 { // d of what the activation gives
				act := &r.g.Nodes[at-1]
				h, value := r.values[act.Inputs[0]][s], r.values[act.ID][s]
				for i, d := range e {
					e[i] = value[i] - phi(act.Op, h[i]-r.l.Beta*d)
				}
			}
		}
	}
	return r.grads
}

// layer adds the updates of layer n for sample s, whose error is e, and returns d of what it reads.
func (r *plainRule) layer(n *Node, s int, e []float64) []float64 {
	z, out := r.values[n.Inputs[0]][s], r.shapes[n.ID]
	r.each(n, func(o, i, w int) { r.grads[n.tensor(RoleWeight)][w] += e[o] * z[i] })
	for o, v := range e {
		r.grads[n.tensor(RoleBias)][o/(out.H*out.W)] += v
	}
	synapses := r.param(n.ID, RoleFeedback)
	if synapses == nil {
		return nil
	}
	d := make([]float64, len(z))
	r.each(n, func(o, i, w int) { d[i] += synapses[w] * e[o] })
	learned := r.grads[n.tensor(RoleFeedback)]
	r.each(n, func(o, i, w int) {
		if by := e[o] * d[i]; r.l.Mirror {
			learned[w] += r.l.Gamma * e[o] * z[i]
		} else {
			learned[w] -= r.l.Gamma * by
		}
	})
	return d
}

// What the program computes is the rule, summed over samples, for every update of weights, biases and error
// synapses.
func TestLRAIsTheRule(t *testing.T) {
	for _, act := range []Op{OpTanh, OpReLU} {
		for name, g := range map[string]func(Op) *Graph{"fully connected": perceptron, "convolutions": convolutions} {
			for _, l := range []LRA{{Beta: 0.7, Gamma: 0.3, Seed: 5}, {Beta: 0.1, Seed: 5}, {Beta: 1, Gamma: 2, Mirror: true, Seed: 5}} {
				q := taught(t, g(act), l)
				_, got := q.run(q.p.NewWorkspace(), Train)
				want := (&plainRule{reference: newReference(q.m, Train), l: l}).run(q)
				fed := 0
				for _, e := range q.m.Graph.ParamEntries() {
					if e.Role == RoleFeedback {
						fed++
					}
					largest := 0.0
					for _, v := range want[e.Name] {
						largest = math.Max(largest, math.Abs(v))
					}
					for i, v := range e.Of(got) {
						if w := want[e.Name][i]; math.Abs(float64(v)-w) > 2e-5*largest+1e-5 {
							t.Fatalf("%s, %s, %+v: %s[%d] is %v, the rule says %v", name, act, l, e.Name, i, v, w)
						}
					}
				}
				if fed != 2 {
					t.Errorf("%s has error synapses at %d layers", name, fed)
				}
			}
		}
	}
}

// With the transposed weights for error synapses and a small beta, errors are beta times the gradient for every layer
// that they pass: the updates have the direction of backpropagation's. In residual networks too, where the error of a sum
// goes to all that is added up, and through normalisations and pools. The angle falls with beta.
func TestLRATurnsIntoBackpropagation(t *testing.T) {
	residual := &Graph{Input: Shape{2, 8, 8}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 4, Kernel: 3, Stride: 1, Pad: 1},
		{ID: "n1", Op: OpBatchNorm, Inputs: []NodeID{"c1"}, Eps: 1e-5, Momentum: 0.1}, {ID: "a1", Op: OpTanh, Inputs: []NodeID{"n1"}},
		{ID: "c2", Op: OpConv, Inputs: []NodeID{"a1"}, Out: 4, Kernel: 3, Stride: 1, Pad: 1},
		{ID: "n2", Op: OpBatchNorm, Inputs: []NodeID{"c2"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "sum", Op: OpAdd, Inputs: []NodeID{"n2", "a1"}}, {ID: "a2", Op: OpTanh, Inputs: []NodeID{"sum"}},
		{ID: "p", Op: OpMaxPool, Inputs: []NodeID{"a2"}, Kernel: 2, Stride: 2}, {ID: "f", Op: OpLinear, Inputs: []NodeID{"p"}, Out: 4, Bias: true},
	}}
	for name, g := range map[string]*Graph{"fully connected": perceptron(OpTanh), "convolutions": convolutions(OpTanh), "residual": residual} {
		plain := newProblem(t, g, 40, 37, Options{})
		_, want := plain.run(plain.p.NewWorkspace(), Train)
		was := map[string]float64{}
		for _, beta := range []float64{0.5, 0.05} {
			q := taught(t, g.Clone(), LRA{Beta: beta})
			copy(q.m.Params, plain.m.Params)
			tensors := ByName(q.m.Graph.ParamEntries())
			for _, e := range tensors {
				if e.Role == RoleFeedback {
					copy(e.Of(q.m.Params), tensors[string(e.Node)+"."+RoleWeight].Of(q.m.Params))
				}
			}
			_, got := q.run(q.p.NewWorkspace(), Train)
			for _, e := range plain.m.Graph.ParamEntries() {
				angle := angleOf(e.Of(got), e.Of(want))
				if now := fmt.Sprintf("%s: %s turns by %.3g degrees at beta %v", name, e.Name, angle, beta); beta < 0.1 && angle > 1 {
					t.Error(now)
				} else if before, ok := was[e.Name]; ok && angle > before+0.05 {
					t.Errorf("%s, by %.3g at a larger one", now, before)
				}
				was[e.Name] = angle
			}
		}
	}
}

// angleOf returns the angle between two vectors in degrees.
func angleOf(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		ab, aa, bb = ab+x*y, aa+x*x, bb+y*y
	}
	return math.Acos(math.Min(1, ab/math.Sqrt(aa*bb))) * 180 / math.Pi
}

// A layer that the rule cannot train is named.
func TestLRARefuses(t *testing.T) {
	odd := perceptron(OpReLU)
	odd.Nodes[4] = Node{ID: "a2", Op: OpLayerNorm, Inputs: []NodeID{"f2"}, Eps: 1e-5}
	if _, err := Init(odd, 1).WithLRA(LRA{Beta: 1}); err == nil || !strings.Contains(err.Error(), `node "a2" (layernorm): recursive LRA has no rule`) {
		t.Errorf("layer normalisation: %v", err)
	}
	for _, bad := range []LRA{{}, {Beta: math.NaN()}, {Beta: 1, Gamma: -1}, {Beta: 1, Mirror: true}} {
		if _, err := Init(perceptron(OpReLU), 1).WithLRA(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// Error synapses stand behind all other parameters and do not change what a network computes, so that they can be
// left out.
func TestLRAAddsAndLeavesOut(t *testing.T) {
	m := Init(convolutions(OpReLU), 4)
	with, err := m.WithLRA(LRA{Beta: 1, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	if n := with.Graph.NumForward(); n != len(m.Params) || with.Graph.NumParams() != n+5*4*9+4*45 {
		t.Errorf("%d parameters, %d of a forward pass, were %d", with.Graph.NumParams(), n, len(m.Params))
	}
	read, err := ParseGraph(with.Graph.JSON())
	if err != nil || *read.LRA != *with.Graph.LRA {
		t.Errorf("%+v is read as %+v, %v", with.Graph.LRA, read.LRA, err)
	}
	if back := with.WithoutLRA(); back.Digest() != m.Digest() {
		t.Error("a network without its error synapses is not what it was")
	}
	tensors := ByName(with.Graph.ParamEntries())
	weight, synapses := tensors["c2.weight"].Of(with.Params), tensors["c2.feedback"].Of(with.Params)
	if a := angleOf(weight, synapses); a < 60 || a > 120 {
		t.Errorf("error synapses are drawn like the weights: %v degrees", a)
	}
}
