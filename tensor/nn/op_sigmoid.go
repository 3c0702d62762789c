package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpSigmoid is 1 / (1 + exp(-x)). OpHardSigmoid is x/6 + 1/2 between 0 and 1, PyTorch's
// hardsigmoid. They are what gates end with.
var (
	OpSigmoid     = register("sigmoid", sigmoidOp{})
	OpHardSigmoid = register("hardsigmoid", hardSigmoidOp{})
)

type sigmoidOp struct{ plain }

func (sigmoidOp) role() Role { return Offsets }

func (sigmoidOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.Sigmoid, backwards: kernel.SigmoidBackward, from: ofOutput}
}

func (sigmoidOp) probe() *Graph { return functionProbe(OpSigmoid) }

type hardSigmoidOp struct{ plain }

func (hardSigmoidOp) role() Role { return Offsets }

func (hardSigmoidOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.HardSigmoid, backwards: kernel.HardSigmoidBackward, from: ofInput}
}

func (hardSigmoidOp) probe() *Graph { return functionProbe(OpHardSigmoid) }

// functionProbe is a network with a function of each value.
func functionProbe(f Op) *Graph {
	return &Graph{Input: Shape{5, 1, 1}, Loss: MSE, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "f1", Op: OpLinear, Inputs: []NodeID{"x"}, Out: 19, Bias: true},
		{ID: "s", Op: f, Inputs: []NodeID{"f1"}}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"s"}, Out: 3, Bias: true},
	}}
}
