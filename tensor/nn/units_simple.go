package nn

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// layerUnit is a conv2d or linear node.
type layerUnit struct{ n *Node }

func (u *layerUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.plan.add(&layerStep{c.layerOf[u.n.ID], y, x}, y, []buf{x})
}

func (u *layerUnit) backward(c *compiler) {
	dy, x := c.gradient(u.n), c.in(u.n, 0)
	l := c.layerOf[u.n.ID]
	if !c.signals {
		c.plan.add(&layerWeightsStep{l, x, dy}, noBuf, []buf{x, dy})
	}
	if in := u.n.Inputs[0]; c.wants[in] {
		dx := c.plan.buffer(c.shapes[in])
		c.plan.add(&layerDataStep{l, dx, dy}, dx, []buf{dy})
		c.send(in, dx)
	}
}

type layerStep struct {
	*layer
	y, x buf
}

func (s *layerStep) run(w *Workspace) {
	s.conv.Forward(w.at(s.y), w.at(s.x), w.panel(s.layer), w.biasOf(s.layer), w.blocks, w.scratch)
}

type layerDataStep struct {
	*layer
	dx, dy buf
}

func (s *layerDataStep) run(w *Workspace) {
	s.conv.BackwardData(w.at(s.dx), w.at(s.dy), w.panel(s.layer), w.blocks, w.scratch)
}

type layerWeightsStep struct {
	*layer
	x, dy buf
}

func (s *layerWeightsStep) run(w *Workspace) {
	var db []float32
	if s.bias.Shape != nil {
		db = s.bias.Of(w.grad)
	}
	s.conv.BackwardWeights(s.weight.Of(w.grad), db, w.at(s.x), w.at(s.dy), w.blocks, w.scratch)
}

// sameUnit is a node whose output is its input.
type sameUnit struct{ n *Node }

func (u *sameUnit) forward(c *compiler) { c.value[u.n.ID] = c.in(u.n, 0) }

func (u *sameUnit) backward(c *compiler) {
	if dy := c.gradient(u.n); dy != noBuf && c.wants[u.n.Inputs[0]] {
		c.send(u.n.Inputs[0], dy)
	}
}

// addUnit is a sum of nodes; all of them get the sum's own gradient.
type addUnit struct{ n *Node }

func (u *addUnit) forward(c *compiler) {
	sum := c.in(u.n, 0)
	for i := 1; i < len(u.n.Inputs); i++ {
		part := c.in(u.n, i)
		next := c.output(u.n)
		c.plan.add(&addStep{next, sum, part}, next, []buf{sum, part}, sum, part)
		sum = next
	}
}

func (u *addUnit) backward(c *compiler) {
	dy := c.gradient(u.n)
	for _, in := range u.n.Inputs {
		if c.wants[in] {
			c.send(in, dy)
		}
	}
}

type addStep struct{ y, a, b buf }

func (s *addStep) run(w *Workspace) { kernel.Add(w.at(s.y), w.at(s.a), w.at(s.b)) }

// activationUnit is a ReLU, GELU or tanh that stands by itself.
type activationUnit struct{ n *Node }

func (u *activationUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.plan.add(&activationStep{u.n.Op, y, x}, y, []buf{x}, x)
}

func (u *activationUnit) backward(c *compiler) {
	in := u.n.Inputs[0]
	if !c.wants[in] {
		c.gradient(u.n)
		return
	}
	from := c.value[u.n.ID] // ReLU and tanh know their slope from the output
	if u.n.Op == OpGELU {
		from = c.in(u.n, 0)
	}
	if u.n.Op == OpReLU {
		c.send(in, c.rectifiedGradient(u.n))
		return
	}
	dy := c.gradient(u.n)
	dx := c.plan.buffer(c.shapes[in])
	c.plan.add(&activationBackStep{u.n.Op, dx, dy, from}, dx, []buf{dy, from}, dy)
	c.send(in, dx)
}

// rectifiedGradient returns the gradient in front of the ReLU that gives n's
// value: two contributions are added in the same pass.
func (c *compiler) rectifiedGradient(n *Node) buf {
	y := c.value[n.ID]
	g := c.plan.buffer(c.shapes[n.ID])
	if parts := c.contributions[n.ID]; len(parts) == 2 && !c.keep[n.ID] {
		c.plan.add(&addRectifyStep{g, parts[0], parts[1], y}, g, []buf{parts[0], parts[1], y}, parts[0], parts[1])
		return g
	}
	dy := c.gradient(n)
	c.plan.add(&activationBackStep{OpReLU, g, dy, y}, g, []buf{dy, y}, dy)
	return g
}

type activationStep struct {
	op   Op
	y, x buf
}

func (s *activationStep) run(w *Workspace) {
	y, x := w.at(s.y), w.at(s.x)
	switch s.op {
	case OpReLU:
		kernel.ReLU(y, x)
	case OpGELU:
		kernel.GELU(y, x)
	case OpTanh:
		kernel.Tanh(y, x)
	}
}

type activationBackStep struct {
	op           Op
	dx, dy, from buf
}

func (s *activationBackStep) run(w *Workspace) {
	dx, dy, from := w.at(s.dx), w.at(s.dy), w.at(s.from)
	switch s.op {
	case OpReLU:
		kernel.ReLUBackward(dx, dy, from)
	case OpGELU:
		kernel.GELUBackward(dx, dy, from)
	case OpTanh:
		kernel.TanhBackward(dx, dy, from)
	}
}

type addRectifyStep struct{ dx, a, b, y buf }

func (s *addRectifyStep) run(w *Workspace) {
	kernel.AddReLUBackward(w.at(s.dx), w.at(s.a), w.at(s.b), w.at(s.y))
}

// poolUnit is a pooling node that stands by itself.
type poolUnit struct{ n *Node }

func (u *poolUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.plan.add(&poolStep{u.n.Op == OpMaxPool, window(u.n, c.shapes[u.n.Inputs[0]]), y, x}, y, []buf{x})
}

func (u *poolUnit) backward(c *compiler) {
	dy, in := c.gradient(u.n), u.n.Inputs[0]
	if !c.wants[in] {
		return
	}
	dx := c.plan.buffer(c.shapes[in])
	s := &poolBackStep{u.n.Op == OpMaxPool, window(u.n, c.shapes[in]), dx, dy, c.value[in], c.value[u.n.ID]}
	reads := []buf{dy}
	if s.max {
		reads = append(reads, s.x, s.y)
		c.scratch = max(c.scratch, s.win.C*tensor.Lanes)
	}
	c.plan.add(s, dx, reads)
	c.send(in, dx)
}

type poolStep struct {
	max  bool
	win  kernel.Window
	y, x buf
}

func (s *poolStep) run(w *Workspace) {
	if s.max {
		kernel.MaxPool(w.at(s.y), w.at(s.x), s.win, w.blocks)
	} else {
		kernel.AvgPool(w.at(s.y), w.at(s.x), s.win, w.blocks)
	}
}

type poolBackStep struct {
	max          bool
	win          kernel.Window
	dx, dy, x, y buf
}

func (s *poolBackStep) run(w *Workspace) {
	if s.max {
		kernel.MaxPoolBackward(w.at(s.dx), w.at(s.dy), w.at(s.x), w.at(s.y), s.win, w.blocks, w.scratch)
	} else {
		kernel.AvgPoolBackward(w.at(s.dx), w.at(s.dy), s.win, w.blocks)
	}
}
