package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpReLU is max(x, 0).
var OpReLU = register("relu", reluOp{})

type reluOp struct{ plain }

func (reluOp) role() Role { return Activates }
func (reluOp) activation() Activation {
	return Activation{Homogeneous: true, Flat: true, Idempotent: true, Halves: true}
}

func (reluOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.ReLU, backwards: kernel.ReLUBackward, from: ofOutput, rectifies: true}
}
