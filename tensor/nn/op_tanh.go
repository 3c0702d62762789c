package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpTanh is the hyperbolic tangent.
var OpTanh = register("tanh", tanhOp{})

type tanhOp struct{ plain }

func (tanhOp) role() Role             { return Activates }
func (tanhOp) activation() Activation { return Activation{} }

func (tanhOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.Tanh, backwards: kernel.TanhBackward, from: ofOutput}
}
