package nn

import (
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// layer is a node whose role is Mixes, with its parameters.
type layer struct {
	conv           *kernel.Conv
	weight, bias   Entry // bias.Shape is nil where there is none
	feedback       Entry // what hands errors down in place of the weight; its Shape is nil where there is none
	panel, biasVec int   // offsets in a Packed
	packedLen      int
	forwardOnly    bool // nobody needs the gradient of its input
}

// layer lays out the parameters of a layer.
func (c *compiler) layer(n *Node) unit {
	in := c.shapes[n.Inputs[0]]
	w, _ := n.Window(in)
	geometry := kernel.Geometry{InC: in.C, InH: in.H, InW: in.W, OutC: n.Out, KH: w.Height, KW: w.Width, Stride: w.Stride, Pad: w.Pad}
	return &layerUnit{n, c.convolution(n, geometry, c.params[n.tensor(RoleWeight)], c.params[n.tensor(RoleBias)])}
}

// convolution lays out one convolution of a node.
func (c *compiler) convolution(n *Node, geometry kernel.Geometry, weight, bias Entry) *layer {
	l := &layer{conv: kernel.NewConv(geometry), weight: weight, bias: bias, feedback: c.params[n.tensor(RoleFeedback)], panel: c.panels}
	l.packedLen = l.conv.PackedLen()
	l.forwardOnly = c.inference || !c.wants[n.Inputs[0]]
	c.panels += (l.packedLen + 15) &^ 15
	if n.Bias {
		l.biasVec = c.vectorOf(l.bias)
	}
	c.scratch = max(c.scratch, l.conv.ScratchLen(c.blocks))
	c.layers = append(c.layers, l)
	return l
}

// withBias returns the tensors of a layer.
func withBias(n *Node, weight tensorShape) []tensorShape {
	if n.Bias {
		return []tensorShape{weight, {RoleBias, []int{n.Out}}}
	}
	return []tensorShape{weight}
}

type layerUnit struct {
	n     *Node
	layer *layer
}

func (u *layerUnit) end() *Node { return u.n }

func (u *layerUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&layerStep{u.layer, y, x}, y, []buf{x})
}

func (u *layerUnit) backward(c *compiler) {
	dy, x := c.gradient(u.n), c.in(u.n, 0)
	if !c.signals {
		c.tape.add(&layerWeightsStep{u.layer, x, dy}, noBuf, []buf{x, dy})
	}
	if in := u.n.Inputs[0]; c.wants[in] {
		dx := c.tape.buffer(c.shapes[in])
		c.tape.add(&layerDataStep{u.layer, dx, dy}, dx, []buf{dy})
		if u.layer.feedback.Shape != nil && !c.signals {
			c.tape.add(&feedbackStep{u.layer, dx, dy, c.graph.LRA}, noBuf, []buf{dx, dy})
		}
		c.send(in, dx)
	}
}

// flops returns the operations of one pass over one sample.
func (l *layer) flops() int64 { return l.conv.Geometry().FLOPs() }

// kind returns linear for a layer that reads all of its input at once.
func (l *layer) kind() string {
	if g := l.conv.Geometry(); g.OutH() == 1 && g.OutW() == 1 && g.KH == g.InH && g.KW == g.InW {
		return "linear"
	}
	return "conv"
}

type layerStep struct {
	*layer
	y, x buf
}

func (s *layerStep) run(w *Workspace) {
	s.conv.Forward(w.at(s.y), w.at(s.x), w.panel(s.layer), w.biasOf(s.layer), w.blocks, w.scratch)
}

func (s *layerStep) describe() (string, int64) { return s.kind() + " forward", s.flops() }

type layerDataStep struct {
	*layer
	dx, dy buf
}

func (s *layerDataStep) run(w *Workspace) {
	s.conv.BackwardData(w.at(s.dx), w.at(s.dy), w.panel(s.layer), w.blocks, w.scratch)
}

func (s *layerDataStep) describe() (string, int64) { return s.kind() + " backward-data", s.flops() }

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

func (s *layerWeightsStep) describe() (string, int64) {
	return s.kind() + " backward-weights", s.flops()
}
