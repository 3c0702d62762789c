package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// unit is one node, or a chain of nodes that runs as one: what lies between
// them is never stored.
type unit interface {
	forward(c *compiler)  // adds the steps of the forward pass and sets the value of its last node
	backward(c *compiler) // takes the gradient of its last node and sends gradients to its inputs
}

// units cuts the graph, in the order of their last nodes. Batch normalisation
// takes with it a following ReLU, a maximum over tiles after that, or an
// addition and its ReLU, where nobody else reads or keeps what lies between.
func (c *compiler) units() []unit {
	g := c.graph
	last := make(map[NodeID]unit, len(g.Nodes)) // by last node
	taken := map[NodeID]bool{}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if taken[n.ID] || n.Op == OpInput {
			continue
		}
		switch n.Op {
		case OpConv, OpLinear:
			last[n.ID] = &layerUnit{n}
		case OpBatchNorm:
			u := &normUnit{norm: n, last: n}
			if next := c.only(n, OpReLU, taken); next != nil {
				u.relu, u.last = true, next
				taken[next.ID] = true
				if pool := c.only(next, OpMaxPool, taken); pool != nil && window(pool, c.shapes[next.ID]).Tiles() {
					u.pool, u.last = pool, pool
					taken[pool.ID] = true
				}
			} else if sum := c.only(n, OpAdd, taken); sum != nil && len(sum.Inputs) == 2 {
				u.add, u.last = sum, sum
				taken[sum.ID] = true
				if next := c.only(sum, OpReLU, taken); next != nil {
					u.relu, u.last = true, next
					taken[next.ID] = true
				}
			}
			last[u.last.ID] = u
		case OpMaxPool, OpAvgPool, OpGlobalAvgPool:
			last[n.ID] = &poolUnit{n}
		case OpAdd:
			last[n.ID] = &addUnit{n}
		case OpIdentity, OpFlatten:
			last[n.ID] = &sameUnit{n}
		default:
			last[n.ID] = &activationUnit{n}
		}
	}
	var units []unit
	for i := range g.Nodes {
		if u := last[g.Nodes[i].ID]; u != nil {
			units = append(units, u)
		}
	}
	return units
}

// only returns the one consumer of n if it has that operation, is not taken,
// and nobody needs n's value itself.
func (c *compiler) only(n *Node, op Op, taken map[NodeID]bool) *Node {
	next := c.graph.Consumers(n.ID)
	if c.stored[n.ID] || len(next) != 1 {
		return nil
	}
	m := c.graph.Node(next[0])
	if m.Op != op || taken[m.ID] {
		return nil
	}
	return m
}

// window returns the geometry of pooling node n on an input of shape s.
func window(n *Node, s Shape) kernel.Window {
	if n.Op == OpGlobalAvgPool {
		return kernel.Window{C: s.C, H: s.H, W: s.W, KH: s.H, KW: s.W, Stride: max(s.H, s.W)}
	}
	return kernel.Window{C: s.C, H: s.H, W: s.W, KH: n.Kernel, KW: n.Kernel, Stride: n.Stride, Pad: n.Pad}
}
