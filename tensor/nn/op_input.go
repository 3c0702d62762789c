package nn

// OpInput is the first node of every graph: the images.
var OpInput = register("input", inputOp{})

type inputOp struct{ plain }

func (inputOp) role() Role                 { return Begins }
func (inputOp) inputs() (least, most int)  { return 0, 0 }
func (inputOp) unit(*compiler, *Node) unit { return nil }
