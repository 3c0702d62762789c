package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// windowed is what pooling operations with a window of their own share.
type windowed struct{ plain }

func (windowed) role() Role   { return Pools }
func (windowed) uses() fields { return fields{window: true} }

func (windowed) faults(n *Node, say func(format string, args ...any)) {
	if n.Kernel >= 1 && n.Pad > n.Kernel/2 {
		say("pad %d: must be at most half of the kernel %d", n.Pad, n.Kernel)
	}
}

func (windowed) output(n *Node, in Shape) (Shape, error) {
	if n.Kernel < 1 || n.Stride < 1 {
		return Shape{}, errNoWindow
	}
	return n.kernelWindow().slide(in, in.C)
}

// pooler is a pair of pooling kernels.
type pooler interface {
	forward(w *Workspace, y, x []float32, win kernel.Window)
	backward(w *Workspace, dx, dy, x, y []float32, win kernel.Window)
	looksBack() bool                  // whether backward reads x and y
	scratchLen(win kernel.Window) int // floats that backward needs
}

// pooling returns the unit of a pooling node that stands by itself.
func (c *compiler) pooling(n *Node, p pooler) unit {
	in := c.shapes[n.Inputs[0]]
	w, _ := n.Window(in)
	return &poolUnit{n, p, w.pooling(in)}
}

type poolUnit struct {
	n *Node
	pooler
	win kernel.Window
}

func (u *poolUnit) end() *Node { return u.n }

func (u *poolUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&poolStep{u, y, x}, y, []buf{x})
}

func (u *poolUnit) backward(c *compiler) {
	dy, in := c.gradient(u.n), u.n.Inputs[0]
	if !c.wants[in] {
		return
	}
	dx := c.tape.buffer(c.shapes[in])
	s := &poolBackStep{u, dx, dy, c.value[in], c.value[u.n.ID]}
	reads := []buf{dy}
	if u.looksBack() {
		reads = append(reads, s.x, s.y)
	}
	c.scratch = max(c.scratch, u.scratchLen(u.win))
	c.tape.add(s, dx, reads)
	c.send(in, dx)
}

type poolStep struct {
	*poolUnit
	y, x buf
}

func (s *poolStep) run(w *Workspace)          { s.pooler.forward(w, w.at(s.y), w.at(s.x), s.win) }
func (s *poolStep) describe() (string, int64) { return "pool forward", 0 }

type poolBackStep struct {
	*poolUnit
	dx, dy, x, y buf
}

func (s *poolBackStep) run(w *Workspace) {
	var x, y []float32
	if s.looksBack() {
		x, y = w.at(s.x), w.at(s.y)
	}
	s.pooler.backward(w, w.at(s.dx), w.at(s.dy), x, y, s.win)
}

func (s *poolBackStep) describe() (string, int64) { return "pool backward", 0 }
