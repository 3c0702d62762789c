package nn

import "fmt"

// Limits of one graph, so that a description from outside cannot ask for
// absurd amounts of memory.
const (
	maxWidth  = 1 << 20 // channels or features of a layer
	maxSide   = 1 << 12 // rows or columns of an image
	maxKernel = 1 << 8
	maxParams = 1 << 30
	maxValues = 1 << 24 // values of one sample at one node
	maxNodes  = 1 << 12
)

// Node returns the node of the given id, or nil if the graph has none.
func (g *Graph) Node(id NodeID) *Node {
	for i := range g.Nodes {
		if g.Nodes[i].ID == id {
			return &g.Nodes[i]
		}
	}
	return nil
}

// Consumers returns the nodes that read id, in node order; a node that reads
// it twice appears twice.
func (g *Graph) Consumers(id NodeID) []NodeID {
	var out []NodeID
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in == id {
				out = append(out, n.ID)
			}
		}
	}
	return out
}

// Output returns the node that the loss reads.
func (g *Graph) Output() *Node { return &g.Nodes[len(g.Nodes)-1] }

// Clone returns a deep copy.
func (g *Graph) Clone() *Graph {
	c := *g
	c.Nodes = append([]Node(nil), g.Nodes...)
	for i := range c.Nodes {
		c.Nodes[i].Inputs = append([]NodeID(nil), c.Nodes[i].Inputs...)
	}
	return &c
}

// Shapes returns the shape of every node's output. Its error is Validate's.
func (g *Graph) Shapes() (map[NodeID]Shape, error) {
	if err := g.Validate(); err != nil {
		return nil, err
	}
	return g.shapes(nil), nil
}

// shapes infers all shapes, telling fault about each node that cannot have
// one; such nodes are absent from the result.
func (g *Graph) shapes(fault func(n *Node, format string, args ...any)) map[NodeID]Shape {
	shapes := make(map[NodeID]Shape, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if i == 0 {
			shapes[n.ID] = g.Input
			continue
		}
		if len(n.Inputs) > 0 {
			g.infer(n, shapes, fault)
		}
	}
	return shapes
}

// infer adds the shape of n to those of the nodes before it, or tells what is wrong.
func (g *Graph) infer(n *Node, shapes map[NodeID]Shape, fault func(n *Node, format string, args ...any)) {
	var in []Shape
	for _, id := range n.Inputs {
		s, ok := shapes[id]
		if !ok {
			return // its own fault has been told
		}
		in = append(in, s)
	}
	out, err := n.shape(in)
	if err != nil {
		fault(n, "%v", err)
		return
	}
	if out.Len() > maxValues {
		fault(n, "has %d values a sample, at most %d are possible", out.Len(), maxValues)
		return
	}
	shapes[n.ID] = out
}

// shape returns the shape of n's output for inputs of those shapes.
func (n *Node) shape(in []Shape) (Shape, error) {
	if op, ok := n.of().(combines); ok {
		return op.combined(n, in)
	}
	for i, other := range in[1:] {
		if other != in[0] {
			return Shape{}, fmt.Errorf("adds %v of %q to %v of %q: shapes must be equal", other, n.Inputs[i+1], in[0], n.Inputs[0])
		}
	}
	return n.of().output(n, in[0])
}

// String returns the shape as CxHxW.
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.C, s.H, s.W) }
