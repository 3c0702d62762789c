package nn

// Entry is one tensor within the flat parameters or buffers of a graph.
type Entry struct {
	Name   string // node id, dot, role: as in PyTorch's state_dict
	Node   NodeID
	Role   string // weight, bias, running_mean or running_var
	Shape  []int
	Offset int // of its first element
}

// Len returns the number of elements.
func (e Entry) Len() int {
	n := 1
	for _, d := range e.Shape {
		n *= d
	}
	return n
}

// Of returns e's part of a flat slice of all parameters (or buffers).
func (e Entry) Of(flat []float32) []float32 { return flat[e.Offset : e.Offset+e.Len()] }

// Roles of entries.
const (
	RoleWeight      = "weight"
	RoleBias        = "bias"
	RoleRunningMean = "running_mean"
	RoleRunningVar  = "running_var"
)

// ParamEntries returns the trained tensors in the order of the flat
// parameters. The graph must be valid.
func (g *Graph) ParamEntries() []Entry { return g.entries(g.mustShapes(), paramShapes) }

// BufferEntries returns the tensors that are state but not trained, in the
// order of the flat buffers. The graph must be valid.
func (g *Graph) BufferEntries() []Entry { return g.entries(g.mustShapes(), bufferShapes) }

// NumParams returns the number of trained values.
func (g *Graph) NumParams() int { return total(g.ParamEntries()) }

// NumBuffers returns the number of values in the buffers.
func (g *Graph) NumBuffers() int { return total(g.BufferEntries()) }

// FLOPs returns twice the number of multiply-adds of convolutions and linear
// layers in one sample's forward pass, padding counted like pixels.
func (g *Graph) FLOPs() int64 {
	shapes := g.mustShapes()
	var sum int64
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op != OpConv && n.Op != OpLinear {
			continue
		}
		in, out := shapes[n.Inputs[0]], shapes[n.ID]
		perOutput := in.Len()
		if n.Op == OpConv {
			perOutput = in.C * n.Kernel * n.Kernel
		}
		sum += 2 * int64(perOutput) * int64(out.Len())
	}
	return sum
}

func (g *Graph) mustShapes() map[NodeID]Shape {
	shapes, err := g.Shapes()
	if err != nil {
		panic("nn: entries of an invalid graph")
	}
	return shapes
}

type roleShape struct {
	role  string
	shape []int
}

// paramShapes returns the parameters of a node whose input has shape in.
func paramShapes(n *Node, in Shape) []roleShape {
	var out []roleShape
	switch n.Op {
	case OpConv:
		out = append(out, roleShape{RoleWeight, []int{n.Out, in.C, n.Kernel, n.Kernel}})
	case OpLinear:
		out = append(out, roleShape{RoleWeight, []int{n.Out, in.Len()}})
	case OpBatchNorm:
		return []roleShape{{RoleWeight, []int{in.C}}, {RoleBias, []int{in.C}}}
	}
	if n.Bias {
		out = append(out, roleShape{RoleBias, []int{n.Out}})
	}
	return out
}

func bufferShapes(n *Node, in Shape) []roleShape {
	if n.Op != OpBatchNorm {
		return nil
	}
	return []roleShape{{RoleRunningMean, []int{in.C}}, {RoleRunningVar, []int{in.C}}}
}

func (g *Graph) entries(shapes map[NodeID]Shape, of func(*Node, Shape) []roleShape) []Entry {
	var out []Entry
	offset := 0
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == OpInput {
			continue
		}
		for _, r := range of(n, shapes[n.Inputs[0]]) {
			e := Entry{string(n.ID) + "." + r.role, n.ID, r.role, r.shape, offset}
			offset += e.Len()
			out = append(out, e)
		}
	}
	return out
}

// countParams counts in float64: a product of hostile widths must not overflow.
func (g *Graph) countParams(shapes map[NodeID]Shape) float64 {
	var sum float64
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op == OpInput {
			continue
		}
		for _, r := range paramShapes(n, shapes[n.Inputs[0]]) {
			p := 1.0
			for _, d := range r.shape {
				p *= float64(d)
			}
			sum += p
		}
	}
	return sum
}

func total(entries []Entry) int {
	if len(entries) == 0 {
		return 0
	}
	last := entries[len(entries)-1]
	return last.Offset + last.Len()
}
