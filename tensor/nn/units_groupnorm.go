package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// coupling is what normalisations over channels share.
type coupling struct{ plain }

func (coupling) role() Role { return Couples }

func (coupling) params(_ *Node, in Shape) []tensorShape {
	return []tensorShape{{RoleWeight, []int{in.C}}, {RoleBias, []int{in.C}}}
}

// fresh passes what is normalised on as it is.
func (coupling) fresh(_ *Graph, _ *Node, _ map[NodeID]Shape, e Entry) filler {
	if e.Role == RoleBias {
		return nil
	}
	return constant(1)
}

// groupUnit is a normalisation over channels.
type groupUnit struct {
	n                  *Node
	norm               kernel.GroupNorm
	images             int // groups of positions in a block
	weight, bias       Entry
	weightVec, biasVec int // offsets in a Packed's vector
}

// groups lays out the parameters of a normalisation over channels.
func (c *compiler) groups(n *Node, norm kernel.GroupNorm, images int) unit {
	u := &groupUnit{n: n, norm: norm, images: images, weight: c.params[n.tensor(RoleWeight)], bias: c.params[n.tensor(RoleBias)]}
	u.weightVec, u.biasVec = c.vectorOf(u.weight), c.vectorOf(u.bias)
	return u
}

func (u *groupUnit) end() *Node { return u.n }

func (u *groupUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&groupStep{u, y, x}, y, []buf{x}, x)
}

func (u *groupUnit) backward(c *compiler) {
	dy, x, in := c.gradient(u.n), c.in(u.n, 0), u.n.Inputs[0]
	if dy == noBuf {
		return
	}
	c.scratch = max(c.scratch, u.norm.ScratchLen())
	dx := c.tape.buffer(c.shapes[in])
	c.tape.add(&groupBackStep{u, dx, dy, x, !c.signals}, dx, []buf{dy, x}, dy)
	if c.wants[in] {
		c.send(in, dx)
	}
}

type groupStep struct {
	*groupUnit
	y, x buf
}

func (s *groupStep) run(w *Workspace) {
	weight, bias := w.packed.vector[s.weightVec:][:s.norm.C], w.packed.vector[s.biasVec:][:s.norm.C]
	s.norm.Forward(w.at(s.y), w.at(s.x), weight, bias, w.blocks*s.images)
}

func (s *groupStep) describe() (string, int64) { return "norm forward", 0 }

type groupBackStep struct {
	*groupUnit
	dx, dy, x buf
	trains    bool
}

func (s *groupBackStep) run(w *Workspace) {
	var dw, db []float32
	if s.trains {
		dw, db = s.weight.Of(w.grad), s.bias.Of(w.grad)
	}
	weight := w.packed.vector[s.weightVec:][:s.norm.C]
	s.norm.Backward(w.at(s.dx), dw, db, w.at(s.dy), w.at(s.x), weight, w.blocks*s.images, w.scratch)
}

func (s *groupBackStep) describe() (string, int64) { return "norm backward", 0 }
