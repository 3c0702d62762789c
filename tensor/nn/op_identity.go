package nn

// OpIdentity hands its input on. OpFlatten marks where PyTorch flattens: the
// shape stays (C, H, W), and the following linear layer reads it whole.
var (
	OpIdentity = register("identity", identityOp{})
	OpFlatten  = register("flatten", identityOp{})
)

type identityOp struct{ plain }

func (identityOp) role() Role                     { return Passes }
func (identityOp) unit(_ *compiler, n *Node) unit { return &sameUnit{n} }
