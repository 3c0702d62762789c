package nn

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// OpAttention is scaled dot-product attention of Node.Heads heads, PyTorch's
// scaled_dot_product_attention. Its inputs are queries, keys and values; their tokens are
// positions, so that the projections before and behind it are 1x1 convolutions. Head h has
// channels h*C/Heads to (h+1)*C/Heads. Queries and keys have equal shapes, values may have
// other channels, which are those of the output.
var OpAttention = register("attention", attentionOp{})

type attentionOp struct{ plain }

func (attentionOp) role() Role                { return Attends }
func (attentionOp) inputs() (least, most int) { return 3, 3 }
func (attentionOp) uses() fields              { return fields{heads: true} }

func (attentionOp) faults(n *Node, say func(format string, args ...any)) {
	if n.Heads < 1 || n.Heads > maxWidth {
		say("heads %d: must be 1 to %d", n.Heads, maxWidth)
	}
	if !(n.Scale >= 0 && n.Scale <= math.MaxFloat32) {
		say("scale %v: must be above 0, or 0 for 1/sqrt(channels of a head)", n.Scale)
	}
}

func (attentionOp) combined(n *Node, in []Shape) (Shape, error) {
	q, k, v := in[0], in[1], in[2]
	switch {
	case k != q:
		return Shape{}, fmt.Errorf("has queries of %v and keys of %v: they must be equal", q, k)
	case v.H != q.H || v.W != q.W:
		return Shape{}, fmt.Errorf("has keys of %v and values of %v: positions must be the same", k, v)
	case n.Heads < 1 || q.C%n.Heads != 0 || v.C%n.Heads != 0:
		return Shape{}, fmt.Errorf("has %d heads, which must divide %d channels of queries and %d of values", n.Heads, q.C, v.C)
	case q.H*q.W > maxTokens:
		return Shape{}, fmt.Errorf("has %d tokens, at most %d are possible", q.H*q.W, maxTokens)
	}
	return v, nil
}

// maxTokens bounds the memory of scores.
const maxTokens = 1 << 14

func (attentionOp) flops(_ *Node, in, out Shape) int64 {
	tokens := int64(in.H) * int64(in.W)
	return 2 * int64(in.C+out.C) * tokens * tokens
}

func (attentionOp) unit(c *compiler, n *Node) unit {
	q, v := c.shapes[n.Inputs[0]], c.shapes[n.Inputs[2]]
	a := kernel.Attention{Heads: n.Heads, Keys: q.C / n.Heads, Values: v.C / n.Heads, Tokens: q.H * q.W, Scale: float32(n.Scale)}
	if n.Scale == 0 {
		a.Scale = float32(1 / math.Sqrt(float64(max(a.Keys, 1))))
	}
	c.scratch = max(c.scratch, a.ScratchLen())
	return &attentionUnit{n, a}
}

func (attentionOp) probe() *Graph {
	conv := func(id, in NodeID, out int) Node {
		return Node{ID: id, Op: OpConv, Inputs: []NodeID{in}, Out: out, Kernel: 1, Stride: 1, Bias: true}
	}
	return &Graph{Input: Shape{3, 5, 3}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, conv("c1", "x", 7), conv("q", "c1", 10), conv("k", "c1", 10), conv("v", "c1", 14),
		{ID: "a1", Op: OpAttention, Inputs: []NodeID{"q", "k", "v"}, Heads: 2},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"a1"}, Out: 5, Bias: true},
	}}
}

// attentionUnit is an attention.
type attentionUnit struct {
	n *Node
	kernel.Attention
}

func (u *attentionUnit) end() *Node { return u.n }

func (u *attentionUnit) forward(c *compiler) {
	q, k, v := c.in(u.n, 0), c.in(u.n, 1), c.in(u.n, 2)
	y := c.output(u.n)
	c.tape.add(&attentionStep{u, y, q, k, v}, y, []buf{q, k, v})
}

func (u *attentionUnit) backward(c *compiler) {
	dy, q, k, v := c.gradient(u.n), c.in(u.n, 0), c.in(u.n, 1), c.in(u.n, 2)
	if dy == noBuf {
		return
	}
	var d [3]buf
	for i, in := range u.n.Inputs {
		d[i] = c.tape.buffer(c.shapes[in])
	}
	c.tape.add(&attentionBackStep{u, d, dy, q, k, v}, d[0], []buf{dy, q, k, v})
	c.tape.also(d[1])
	c.tape.also(d[2])
	for i, in := range u.n.Inputs {
		if c.wants[in] {
			c.send(in, d[i])
		}
	}
}

type attentionStep struct {
	*attentionUnit
	y, q, k, v buf
}

func (s *attentionStep) run(w *Workspace) {
	s.Forward(w.at(s.y), w.at(s.q), w.at(s.k), w.at(s.v), w.blocks, w.scratch)
}

func (s *attentionStep) describe() (string, int64) { return "attention forward", s.FLOPs() }

type attentionBackStep struct {
	*attentionUnit
	d           [3]buf // at q, k and v
	dy, q, k, v buf
}

func (s *attentionBackStep) run(w *Workspace) {
	s.Backward(w.at(s.d[0]), w.at(s.d[1]), w.at(s.d[2]), w.at(s.dy), w.at(s.q), w.at(s.k), w.at(s.v), w.blocks, w.scratch)
}

func (s *attentionBackStep) describe() (string, int64) { return "attention backward", 2 * s.FLOPs() }
