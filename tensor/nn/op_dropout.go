package nn

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// OpDropout is PyTorch's dropout: in Train mode it sets the part Node.Rate of the values,
// drawn one by one, to zero and divides the others by 1 - Rate; else it hands them on. What
// is dropped follows from Batch.Drop and the node's id alone.
var OpDropout = register("dropout", dropoutOp{})

type dropoutOp struct{ plain }

func (dropoutOp) role() Role   { return Passes }
func (dropoutOp) uses() fields { return fields{rate: true} }

func (dropoutOp) faults(n *Node, say func(format string, args ...any)) {
	if !(n.Rate >= 0 && n.Rate < 1) {
		say("rate %v: must be at least 0 and below 1", n.Rate)
	}
}

func (dropoutOp) unit(c *compiler, n *Node) unit {
	if c.inference || n.Rate == 0 {
		return &sameUnit{n}
	}
	return &dropoutUnit{n: n}
}

func (dropoutOp) probe() *Graph {
	return &Graph{Input: Shape{3, 4, 3}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 7, Kernel: 1, Stride: 1},
		{ID: "d1", Op: OpDropout, Inputs: []NodeID{"c1"}, Rate: 0.3}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"d1"}, Out: 5, Bias: true},
	}}
}

// dropoutUnit is a dropout with a place for what each value is multiplied by.
type dropoutUnit struct {
	n    *Node
	mask buf
}

func (u *dropoutUnit) end() *Node { return u.n }

func (u *dropoutUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	u.mask = c.tape.buffer(c.shapes[u.n.ID])
	c.tape.add(&maskStep{u.mask, rng.Key(string(u.n.ID)), u.n.Rate}, u.mask, nil)
	y := c.output(u.n)
	c.tape.add(&dropStep{y, x, u.mask}, y, []buf{x, u.mask}, x)
}

func (u *dropoutUnit) backward(c *compiler) {
	dy, in := c.gradient(u.n), u.n.Inputs[0]
	if !c.wants[in] {
		return
	}
	dx := c.tape.buffer(c.shapes[in])
	c.tape.add(&dropStep{dx, dy, u.mask}, dx, []buf{dy, u.mask}, dy)
	c.send(in, dx)
}

// drops reports whether dropout drops anything now.
func (w *Workspace) drops() bool { return w.mode == Train && w.batch.Drop.On }

// maskStep draws 0 or 1/(1 - rate) for every value of a micro-shard. A number of the
// stream is enough for four: 16 bits each.
type maskStep struct {
	mask buf
	node uint64
	rate float64
}

func (s *maskStep) run(w *Workspace) {
	if !w.drops() {
		return
	}
	d := w.batch.Drop
	stream := rng.New(rng.Key("dropout"), d.Seed, d.Step, d.Shard, s.node)
	least, kept := uint64(math.Round(s.rate*(1<<16))), float32(1/(1-s.rate))
	mask := w.at(s.mask)
	for i := range len(mask) / 16 {
		to := mask[16*i:][:16]
		for j, word := range stream.Block(uint64(i)) {
			for part := range 4 {
				to[4*j+part] = 0
				if word>>(16*part)&0xffff >= least {
					to[4*j+part] = kept
				}
			}
		}
	}
}

func (s *maskStep) describe() (string, int64) { return "dropout", 0 }

type dropStep struct{ y, x, mask buf }

func (s *dropStep) run(w *Workspace) {
	if y, x := w.at(s.y), w.at(s.x); w.drops() {
		kernel.Multiply(y, x, w.at(s.mask))
	} else {
		copy(y, x)
	}
}

func (s *dropStep) describe() (string, int64) { return "dropout", 0 }
