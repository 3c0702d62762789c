// Package growthtest has what tests of the growth packages share: small networks,
// random models and batches, and matrices. Nothing else imports it.
package growthtest

import (
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Chain builds a graph from an input shape and nodes given in order; each
// node reads the one before it.
func Chain(t *testing.T, in nn.Shape, loss nn.Loss, nodes ...nn.Node) *nn.Graph {
	t.Helper()
	g := &nn.Graph{Input: in, Loss: loss, Nodes: []nn.Node{{ID: "x", Op: nn.OpInput}}}
	for _, n := range nodes {
		if n.Inputs == nil {
			n.Inputs = []nn.NodeID{g.Nodes[len(g.Nodes)-1].ID}
		}
		g.Nodes = append(g.Nodes, n)
	}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	return g
}

// Conv is a convolution of k x k kernels to out channels.
func Conv(id nn.NodeID, out, k, stride, pad int, bias bool) nn.Node {
	return nn.Node{ID: id, Op: nn.OpConv, Out: out, Kernel: k, Stride: stride, Pad: pad, Bias: bias}
}

// Linear is a fully connected layer of out outputs.
func Linear(id nn.NodeID, out int, bias bool) nn.Node {
	return nn.Node{ID: id, Op: nn.OpLinear, Out: out, Bias: bias}
}

// Op is a node of an operation without settings.
func Op(id nn.NodeID, o nn.Op) nn.Node { return nn.Node{ID: id, Op: o} }

// Pooling is a node of a pooling operation over windows of k x k.
func Pooling(id nn.NodeID, o nn.Op, k, stride, pad int) nn.Node {
	return nn.Node{ID: id, Op: o, Kernel: k, Stride: stride, Pad: pad}
}

// Norm is a batch normalisation with the usual settings.
func Norm(id nn.NodeID) nn.Node {
	return nn.Node{ID: id, Op: nn.OpBatchNorm, Eps: 1e-5, Momentum: 0.1}
}

// RandomModel has random values everywhere, biases and norms too.
func RandomModel(g *nn.Graph, seed uint64) *nn.Model {
	m := nn.Init(g, seed)
	s := rng.New(seed, 77)
	for _, e := range g.ParamEntries() {
		if e.Role == nn.RoleBias || len(e.Shape) == 1 { // there is one value for each channel
			for i := range e.Len() {
				m.Params[e.Offset+i] += float32(0.3 * float32(s.Normal(uint64(e.Offset+i))))
			}
		}
	}
	return m
}

// Shards says how many micro-shards of a size there are, and how many samples the
// last one holds.
type Shards struct{ Count, Size, Last int }

// Batches returns micro-shards with random inputs, labels and targets.
func Batches(g *nn.Graph, seed uint64, of Shards) []*nn.Batch {
	shapes, _ := g.Shapes()
	classes := shapes[g.Output().ID].C
	s := rng.New(seed)
	out := make([]*nn.Batch, of.Count)
	at := uint64(0)
	for i := range out {
		b := nn.NewBatch(of.Size, g.Input, classes)
		b.N = of.Size
		if i == of.Count-1 {
			b.N = of.Last
		}
		for j := range b.N {
			block, lane := j/tensor.Lanes, j%tensor.Lanes
			for k := range g.Input.Len() {
				b.X[(block*g.Input.Len()+k)*tensor.Lanes+lane] = float32(s.Normal(at))
				at++
			}
			b.Labels[j] = int32(s.Uintn(at, uint64(classes)))
			at++
			for k := range classes {
				b.Targets[(block*classes+k)*tensor.Lanes+lane] = float32(s.Normal(at))
				at++
			}
		}
		out[i] = b
	}
	return out
}
