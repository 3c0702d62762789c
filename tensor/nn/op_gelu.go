package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpGELU is x Phi(x), Phi the distribution function of the normal distribution.
var OpGELU = register("gelu", geluOp{})

type geluOp struct{ plain }

func (geluOp) role() Role             { return Activates }
func (geluOp) activation() Activation { return Activation{Halves: true} }

func (geluOp) unit(_ *compiler, n *Node) unit {
	return &activationUnit{n: n, forwards: kernel.GELU, backwards: kernel.GELUBackward, from: ofInput}
}
