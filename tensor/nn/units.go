package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// unit is one node, or a chain of nodes that runs as one: what lies between
// them is never stored.
type unit interface {
	end() *Node           // its last node
	forward(c *compiler)  // adds the steps of the forward pass and sets the value of its last node
	backward(c *compiler) // takes the gradient of its last node and sends gradients to its inputs
}

// units cuts the graph, in the order of their last nodes.
func (c *compiler) units() []unit {
	nodes := c.graph.Nodes
	last := make(map[NodeID]unit, len(nodes))
	for i := range nodes {
		n := &nodes[i]
		if c.taken[n.ID] {
			continue
		}
		if u := n.of().unit(c, n); u != nil {
			last[u.end().ID] = u
		}
	}
	var units []unit
	for i := range nodes {
		if u := last[nodes[i].ID]; u != nil {
			units = append(units, u)
		}
	}
	return units
}

// only returns the one consumer of n if it has that operation, is not taken,
// and nobody needs n's value itself.
func (c *compiler) only(n *Node, op Op) *Node {
	next := c.graph.Consumers(n.ID)
	if c.stored[n.ID] || len(next) != 1 {
		return nil
	}
	m := c.graph.Node(next[0])
	if m.Op != op || c.taken[m.ID] {
		return nil
	}
	if c.graph.LRA != nil && m.Op.Role() == Activates {
		return nil // its target is computed from what it reads
	}
	return m
}

// take makes n the last node of u.
func (c *compiler) take(u *normUnit, n *Node) {
	u.last = n
	c.taken[n.ID] = true
}

// sameUnit is a node whose output is its input.
type sameUnit struct{ n *Node }

func (u *sameUnit) end() *Node { return u.n }

func (u *sameUnit) forward(c *compiler) { c.value[u.n.ID] = c.in(u.n, 0) }

func (u *sameUnit) backward(c *compiler) {
	if dy := c.gradient(u.n); dy != noBuf && c.wants[u.n.Inputs[0]] {
		c.send(u.n.Inputs[0], dy)
	}
}

// addUnit is a sum of nodes; all of them get the sum's own gradient.
type addUnit struct{ n *Node }

func (u *addUnit) end() *Node { return u.n }

func (u *addUnit) forward(c *compiler) {
	sum := c.in(u.n, 0)
	for i := 1; i < len(u.n.Inputs); i++ {
		part := c.in(u.n, i)
		next := c.output(u.n)
		c.tape.add(&addStep{next, sum, part}, next, []buf{sum, part}, sum, part)
		sum = next
	}
}

func (u *addUnit) backward(c *compiler) {
	dy := c.gradient(u.n)
	for _, in := range u.n.Inputs {
		if c.wants[in] {
			c.send(in, dy)
		}
	}
}

type addStep struct{ y, a, b buf }

func (s *addStep) run(w *Workspace)          { kernel.Add(w.at(s.y), w.at(s.a), w.at(s.b)) }
func (s *addStep) describe() (string, int64) { return "add", 0 }
