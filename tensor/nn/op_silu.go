package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpSiLU is x / (1 + exp(-x)), also called swish.
var OpSiLU = register("silu", siluOp{})

type siluOp struct{ plain }

func (siluOp) role() Role             { return Activates }
func (siluOp) activation() Activation { return Activation{Halves: true} }

func (siluOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.SiLU, backwards: kernel.SiLUBackward, from: ofInput}
}

func (siluOp) probe() *Graph {
	return &Graph{Input: Shape{5, 1, 1}, Loss: MSE, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "f1", Op: OpLinear, Inputs: []NodeID{"x"}, Out: 19, Bias: true},
		{ID: "s", Op: OpSiLU, Inputs: []NodeID{"f1"}}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"s"}, Out: 3, Bias: true},
	}}
}
