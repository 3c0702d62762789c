package nn

// OpAdd is the sum of two nodes or more, of equal shapes.
var OpAdd = register("add", addOp{})

type addOp struct{ plain }

func (addOp) role() Role                     { return Joins }
func (addOp) inputs() (least, most int)      { return 2, maxNodes }
func (addOp) unit(_ *compiler, n *Node) unit { return &addUnit{n} }
