package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// OpLayerScale multiplies each channel by a weight of its own, which starts at 1e-6: what
// ConvNeXt and deep transformers have at the end of a residual branch.
var OpLayerScale = register("layerscale", layerScaleOp{})

type layerScaleOp struct{ plain }

func (layerScaleOp) role() Role { return Filters }
func (layerScaleOp) window(*Node, Shape) (Window, bool) {
	return Window{Height: 1, Width: 1, Stride: 1}, true
}
func (layerScaleOp) params(_ *Node, in Shape) []tensorShape {
	return []tensorShape{{RoleWeight, []int{in.C}}}
}
func (layerScaleOp) fresh(*Graph, *Node, map[NodeID]Shape, Entry) filler { return constant(1e-6) }

func (layerScaleOp) unit(c *compiler, n *Node) unit {
	in := c.shapes[n.Inputs[0]]
	pixel := Window{Height: 1, Width: 1, Stride: 1}
	u := &depthwiseUnit{n: n, conv: kernel.NewDepthwise(pixel.pooling(in)), weight: c.params[n.tensor(RoleWeight)]}
	u.weightVec = c.vectorOf(u.weight)
	return u
}

func (layerScaleOp) probe() *Graph {
	return &Graph{Input: Shape{3, 4, 3}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: 17, Kernel: 1, Stride: 1},
		{ID: "s1", Op: OpLayerScale, Inputs: []NodeID{"c1"}}, {ID: "a1", Op: OpAdd, Inputs: []NodeID{"s1", "c1"}},
		{ID: "f2", Op: OpLinear, Inputs: []NodeID{"a1"}, Out: 5, Bias: true},
	}}
}
