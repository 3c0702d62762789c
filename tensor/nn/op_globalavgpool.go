package nn

// OpGlobalAvgPool is the average over all positions, PyTorch's
// AdaptiveAvgPool2d(1).
var OpGlobalAvgPool = register("globalavgpool", globalAvgPoolOp{})

type globalAvgPoolOp struct{ plain }

func (globalAvgPoolOp) role() Role                              { return Pools }
func (globalAvgPoolOp) output(_ *Node, in Shape) (Shape, error) { return Shape{in.C, 1, 1}, nil }
func (globalAvgPoolOp) unit(c *compiler, n *Node) unit          { return c.pooling(n, average{}) }

func (globalAvgPoolOp) window(_ *Node, in Shape) (Window, bool) {
	return Window{Height: in.H, Width: in.W, Stride: max(in.H, in.W)}, true
}
