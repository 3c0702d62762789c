package nn

import (
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// OpPositional adds a learned value to each channel of each position, the positional
// embedding of a transformer whose tokens are positions. Its weight is (H*W, C), PyTorch's
// (1, tokens, C), and starts normal with deviation 0.02.
var OpPositional = register("positional", positionalOp{})

type positionalOp struct{ plain }

func (positionalOp) role() Role { return Passes }

func (positionalOp) params(_ *Node, in Shape) []tensorShape {
	return []tensorShape{{RoleWeight, []int{in.H * in.W, in.C}}}
}

func (positionalOp) fresh(_ *Graph, _ *Node, _ map[NodeID]Shape, e Entry) filler {
	return func(values []float32, seed uint64) {
		s := rng.New(seed, rng.Key(e.Name))
		for i := range values {
			values[i] = float32(0.02 * s.Normal(uint64(i)))
		}
	}
}

func (positionalOp) unit(c *compiler, n *Node) unit {
	e := c.params[n.tensor(RoleWeight)]
	return &positionalUnit{n, e, c.vectorOf(e)}
}

func (positionalOp) probe() *Graph {
	return &Graph{Input: Shape{3, 4, 3}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 7, Kernel: 1, Stride: 1},
		{ID: "p1", Op: OpPositional, Inputs: []NodeID{"c1"}}, {ID: "r1", Op: OpReLU, Inputs: []NodeID{"p1"}},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"r1"}, Out: 5, Bias: true},
	}}
}

// positionalUnit is a positional embedding.
type positionalUnit struct {
	n      *Node
	weight Entry
	vector int // offset in a Packed's vector
}

func (u *positionalUnit) end() *Node { return u.n }

func (u *positionalUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&positionalStep{u, y, x}, y, []buf{x}, x)
}

func (u *positionalUnit) backward(c *compiler) {
	dy := c.gradient(u.n)
	if !c.signals {
		c.scratch = max(c.scratch, kernel.ShiftScratchLen(u.weight.Len()))
		c.tape.add(&positionalBackStep{u, dy}, noBuf, []buf{dy})
	}
	if in := u.n.Inputs[0]; c.wants[in] && dy != noBuf {
		c.send(in, dy)
	}
}

type positionalStep struct {
	*positionalUnit
	y, x buf
}

func (s *positionalStep) run(w *Workspace) {
	kernel.Shift(w.at(s.y), w.at(s.x), w.packed.vector[s.vector:][:s.weight.Len()])
}

func (s *positionalStep) describe() (string, int64) { return "positional forward", 0 }

type positionalBackStep struct {
	*positionalUnit
	dy buf
}

func (s *positionalBackStep) run(w *Workspace) {
	kernel.ShiftBackward(s.weight.Of(w.grad), w.at(s.dy), w.scratch)
}

func (s *positionalBackStep) describe() (string, int64) { return "positional backward", 0 }
