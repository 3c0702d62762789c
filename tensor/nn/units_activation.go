package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// activationUnit is an activation that stands by itself.
type activationUnit struct {
	n         *Node
	forwards  func(y, x []float32)
	backwards func(dx, dy, from []float32) // dx = dy times the slope at from
	from      slopeOf
	rectifies bool // two gradients can be added in the same pass, by kernel.AddReLUBackward
}

// slopeOf is what the slope of an activation is computed from.
type slopeOf int

const (
	ofInput slopeOf = iota
	ofOutput
)

func (u *activationUnit) end() *Node { return u.n }

func (u *activationUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&activationStep{u.forwards, y, x}, y, []buf{x}, x)
}

func (u *activationUnit) backward(c *compiler) {
	in := u.n.Inputs[0]
	if !c.wants[in] {
		c.gradient(u.n)
		return
	}
	if c.graph.LRA != nil {
		u.align(c, in)
		return
	}
	if u.rectifies {
		c.send(in, c.rectifiedGradient(u.n))
		return
	}
	from := c.value[u.n.ID]
	if u.from == ofInput {
		from = c.in(u.n, 0)
	}
	dy := c.gradient(u.n)
	dx := c.tape.buffer(c.shapes[in])
	c.tape.add(&activationBackStep{u.backwards, dx, dy, from}, dx, []buf{dy, from}, dy)
	c.send(in, dx)
}

// rectifiedGradient returns the gradient in front of the ReLU that gives n's
// value: two contributions are added in the same pass.
func (c *compiler) rectifiedGradient(n *Node) buf {
	y := c.value[n.ID]
	g := c.tape.buffer(c.shapes[n.ID])
	if parts := c.contributions[n.ID]; len(parts) == 2 && !c.keep[n.ID] {
		c.tape.add(&addRectifyStep{g, parts[0], parts[1], y}, g, []buf{parts[0], parts[1], y}, parts[0], parts[1])
		return g
	}
	dy := c.gradient(n)
	c.tape.add(&activationBackStep{kernel.ReLUBackward, g, dy, y}, g, []buf{dy, y}, dy)
	return g
}

type activationStep struct {
	f    func(y, x []float32)
	y, x buf
}

func (s *activationStep) run(w *Workspace)          { s.f(w.at(s.y), w.at(s.x)) }
func (s *activationStep) describe() (string, int64) { return "activation forward", 0 }

type activationBackStep struct {
	f            func(dx, dy, from []float32)
	dx, dy, from buf
}

func (s *activationBackStep) run(w *Workspace)          { s.f(w.at(s.dx), w.at(s.dy), w.at(s.from)) }
func (s *activationBackStep) describe() (string, int64) { return "activation backward", 0 }

type addRectifyStep struct{ dx, a, b, y buf }

func (s *addRectifyStep) run(w *Workspace) {
	kernel.AddReLUBackward(w.at(s.dx), w.at(s.a), w.at(s.b), w.at(s.y))
}

func (s *addRectifyStep) describe() (string, int64) { return "add", 0 }
