package nn

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// OpGroupedConv is PyTorch's conv2d with groups: Node.Groups convolutions side by side, each
// of its part of the input and the output channels. It has the fields of OpConv. Its weight
// is (out, in/groups, kernel, kernel).
var OpGroupedConv = register("groupedconv2d", groupedConvOp{})

type groupedConvOp struct{ plain }

func (groupedConvOp) role() Role { return Couples }
func (groupedConvOp) uses() fields {
	return fields{out: true, window: true, bias: true, groups: true}
}

func (groupedConvOp) output(n *Node, in Shape) (Shape, error) {
	if n.Kernel < 1 || n.Stride < 1 {
		return Shape{}, errNoWindow
	}
	if n.Groups < 1 || in.C%n.Groups != 0 || n.Out%n.Groups != 0 {
		return Shape{}, fmt.Errorf("has %d groups, which must divide %d input and %d output channels", n.Groups, in.C, n.Out)
	}
	return n.kernelWindow().slide(in, n.Out)
}

func (groupedConvOp) params(n *Node, in Shape) []tensorShape {
	return withBias(n, tensorShape{RoleWeight, []int{n.Out, in.C / max(n.Groups, 1), n.Kernel, n.Kernel}})
}

func (groupedConvOp) fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler {
	in, area := shapes[n.Inputs[0]], n.Kernel*n.Kernel
	return freshLayer(g, n, in, e, fans{in.C / n.Groups * area, n.Out / n.Groups * area})
}

func (groupedConvOp) window(n *Node, _ Shape) (Window, bool) { return n.kernelWindow(), true }

func (groupedConvOp) flops(n *Node, in, out Shape) int64 {
	return 2 * int64(n.Kernel*n.Kernel) * int64(in.C/n.Groups) * int64(out.Len())
}

func (groupedConvOp) unit(c *compiler, n *Node) unit {
	in := c.shapes[n.Inputs[0]]
	g := kernel.Geometry{InC: in.C, InH: in.H, InW: in.W, OutC: n.Out, KH: n.Kernel, KW: n.Kernel, Stride: n.Stride, Pad: n.Pad}
	return c.sideBySide(n, g, 0)
}

// sideBySide lays out the convolutions of all groups, by the geometry of the whole on an
// image that has so many rows of zeros above and below.
func (c *compiler) sideBySide(n *Node, whole kernel.Geometry, rows int) unit {
	weight, bias := c.params[n.tensor(RoleWeight)], c.params[n.tensor(RoleBias)]
	own := whole
	own.InC, own.OutC, own.InH = whole.InC/n.Groups, whole.OutC/n.Groups, whole.InH+2*rows
	u := &groupedUnit{n: n, in: slab{own: own.InC, whole: whole.InC}, out: slab{own: own.OutC, whole: whole.OutC}}
	u.inLen = own.InH * own.InW * own.InC * tensor.Lanes
	u.outLen = own.OutH() * own.OutW() * own.OutC * tensor.Lanes
	u.margin = rows * own.InW * own.InC * tensor.Lanes
	scratch := 0
	for i := range n.Groups {
		l := c.convolution(n, own, weight.part(i, n.Groups), bias.part(i, n.Groups))
		u.layers = append(u.layers, l)
		scratch = l.conv.ScratchLen(c.blocks)
	}
	c.scratch = max(c.scratch, scratch+c.blocks*(u.inLen+u.outLen))
	return u
}

func (groupedConvOp) probe() *Graph {
	return &Graph{Input: Shape{3, 6, 5}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 15, Kernel: 1, Stride: 1},
		{ID: "g1", Op: OpGroupedConv, Inputs: []NodeID{"c1"}, Out: 12, Kernel: 3, Stride: 2, Pad: 1, Bias: true, Groups: 3},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"g1"}, Out: 5, Bias: true},
	}}
}

// part returns one of some equal parts of e by its first dimension.
func (e Entry) part(i, parts int) Entry {
	if e.Shape == nil {
		return e
	}
	e.Shape = append([]int{e.Shape[0] / parts}, e.Shape[1:]...)
	e.Offset += i * e.Len()
	return e
}

// groupedUnit is convolutions side by side. Each works on copies of its channels.
type groupedUnit struct {
	n             *Node
	layers        []*layer
	in, out       slab // slabs of the first group
	inLen, outLen int  // floats of a group in a block
	margin        int  // floats of zeros before and behind what is copied of the input
}

func (u *groupedUnit) end() *Node { return u.n }

func (u *groupedUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&groupedStep{u, y, x}, y, []buf{x})
}

func (u *groupedUnit) backward(c *compiler) {
	dy, x := c.gradient(u.n), c.in(u.n, 0)
	if !c.signals {
		c.tape.add(&groupedWeightsStep{u, x, dy}, noBuf, []buf{x, dy})
	}
	if in := u.n.Inputs[0]; c.wants[in] {
		dx := c.tape.buffer(c.shapes[in])
		c.tape.add(&groupedDataStep{u, dx, dy}, dx, []buf{dy})
		c.send(in, dx)
	}
}

// each calls f for every group with its channels of input and output, memory for both, and
// what is left of the scratch.
func (u *groupedUnit) each(w *Workspace, f func(l *layer, in, out slab, x, y, scratch []float32)) {
	x, scratch := w.scratch[:w.blocks*u.inLen], w.scratch[w.blocks*u.inLen:]
	y, scratch := scratch[:w.blocks*u.outLen], scratch[w.blocks*u.outLen:]
	in, out := u.in, u.out
	for _, l := range u.layers {
		f(l, in, out, x, y, scratch)
		in.first, out.first = in.first+in.own, out.first+out.own
	}
}

// takeIn copies a group's channels of the input.
func (u *groupedUnit) takeIn(w *Workspace, in slab, dst, x []float32) {
	if u.margin > 0 {
		clear(dst)
	}
	for b := range w.blocks {
		own := dst[b*u.inLen:][:u.inLen]
		in.take(own[u.margin:len(own)-u.margin], w.block(x, b))
	}
}

// putIn copies them back.
func (u *groupedUnit) putIn(w *Workspace, in slab, x, src []float32) {
	for b := range w.blocks {
		own := src[b*u.inLen:][:u.inLen]
		in.put(w.block(x, b), own[u.margin:len(own)-u.margin])
	}
}

// flops returns the operations of one pass over one sample.
func (u *groupedUnit) flops() int64 { return int64(len(u.layers)) * u.layers[0].flops() }

type groupedStep struct {
	*groupedUnit
	y, x buf
}

func (s *groupedStep) run(w *Workspace) {
	s.each(w, func(l *layer, in, out slab, x, y, scratch []float32) {
		s.takeIn(w, in, x, w.at(s.x))
		l.conv.Forward(y, x, w.panel(l), w.biasOf(l), w.blocks, scratch)
		out.put(w.at(s.y), y)
	})
}

func (s *groupedStep) describe() (string, int64) { return "conv forward", s.flops() }

type groupedDataStep struct {
	*groupedUnit
	dx, dy buf
}

func (s *groupedDataStep) run(w *Workspace) {
	s.each(w, func(l *layer, in, out slab, x, y, scratch []float32) {
		out.take(y, w.at(s.dy))
		l.conv.BackwardData(x, y, w.panel(l), w.blocks, scratch)
		s.putIn(w, in, w.at(s.dx), x)
	})
}

func (s *groupedDataStep) describe() (string, int64) { return "conv backward-data", s.flops() }

type groupedWeightsStep struct {
	*groupedUnit
	x, dy buf
}

func (s *groupedWeightsStep) run(w *Workspace) {
	s.each(w, func(l *layer, in, out slab, x, y, scratch []float32) {
		s.takeIn(w, in, x, w.at(s.x))
		out.take(y, w.at(s.dy))
		var db []float32
		if l.bias.Shape != nil {
			db = l.bias.Of(w.grad)
		}
		l.conv.BackwardWeights(l.weight.Of(w.grad), db, x, y, w.blocks, scratch)
	})
}

func (s *groupedWeightsStep) describe() (string, int64) { return "conv backward-weights", s.flops() }
