package nn

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// OpMultiply is the product of two nodes, value by value. The second has the shape of the
// first, or one value a channel, (C, 1, 1), for all positions: the gate of squeeze and
// excitation.
var OpMultiply = register("multiply", multiplyOp{})

type multiplyOp struct{ plain }

func (multiplyOp) role() Role                { return Gates }
func (multiplyOp) inputs() (least, most int) { return 2, 2 }

func (multiplyOp) combined(n *Node, in []Shape) (Shape, error) {
	if x, g := in[0], in[1]; g != x && g != (Shape{x.C, 1, 1}) {
		return Shape{}, fmt.Errorf("multiplies %v of %q by %v of %q: the second must be %v or %v",
			x, n.Inputs[0], g, n.Inputs[1], x, Shape{x.C, 1, 1})
	}
	return in[0], nil
}

func (multiplyOp) unit(_ *compiler, n *Node) unit { return &multiplyUnit{n} }

func (multiplyOp) probe() *Graph {
	return &Graph{Input: Shape{3, 5, 4}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 17, Kernel: 1, Stride: 1},
		{ID: "avg", Op: OpGlobalAvgPool, Inputs: []NodeID{"c1"}},
		{ID: "f1", Op: OpConv, Inputs: []NodeID{"avg"}, Out: 17, Kernel: 1, Stride: 1, Bias: true},
		{ID: "s1", Op: OpSigmoid, Inputs: []NodeID{"f1"}}, {ID: "m1", Op: OpMultiply, Inputs: []NodeID{"c1", "s1"}},
		{ID: "m2", Op: OpMultiply, Inputs: []NodeID{"m1", "c1"}}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"m2"}, Out: 5, Bias: true},
	}}
}

// multiplyUnit is a product of nodes.
type multiplyUnit struct{ n *Node }

func (u *multiplyUnit) end() *Node { return u.n }

// positions returns over how many positions the second input is the same.
func (u *multiplyUnit) positions(c *compiler) int {
	x, g := c.shapes[u.n.Inputs[0]], c.shapes[u.n.Inputs[1]]
	if g == x {
		return 1
	}
	return x.H * x.W
}

func (u *multiplyUnit) forward(c *compiler) {
	x, g := c.in(u.n, 0), c.in(u.n, 1)
	y := c.output(u.n)
	c.tape.add(&multiplyStep{y, x, g, u.positions(c)}, y, []buf{x, g}, x)
}

func (u *multiplyUnit) backward(c *compiler) {
	dy, x, g := c.gradient(u.n), c.in(u.n, 0), c.in(u.n, 1)
	if to := u.n.Inputs[1]; c.wants[to] {
		dg := c.tape.buffer(c.shapes[to])
		c.tape.add(&multiplyBackStep{dg, dy, x, u.positions(c)}, dg, []buf{dy, x})
		c.send(to, dg)
	}
	if to := u.n.Inputs[0]; c.wants[to] {
		dx := c.tape.buffer(c.shapes[to])
		c.tape.add(&multiplyStep{dx, dy, g, u.positions(c)}, dx, []buf{dy, g}, dy)
		c.send(to, dx)
	}
}

type multiplyStep struct {
	y, x, g   buf
	positions int
}

func (s *multiplyStep) run(w *Workspace) {
	if s.positions == 1 {
		kernel.Multiply(w.at(s.y), w.at(s.x), w.at(s.g))
		return
	}
	kernel.MultiplyChannels(w.at(s.y), w.at(s.x), w.at(s.g), s.positions, w.blocks)
}

func (s *multiplyStep) describe() (string, int64) { return "multiply", 0 }

type multiplyBackStep struct {
	dg, dy, x buf
	positions int
}

func (s *multiplyBackStep) run(w *Workspace) {
	if s.positions == 1 {
		kernel.Multiply(w.at(s.dg), w.at(s.dy), w.at(s.x))
		return
	}
	kernel.MultiplyChannelsBackward(w.at(s.dg), w.at(s.dy), w.at(s.x), s.positions, w.blocks)
}

func (s *multiplyBackStep) describe() (string, int64) { return "multiply", 0 }
