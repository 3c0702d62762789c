package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpLayerNorm is PyTorch's layer normalisation over the channels of each position, with
// Node.Eps. Its weight and bias have one value a channel. Tokens are positions, so that is
// the normalisation of a transformer, and that of ConvNeXt.
var OpLayerNorm = register("layernorm", layerNormOp{})

type layerNormOp struct{ coupling }

func (layerNormOp) uses() fields { return fields{eps: true} }

func (layerNormOp) unit(c *compiler, n *Node) unit {
	s := c.shapes[n.ID]
	return c.groups(n, kernel.GroupNorm{C: s.C, Groups: 1, Positions: 1, Eps: float32(n.Eps)}, s.H*s.W)
}

func (layerNormOp) probe() *Graph {
	return &Graph{Input: Shape{3, 5, 4}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 19, Kernel: 1, Stride: 1},
		{ID: "n1", Op: OpLayerNorm, Inputs: []NodeID{"c1"}, Eps: 1e-5}, {ID: "r1", Op: OpReLU, Inputs: []NodeID{"n1"}},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"r1"}, Out: 5, Bias: true},
		{ID: "n2", Op: OpLayerNorm, Inputs: []NodeID{"f2"}, Eps: 1e-6},
	}}
}
