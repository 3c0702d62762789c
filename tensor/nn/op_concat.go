package nn

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor"
)

// OpConcat is the channels of two nodes or more, one behind the other, PyTorch's cat of
// dimension 1. All have the same positions.
var OpConcat = register("concat", concatOp{})

type concatOp struct{ plain }

func (concatOp) role() Role                { return Couples }
func (concatOp) inputs() (least, most int) { return 2, maxNodes }

func (concatOp) combined(n *Node, in []Shape) (Shape, error) {
	out := in[0]
	for i, s := range in[1:] {
		if s.H != out.H || s.W != out.W {
			return Shape{}, fmt.Errorf("puts %v of %q behind %v of %q: positions must be the same", s, n.Inputs[i+1], in[0], n.Inputs[0])
		}
		out.C += s.C
	}
	return out, nil
}

func (concatOp) unit(_ *compiler, n *Node) unit { return &concatUnit{n} }

func (concatOp) probe() *Graph {
	return &Graph{Input: Shape{3, 4, 3}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 7, Kernel: 1, Stride: 1},
		{ID: "y1", Op: OpConcat, Inputs: []NodeID{"c1", "x", "c1"}}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"y1"}, Out: 5, Bias: true},
	}}
}

// concatUnit is channels side by side.
type concatUnit struct{ n *Node }

func (u *concatUnit) end() *Node { return u.n }

// parts returns where the channels of each input lie.
func (u *concatUnit) parts(c *compiler) []slab {
	var all []slab
	at, whole := 0, c.shapes[u.n.ID].C
	for _, in := range u.n.Inputs {
		own := c.shapes[in].C
		all = append(all, slab{at, own, whole})
		at += own
	}
	return all
}

func (u *concatUnit) forward(c *compiler) {
	y := c.output(u.n)
	s := &concatStep{y: y, parts: u.parts(c)}
	for i := range u.n.Inputs {
		s.x = append(s.x, c.in(u.n, i))
	}
	c.tape.add(s, y, s.x)
}

func (u *concatUnit) backward(c *compiler) {
	dy := c.gradient(u.n)
	for i, in := range u.n.Inputs {
		if c.wants[in] {
			dx := c.tape.buffer(c.shapes[in])
			c.tape.add(&concatBackStep{dx, dy, u.parts(c)[i]}, dx, []buf{dy})
			c.send(in, dx)
		}
	}
}

// slab is some channels of a whole: the first, and how many.
type slab struct{ first, own, whole int }

// take copies them out of the rows of x.
func (s slab) take(dst, x []float32) {
	own, whole := s.own*tensor.Lanes, s.whole*tensor.Lanes
	for at := 0; at*whole < len(x) && own > 0; at++ {
		copy(dst[at*own:][:own], x[at*whole+s.first*tensor.Lanes:])
	}
}

// put copies them into the rows of x.
func (s slab) put(x, src []float32) {
	own, whole := s.own*tensor.Lanes, s.whole*tensor.Lanes
	for at := 0; at*whole < len(x) && own > 0; at++ {
		copy(x[at*whole+s.first*tensor.Lanes:], src[at*own:][:own])
	}
}

type concatStep struct {
	y     buf
	x     []buf
	parts []slab
}

func (s *concatStep) run(w *Workspace) {
	for i, x := range s.x {
		s.parts[i].put(w.at(s.y), w.at(x))
	}
}

func (s *concatStep) describe() (string, int64) { return "concat", 0 }

type concatBackStep struct {
	dx, dy buf
	part   slab
}

func (s *concatBackStep) run(w *Workspace)          { s.part.take(w.at(s.dx), w.at(s.dy)) }
func (s *concatBackStep) describe() (string, int64) { return "concat", 0 }
