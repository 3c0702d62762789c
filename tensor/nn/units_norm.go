package nn

import (
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// normUnit is a batchnorm node with what follows it: [add] [relu] or
// [relu [maxpool]].
type normUnit struct {
	norm, last *Node
	state      *norm
	add        *Node // the addition of another node, or nil
	pool       *Node // a maximum over tiles, or nil
	relu       bool
}

func (u *normUnit) end() *Node { return u.last }

// norm is a batchnorm node with its parameters and buffers.
type norm struct {
	channels          int
	pixels            int
	eps               float64
	weight, bias      Entry
	mean, variance    Entry
	gammaVec, betaVec int // offsets in a Packed's vector
	state             int // offset of its per-channel state in a workspace
	moments           int // offset in the moments
}

// normalisation lays out the parameters, buffers and moments of a batchnorm node.
func (c *compiler) normalisation(n *Node) *norm {
	s := c.shapes[n.ID]
	b := &norm{channels: s.C, pixels: s.H * s.W, eps: n.Eps, weight: c.params[n.tensor(RoleWeight)], bias: c.params[n.tensor(RoleBias)],
		mean: c.buffers[n.tensor(RoleRunningMean)], variance: c.buffers[n.tensor(RoleRunningVar)],
		state: c.normState(), moments: c.moments}
	b.gammaVec, b.betaVec = c.vectorOf(b.weight), c.vectorOf(b.bias)
	c.moments += momentsLen(s.C)
	c.sums = max(c.sums, s.C)
	c.norms = append(c.norms, b)
	return b
}

// normState returns the number of channels of all norms so far.
func (c *compiler) normState() int {
	n := 0
	for _, b := range c.norms {
		n += b.channels
	}
	return n
}

// poolWindow returns the window of the maximum that runs with the unit, or nil.
func (u *normUnit) poolWindow(c *compiler) *kernel.Window {
	if u.pool == nil {
		return nil
	}
	win := u.pool.kernelWindow().pooling(c.shapes[u.norm.ID])
	return &win
}

func (u *normUnit) forward(c *compiler) {
	s := &normStep{norm: u.state, x: c.in(u.norm, 0), skip: noBuf, relu: u.relu, win: u.poolWindow(c)}
	reads := []buf{s.x}
	if u.add != nil {
		s.skip = c.value[u.skip()]
		reads = append(reads, s.skip)
	}
	s.y = c.output(u.last)
	inPlace := []buf{}
	// The unit's own backward pass reads x again, so the skip's place is taken over first.
	if u.pool == nil {
		inPlace = append(inPlace, reads[1:]...)
		inPlace = append(inPlace, s.x)
	}
	c.tape.add(s, s.y, reads, inPlace...)
}

// skip returns the node that is added to the normalised values.
func (u *normUnit) skip() NodeID {
	if u.add.Inputs[0] == u.norm.ID {
		return u.add.Inputs[1]
	}
	return u.add.Inputs[0]
}

func (u *normUnit) backward(c *compiler) {
	if !c.wants[u.last.ID] {
		return
	}
	var dy buf
	rectify := u.relu // whether dy is still to be cut where the output is 0
	if u.add != nil && u.relu {
		dy, rectify = c.rectifiedGradient(u.last), false
	} else {
		dy = c.gradient(u.last)
	}
	if u.add != nil && c.wants[u.skip()] {
		c.send(u.skip(), dy)
	}
	in := u.norm.Inputs[0]
	if c.signals && !c.wants[in] {
		return
	}
	s := &normBackStep{norm: u.state, x: c.value[in], dy: dy, dx: noBuf, relu: rectify, win: u.poolWindow(c)}
	if !c.wants[in] {
		c.tape.add(s, noBuf, []buf{s.x, dy})
		return
	}
	s.dx = c.tape.buffer(c.shapes[in])
	if u.pool != nil {
		c.tape.add(s, s.dx, []buf{s.x, dy})
	} else {
		c.tape.add(s, s.dx, []buf{s.x, dy}, dy, s.x)
	}
	c.send(in, s.dx)
}

type normStep struct {
	*norm
	y, x, skip buf
	relu       bool
	win        *kernel.Window // window of the pooling, or nil
}

func (s *normStep) run(w *Workspace) {
	x := w.at(s.x)
	k := w.coefs(s.norm)
	if w.mode == Train {
		w.measure(s.norm, x)
	} else {
		w.recall(s.norm)
	}
	w.affine(s.norm)
	switch y := w.at(s.y); {
	case s.win != nil:
		kernel.NormMaxPool(y, x, k, *s.win, w.blocks)
	case s.skip != noBuf:
		kernel.NormAdd(y, x, w.at(s.skip), k, s.relu)
	default:
		kernel.Norm(y, x, k, s.relu)
	}
}

func (s *normStep) describe() (string, int64) { return "norm forward", 0 }

type normBackStep struct {
	*norm
	dx, dy, x buf
	relu      bool
	win       *kernel.Window
}

func (s *normBackStep) run(w *Workspace) {
	x, dy, k := w.at(s.x), w.at(s.dy), w.coefs(s.norm)
	w.clearSums(s.norm)
	for b := range w.blocks {
		xb, db := w.block(x, b), w.block(dy, b)
		if s.win != nil {
			kernel.NormMaxPoolSums(w.s[:s.channels*tensor.Lanes], w.q[:s.channels*tensor.Lanes], db, xb, k, *s.win)
		} else {
			kernel.NormSums(w.s[:s.channels*tensor.Lanes], w.q[:s.channels*tensor.Lanes], db, xb, k, s.relu)
		}
		w.foldSums(s.norm, b)
	}
	w.slopes(s.norm)
	if s.dx == noBuf {
		return
	}
	dx := w.at(s.dx)
	if s.win != nil {
		kernel.NormMaxPoolBackward(dx, dy, x, k, *s.win, w.blocks)
	} else {
		kernel.NormBackward(dx, dy, x, k, s.relu)
	}
	if used := w.lanes(w.blocks - 1); used < tensor.Lanes {
		kernel.ZeroLanes(w.block(dx, w.blocks-1), used)
	}
}

func (s *normBackStep) describe() (string, int64) { return "norm backward", 0 }

// block returns block b of x, which holds the blocks in use.
func (w *Workspace) block(x []float32, b int) []float32 {
	return tensor.Block(b, x, w.blocks)
}
