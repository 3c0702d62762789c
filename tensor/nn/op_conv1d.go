package nn

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// OpConv1d is PyTorch's conv1d over the rows of an input (C, H, 1): Node.Out channels,
// Kernel, Stride, Pad, Bias and Groups. Its weight is (out, in/groups, kernel).
var OpConv1d = register("conv1d", conv1dOp{})

type conv1dOp struct{ plain }

func (conv1dOp) role() Role { return Couples }
func (conv1dOp) uses() fields {
	return fields{out: true, window: true, bias: true, groups: true}
}

func (conv1dOp) output(n *Node, in Shape) (Shape, error) {
	switch {
	case n.Kernel < 1 || n.Stride < 1:
		return Shape{}, errNoWindow
	case in.W != 1:
		return Shape{}, fmt.Errorf("reads %v: a sequence has one column, as in %dx%dx1", in, in.C, in.H*in.W)
	case n.Groups < 1 || in.C%n.Groups != 0 || n.Out%n.Groups != 0:
		return Shape{}, fmt.Errorf("has %d groups, which must divide %d input and %d output channels", n.Groups, in.C, n.Out)
	case in.H+2*n.Pad < n.Kernel:
		return Shape{}, fmt.Errorf("has a kernel of %d that does not fit its input %v with padding %d", n.Kernel, in, n.Pad)
	}
	return Shape{n.Out, (in.H+2*n.Pad-n.Kernel)/n.Stride + 1, 1}, nil
}

func (conv1dOp) params(n *Node, in Shape) []tensorShape {
	return withBias(n, tensorShape{RoleWeight, []int{n.Out, in.C / max(n.Groups, 1), n.Kernel}})
}

func (conv1dOp) fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler {
	in := shapes[n.Inputs[0]]
	return freshLayer(g, n, in, e, fans{in.C / n.Groups * n.Kernel, n.Out / n.Groups * n.Kernel})
}

func (conv1dOp) flops(n *Node, in, out Shape) int64 {
	return 2 * int64(n.Kernel) * int64(in.C/n.Groups) * int64(out.Len())
}

func (conv1dOp) unit(c *compiler, n *Node) unit {
	in := c.shapes[n.Inputs[0]]
	return c.sideBySide(n, kernel.Geometry{InC: in.C, InH: in.H, InW: 1, OutC: n.Out, KH: n.Kernel, KW: 1, Stride: n.Stride}, n.Pad)
}

func (conv1dOp) probe() *Graph {
	return &Graph{Input: Shape{3, 17, 1}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput},
		{ID: "c1", Op: OpConv1d, Inputs: []NodeID{"x"}, Out: 14, Kernel: 5, Stride: 1, Pad: 2, Groups: 1, Bias: true},
		{ID: "r1", Op: OpReLU, Inputs: []NodeID{"c1"}},
		{ID: "c2", Op: OpConv1d, Inputs: []NodeID{"r1"}, Out: 6, Kernel: 3, Stride: 2, Pad: 1, Groups: 2},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"c2"}, Out: 5, Bias: true},
	}}
}
