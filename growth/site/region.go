package site

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// region is all nodes of a graph that have the same channels: layers that write them,
// layers that read them, and what lies between, each in node order.
type region struct {
	writers, between, readers []nn.NodeID
	given                     bool      // the input of the graph is one of its nodes
	result                    bool      // the output of the graph is
	coupling                  nn.NodeID // the first node that makes of a channel what others tell, or none
	joined                    *region   // region that it is part of, or nil
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
		if role := n.Op.Role(); (role == nn.Couples || role == nn.Attends) && r.coupling == "" {
			r.coupling = n.ID
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
	case r.coupling != "" && g.Node(r.coupling).Op.Role() == nn.Attends:
		return r.heads(g)
	case r.coupling != "":
		return s, fmt.Sprintf("%s (%s) makes what becomes of a channel depend on others, which a new one would change",
			r.coupling, g.Node(r.coupling).Op)
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

// heads returns the site that the heads of an attention are, or why they are none. What is added to a
// head's channels, or reads them in between, would have to be cut into heads as well.
func (r *region) heads(g *nn.Graph) (s Site, why string) {
	n := g.Node(r.coupling)
	refuse := func(format string, args ...any) (Site, string) {
		return Site{}, fmt.Sprintf("they are the channels of the heads of %s (%s), ", n.ID, n.Op) + fmt.Sprintf(format, args...)
	}
	for _, id := range n.Inputs {
		switch in := g.Node(id); {
		case in.Op.Role() != nn.Mixes:
			return refuse("which reads %s (%s), and no layer that could gain a head", id, in.Op)
		case len(g.Consumers(id)) != 1:
			return refuse("and %s is read elsewhere too", id)
		case in.Out == 0:
			return refuse("and those of %s are none yet", id)
		}
	}
	for _, id := range r.between {
		if role := g.Node(id).Op.Role(); id != n.ID && role != nn.Passes {
			return refuse("and %s (%s) lies behind them", id, g.Node(id).Op)
		}
	}
	if r.result || len(r.readers) == 0 {
		return refuse("which no layer reads")
	}
	return Site{ID: ID(n.ID), First: n.Inputs[0], Between: r.between, Second: r.readers[0], Writers: slices.Clone(n.Inputs),
		Readers: r.readers, Stream: true, Heads: n.ID}, ""
}
