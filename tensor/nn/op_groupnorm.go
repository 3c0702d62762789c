package nn

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// OpGroupNorm is PyTorch's group normalisation: of each sample, Node.Groups groups of
// channels over all positions, with Node.Eps. Its weight and bias have one value a
// channel.
var OpGroupNorm = register("groupnorm", groupNormOp{})

type groupNormOp struct{ coupling }

func (groupNormOp) uses() fields { return fields{eps: true, groups: true} }

func (groupNormOp) output(n *Node, in Shape) (Shape, error) {
	if n.Groups < 1 || in.C%n.Groups != 0 {
		return Shape{}, fmt.Errorf("has %d groups, which do not divide its %d channels", n.Groups, in.C)
	}
	return in, nil
}

func (groupNormOp) unit(c *compiler, n *Node) unit {
	s := c.shapes[n.ID]
	return c.groups(n, kernel.GroupNorm{C: s.C, Groups: n.Groups, Positions: s.H * s.W, Eps: float32(n.Eps)}, 1)
}

func (groupNormOp) probe() *Graph {
	return &Graph{Input: Shape{3, 5, 4}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 18, Kernel: 3, Stride: 1, Pad: 1},
		{ID: "n1", Op: OpGroupNorm, Inputs: []NodeID{"c1"}, Eps: 1e-5, Groups: 6}, {ID: "r1", Op: OpReLU, Inputs: []NodeID{"n1"}},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"r1"}, Out: 5, Bias: true},
	}}
}
