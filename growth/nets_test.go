package growth

import (
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// chain builds a graph from an input shape and nodes given in order; each
// node reads the one before it.
func chain(t *testing.T, in nn.Shape, loss nn.Loss, nodes ...nn.Node) *nn.Graph {
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

func conv(id nn.NodeID, out, k, stride, pad int, bias bool) nn.Node {
	return nn.Node{ID: id, Op: nn.OpConv, Out: out, Kernel: k, Stride: stride, Pad: pad, Bias: bias}
}

func linear(id nn.NodeID, out int, bias bool) nn.Node {
	return nn.Node{ID: id, Op: nn.OpLinear, Out: out, Bias: bias}
}

func op(id nn.NodeID, o nn.Op) nn.Node { return nn.Node{ID: id, Op: o} }

func pooling(id nn.NodeID, o nn.Op, k, stride, pad int) nn.Node {
	return nn.Node{ID: id, Op: o, Kernel: k, Stride: stride, Pad: pad}
}

func norm(id nn.NodeID) nn.Node {
	return nn.Node{ID: id, Op: nn.OpBatchNorm, Eps: 1e-5, Momentum: 0.1}
}

// randomModel has random values everywhere, biases and norms too.
func randomModel(g *nn.Graph, seed uint64) *nn.Model {
	m := nn.Init(g, seed)
	s := rng.New(seed, 77)
	for _, e := range g.ParamEntries() {
		if e.Role == nn.RoleBias || g.Node(e.Node).Op == nn.OpBatchNorm {
			for i := range e.Len() {
				m.Params[e.Offset+i] += 0.3 * float32(s.Normal(uint64(e.Offset+i)))
			}
		}
	}
	return m
}

// batches returns count micro-shards of n samples each (the last of last) of a
// micro-shard size, with random inputs, labels and targets.
func batches(g *nn.Graph, seed uint64, count, n, last int) []*nn.Batch {
	shapes, _ := g.Shapes()
	classes := shapes[g.Output().ID].C
	s := rng.New(seed)
	out := make([]*nn.Batch, count)
	at := uint64(0)
	for i := range out {
		b := nn.NewBatch(g.Input, n, classes)
		b.N = n
		if i == count-1 {
			b.N = last
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

// sums runs a request over batches and adds the results in order.
func sums(t *testing.T, m *nn.Model, req *Request, bs []*nn.Batch) []float64 {
	t.Helper()
	job, err := NewJob(m.Graph, req, len(bs[0].Labels))
	if err != nil {
		t.Fatal(err)
	}
	r := job.NewRunner()
	total, one := make([]float64, job.Len()), make([]float64, job.Len())
	for _, b := range bs {
		r.Run(one, m.Params, m.Buffers, b)
		for i, v := range one {
			total[i] += v
		}
	}
	return total
}

// read runs a request over batches and returns what the sums mean.
func read(t *testing.T, m *nn.Model, req *Request, bs []*nn.Batch) *Sums {
	t.Helper()
	s, err := req.Read(m.Graph, sums(t, m, req, bs))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
