package nn

import "errors"

// OpConv is PyTorch's conv2d with a square kernel: Node.Out channels, Kernel,
// Stride, Pad and Bias. Its weight is (out, in, kernel, kernel).
var OpConv = register("conv2d", conv2dOp{})

type conv2dOp struct{ plain }

func (conv2dOp) role() Role   { return Mixes }
func (conv2dOp) uses() fields { return fields{out: true, window: true, bias: true} }

func (conv2dOp) output(n *Node, in Shape) (Shape, error) {
	if n.Kernel < 1 || n.Stride < 1 {
		return Shape{}, errNoWindow
	}
	return n.kernelWindow().slide(in, n.Out)
}

// errNoWindow is returned for a node whose shape cannot be told.
var errNoWindow = errors.New("has no shape without a kernel and a stride")

func (conv2dOp) params(n *Node, in Shape) []tensorShape {
	return withBias(n, tensorShape{RoleWeight, []int{n.Out, in.C, n.Kernel, n.Kernel}})
}

func (conv2dOp) fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler {
	in, area := shapes[n.Inputs[0]], n.Kernel*n.Kernel
	return freshLayer(g, n, in, e, fans{in.C * area, n.Out * area})
}

func (conv2dOp) window(n *Node, _ Shape) (Window, bool) { return n.kernelWindow(), true }
func (conv2dOp) unit(c *compiler, n *Node) unit         { return c.layer(n) }
