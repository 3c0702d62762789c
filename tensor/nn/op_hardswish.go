package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpHardSwish is x times hardsigmoid(x), PyTorch's hardswish.
var OpHardSwish = register("hardswish", hardSwishOp{})

type hardSwishOp struct{ plain }

func (hardSwishOp) role() Role             { return Activates }
func (hardSwishOp) activation() Activation { return Activation{Halves: true} }

func (hardSwishOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.HardSwish, backwards: kernel.HardSwishBackward, from: ofInput}
}

func (hardSwishOp) probe() *Graph { return functionProbe(OpHardSwish) }
