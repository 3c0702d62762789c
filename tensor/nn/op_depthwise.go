package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpDepthwise is a depthwise convolution, PyTorch's conv2d with as many groups and
// outputs as input channels: each channel is filtered by a square kernel of its own.
// It has Node.Kernel, Stride, Pad and Bias. Its weight is (channels, 1, kernel, kernel).
var OpDepthwise = register("depthwiseconv2d", depthwiseOp{})

type depthwiseOp struct{ plain }

func (depthwiseOp) role() Role   { return Filters }
func (depthwiseOp) uses() fields { return fields{window: true, bias: true} }

func (depthwiseOp) faults(n *Node, say func(format string, args ...any)) {
	if n.Out != 0 {
		say("has as many outputs as inputs: leave out away")
	}
}

func (depthwiseOp) output(n *Node, in Shape) (Shape, error) {
	if n.Kernel < 1 || n.Stride < 1 {
		return Shape{}, errNoWindow
	}
	return n.kernelWindow().slide(in, in.C)
}

func (depthwiseOp) params(n *Node, in Shape) []tensorShape {
	weight := tensorShape{RoleWeight, []int{in.C, 1, n.Kernel, n.Kernel}}
	if n.Bias {
		return []tensorShape{weight, {RoleBias, []int{in.C}}}
	}
	return []tensorShape{weight}
}

func (depthwiseOp) fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler {
	area := n.Kernel * n.Kernel
	return freshLayer(g, n, shapes[n.Inputs[0]], e, fans{area, area})
}

func (depthwiseOp) window(n *Node, _ Shape) (Window, bool) { return n.kernelWindow(), true }

func (depthwiseOp) unit(c *compiler, n *Node) unit {
	in := c.shapes[n.Inputs[0]]
	u := &depthwiseUnit{n: n, conv: kernel.NewDepthwise(n.kernelWindow().pooling(in)), weight: c.params[n.tensor(RoleWeight)]}
	u.weightVec = c.vectorOf(u.weight)
	if n.Bias {
		u.bias = c.params[n.tensor(RoleBias)]
		u.biasVec = c.vectorOf(u.bias)
	}
	return u
}

func (depthwiseOp) probe() *Graph {
	return &Graph{Input: Shape{3, 9, 8}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 19, Kernel: 1, Stride: 1},
		{ID: "d1", Op: OpDepthwise, Inputs: []NodeID{"c1"}, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{ID: "b1", Op: OpBatchNorm, Inputs: []NodeID{"d1"}, Eps: 1e-5, Momentum: 0.1}, {ID: "r1", Op: OpReLU, Inputs: []NodeID{"b1"}},
		{ID: "d2", Op: OpDepthwise, Inputs: []NodeID{"r1"}, Kernel: 5, Stride: 2, Pad: 2},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"d2"}, Out: 5, Bias: true},
	}}
}

// depthwiseUnit is a depthwise convolution. Its kernels read parameters as they are.
type depthwiseUnit struct {
	n                  *Node
	conv               *kernel.Depthwise
	weight, bias       Entry // bias.Shape is nil where there is none
	weightVec, biasVec int   // offsets in a Packed's vector
}

func (u *depthwiseUnit) end() *Node { return u.n }

func (u *depthwiseUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&depthwiseStep{u, y, x}, y, []buf{x})
}

func (u *depthwiseUnit) backward(c *compiler) {
	dy, x := c.gradient(u.n), c.in(u.n, 0)
	if !c.signals {
		c.scratch = max(c.scratch, u.conv.ScratchLen())
		c.tape.add(&depthwiseWeightsStep{u, x, dy}, noBuf, []buf{x, dy})
	}
	if in := u.n.Inputs[0]; c.wants[in] {
		dx := c.tape.buffer(c.shapes[in])
		c.tape.add(&depthwiseDataStep{u, dx, dy}, dx, []buf{dy})
		c.send(in, dx)
	}
}

// weights returns the packed weight and bias, nil without one.
func (u *depthwiseUnit) weights(w *Workspace) (weight, bias []float32) {
	weight = w.packed.vector[u.weightVec:][:u.weight.Len()]
	if u.bias.Shape != nil {
		bias = w.packed.vector[u.biasVec:][:u.bias.Len()]
	}
	return weight, bias
}

type depthwiseStep struct {
	*depthwiseUnit
	y, x buf
}

func (s *depthwiseStep) run(w *Workspace) {
	weight, bias := s.weights(w)
	s.conv.Forward(w.at(s.y), w.at(s.x), weight, bias, w.blocks)
}

func (s *depthwiseStep) describe() (string, int64) { return "depthwise forward", s.conv.FLOPs() }

type depthwiseDataStep struct {
	*depthwiseUnit
	dx, dy buf
}

func (s *depthwiseDataStep) run(w *Workspace) {
	weight, _ := s.weights(w)
	s.conv.BackwardData(w.at(s.dx), w.at(s.dy), weight, w.blocks)
}

func (s *depthwiseDataStep) describe() (string, int64) {
	return "depthwise backward-data", s.conv.FLOPs()
}

type depthwiseWeightsStep struct {
	*depthwiseUnit
	x, dy buf
}

func (s *depthwiseWeightsStep) run(w *Workspace) {
	var db []float32
	if s.bias.Shape != nil {
		db = s.bias.Of(w.grad)
	}
	s.conv.BackwardWeights(s.weight.Of(w.grad), db, w.at(s.x), w.at(s.dy), w.blocks, w.scratch)
}

func (s *depthwiseWeightsStep) describe() (string, int64) {
	return "depthwise backward-weights", s.conv.FLOPs()
}
