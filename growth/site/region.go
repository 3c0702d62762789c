package site

import (
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// region is all nodes of a graph that have the same channels: layers that write them,
// layers that read them, and what lies between, each in node order.
type region struct {
	writers, between, readers []nn.NodeID
	given                     bool    // the input of the graph is one of its nodes
	result                    bool    // the output of the graph is
	joined                    *region // region that it is part of, or nil
}

// regions returns those of a valid graph, in the order of their first nodes.
func regions(g *nn.Graph) []*region {
	var all []*region
	of := make(map[nn.NodeID]*region, len(g.Nodes)) // regions by the nodes whose outputs have their channels
	find := func(id nn.NodeID) *region {
		r := of[id]
		for r.joined != nil {
			r = r.joined
		}
		return r
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		switch n.Op.Role() {
		case nn.Begins:
			of[n.ID] = &region{given: true}
		case nn.Mixes:
			of[n.ID] = new(region)
		default:
			r := find(n.Inputs[0])
			for _, in := range n.Inputs[1:] {
				if other := find(in); other != r {
					other.joined, r.given = r, r.given || other.given
				}
			}
			of[n.ID] = r
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		r := find(n.ID)
		if len(r.writers)+len(r.between) == 0 {
			all = append(all, r)
		}
		if n.Op.Role() != nn.Mixes {
			r.between = append(r.between, n.ID)
			continue
		}
		r.writers = append(r.writers, n.ID)
		from := find(n.Inputs[0])
		from.readers = append(from.readers, n.ID)
	}
	find(g.Output().ID).result = true
	return all
}

// site returns the site that a region is, or why it is none.
func (r *region) site(g *nn.Graph) (s Site, why string) {
	switch {
	case r.given && len(r.writers) == 0:
		return s, "they are the channels of the input"
	case r.given:
		return s, "their outputs are added to the input, whose channels are given"
	case r.result:
		return s, "their outputs are those of the network"
	}
	if s, ok := chainFrom(g, r.writers[0]); ok {
		return s, ""
	}
	first := r.writers[0]
	return Site{ID: ID(first), First: first, Between: r.between, Second: r.readers[0], Writers: r.writers, Readers: r.readers,
		Stream: true}, ""
}
