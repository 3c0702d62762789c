package nn

// OpLinear is PyTorch's linear: Node.Out features and Bias. On an input of (C,
// H, W) it equals a convolution with an H x W kernel, which is PyTorch's
// flatten and linear. Its weight is (out, C*H*W).
var OpLinear = register("linear", linearOp{})

type linearOp struct{ plain }

func (linearOp) role() Role                             { return Mixes }
func (linearOp) uses() fields                           { return fields{out: true, bias: true} }
func (linearOp) output(n *Node, _ Shape) (Shape, error) { return Shape{n.Out, 1, 1}, nil }

func (linearOp) params(n *Node, in Shape) []tensorShape {
	return withBias(n, tensorShape{RoleWeight, []int{n.Out, in.Len()}})
}

func (linearOp) fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler {
	in := shapes[n.Inputs[0]]
	return freshLayer(g, n, in, e, fans{in.Len(), n.Out})
}

func (linearOp) window(_ *Node, in Shape) (Window, bool) {
	return Window{Height: in.H, Width: in.W, Stride: 1}, true
}

func (linearOp) unit(c *compiler, n *Node) unit { return c.layer(n) }

// caution wants a flatten where PyTorch would take the last axis alone.
func (linearOp) caution(g *Graph, n *Node, shapes map[NodeID]Shape) string {
	id := n.Inputs[0]
	for shapes[id].H*shapes[id].W > 1 {
		before := g.Node(id)
		if before.Op == OpFlatten {
			return ""
		}
		if r := before.Op.Role(); r != Activates && r != Passes {
			return "put a flatten before it"
		}
		id = before.Inputs[0]
	}
	return ""
}
