package nn

// Entry is one tensor within the flat parameters or buffers of a graph.
type Entry struct {
	Name   string // node id, dot, role: as in PyTorch's state_dict
	Node   NodeID
	Role   string // weight, bias, feedback, running_mean or running_var
	Shape  []int
	Offset int // index of its first element
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
	RoleFeedback    = "feedback" // error synapses, see LRA
	RoleRunningMean = "running_mean"
	RoleRunningVar  = "running_var"
)

// ParamEntries returns the trained tensors in the order of the flat
// parameters: those of the nodes, then error synapses if the graph has LRA. The graph must be valid.
func (g *Graph) ParamEntries() []Entry {
	shapes := g.mustShapes()
	list := g.entries(shapes, operation.params)
	nodes, tensors := g.feedback(shapes)
	for i, n := range nodes {
		list = append(list, Entry{n.tensor(tensors[i].role), n.ID, tensors[i].role, tensors[i].shape, total(list)})
	}
	return list
}

// BufferEntries returns the tensors that are state but not trained, in the
// order of the flat buffers. The graph must be valid.
func (g *Graph) BufferEntries() []Entry { return g.entries(g.mustShapes(), operation.buffers) }

// NumParams returns the number of trained values.
func (g *Graph) NumParams() int { return total(g.ParamEntries()) }

// NumForward returns the number of trained values that a forward pass reads, which are the first ones: all
// but error synapses.
func (g *Graph) NumForward() int { return total(g.entries(g.mustShapes(), operation.params)) }

// NumBuffers returns the number of values in the buffers.
func (g *Graph) NumBuffers() int { return total(g.BufferEntries()) }

// FLOPs returns twice the number of multiply-adds of convolutions, linear layers and
// attention in one sample's forward pass, padding counted like pixels.
func (g *Graph) FLOPs() int64 {
	shapes := g.mustShapes()
	var sum int64
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if len(n.Inputs) > 0 {
			sum += n.FLOPs(shapes[n.Inputs[0]], shapes[n.ID])
		}
	}
	return sum
}

// FLOPs returns what n contributes to the FLOPs of its graph, for a first input of
// shape in and an output of shape out: 0 for what is no layer.
func (n *Node) FLOPs(in, out Shape) int64 {
	if op, ok := n.of().(counts); ok {
		return op.flops(n, in, out)
	}
	w, _ := n.Window(in)
	read := int64(w.Height) * int64(w.Width) // values that one output is made of
	switch n.Op.Role() {
	case Mixes:
		read *= int64(in.C)
	case Filters:
	default:
		return 0
	}
	return 2 * read * int64(out.Len())
}

// Widths returns the number of outputs of every layer but the last, by name.
func (g *Graph) Widths() map[string]int {
	w := map[string]int{}
	for _, n := range g.Nodes[:len(g.Nodes)-1] {
		if n.Op.Role() == Mixes {
			w[string(n.ID)] = n.Out
		}
	}
	return w
}

func (g *Graph) mustShapes() map[NodeID]Shape {
	shapes, err := g.Shapes()
	if err != nil {
		panic("nn: entries of an invalid graph")
	}
	return shapes
}

func (g *Graph) entries(shapes map[NodeID]Shape, of func(operation, *Node, Shape) []tensorShape) []Entry {
	var out []Entry
	offset := 0
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if i == 0 {
			continue
		}
		for _, r := range of(n.of(), n, shapes[n.Inputs[0]]) {
			e := Entry{n.tensor(r.role), n.ID, r.role, r.shape, offset}
			offset += e.Len()
			out = append(out, e)
		}
	}
	return out
}

// countParams counts in float64: a product of hostile widths must not overflow.
func (g *Graph) countParams(shapes map[NodeID]Shape) float64 {
	_, tensors := g.feedback(shapes)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if i > 0 {
			tensors = append(tensors, n.of().params(n, shapes[n.Inputs[0]])...)
		}
	}
	var sum float64
	for _, r := range tensors {
		p := 1.0
		for _, d := range r.shape {
			p = float64(p * float64(d))
		}
		sum += p
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

// tensor returns the name of n's tensor of that role.
func (n *Node) tensor(role string) string { return string(n.ID) + "." + role }

// ByName returns entries by their names.
func ByName(entries []Entry) map[string]Entry {
	m := make(map[string]Entry, len(entries))
	for _, e := range entries {
		m[e.Name] = e
	}
	return m
}
