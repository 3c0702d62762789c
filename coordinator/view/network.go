package view

import (
	"strings"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Network is what a drawing of the network shows: the layers and sums of the
// newest checkpoint, with the widths that they had at the start of the run.
// Events tell how they grew.
type Network struct {
	Generation uint64 `json:"generation"` // generation of the checkpoint
	Nodes      []Node `json:"nodes"`      // nodes, each behind those that it reads
	FLOPs      int64  `json:"flops"`      // FLOPs of one sample's forward pass
	Params     int    `json:"params"`
}

// Node is the input, a layer with weights, or a sum.
type Node struct {
	ID     nn.NodeID   `json:"id"`
	Op     nn.Op       `json:"op"`
	Kind   string      `json:"kind"` // input, layer, sum or output
	Inputs []nn.NodeID `json:"inputs"`
	Shape  nn.Shape    `json:"shape"` // shape of one sample's output, in the checkpoint
	Start  int         `json:"start"` // width at the start of the run
	Born   uint64      `json:"born"`  // generation in which it first was there
	Kernel int         `json:"kernel,omitempty"`
	// Group is the first node of those whose widths are equal because they are added
	// to one another or filter one another's channels; empty: the node is alone.
	Group nn.NodeID `json:"group,omitempty"`
	// Heads is the attention whose heads the node's channels are, Each how many channels a head has here: events tell of
	// heads. Empty, 0: they are none.
	Heads nn.NodeID `json:"heads,omitempty"`
	Each  int       `json:"each,omitempty"`
}

// Kinds of nodes of a drawing.
const (
	kindInput  = "input"
	kindLayer  = "layer"
	kindSum    = "sum"
	kindOutput = "output"
)

// Widths returns the outputs of the layers but the last in the newest checkpoint.
func (r *Run) Widths() map[string]int {
	widths := map[string]int{}
	if r.network == nil {
		return widths
	}
	for _, n := range r.network.Nodes {
		if n.Kind == kindLayer {
			widths[string(n.ID)] = n.Shape.C
		}
	}
	return widths
}

// NetworkOf returns the drawing of a graph that no run has trained yet.
func NetworkOf(g *nn.Graph) (*Network, error) { return newNetwork(g, nil) }

// newNetwork returns the drawing of a graph. What only passes, scales or pools
// channels is left out: who reads it is drawn as a reader of what it reads.
func newNetwork(g *nn.Graph, events []Event) (*Network, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	n := &Network{Generation: g.Generation, FLOPs: g.FLOPs(), Params: g.NumParams(), Nodes: []Node{}}
	stands := map[nn.NodeID]nn.NodeID{} // what is drawn in place of a node
	groups, heads := tied(g), headsOf(g)
	start, born := beginnings(g, events)
	last := nn.NodeID("")
	for _, node := range g.Nodes {
		if node.Op.Role() == nn.Mixes {
			last = node.ID
		}
	}
	for _, node := range g.Nodes {
		var kind string
		switch role := node.Op.Role(); {
		case role == nn.Begins:
			kind = kindInput
		case len(node.Inputs) > 1:
			kind = kindSum
		case role == nn.Mixes || role == nn.Filters || node.Out > 0:
			kind = kindLayer
			if node.ID == last {
				kind = kindOutput
			}
		default:
			stands[node.ID] = stands[node.Inputs[0]]
			continue
		}
		stands[node.ID] = node.ID
		d := Node{ID: node.ID, Op: node.Op, Kind: kind, Inputs: []nn.NodeID{}, Shape: shapes[node.ID], Start: shapes[node.ID].C,
			Born: born[node.ID], Kernel: node.Kernel}
		d.Group, d.Heads = groups[node.ID], heads[node.ID]
		if d.Heads != "" {
			d.Each = d.Shape.C / g.Node(d.Heads).Heads
		}
		if w, ok := start[d.Heads]; ok && d.Heads != "" {
			d.Start = w * d.Each
		} else if w, ok := start[node.ID]; ok {
			d.Start = w
		} else if w, ok := start[d.Group]; ok && d.Group != "" {
			d.Start = w
		}
		for _, in := range node.Inputs {
			d.Inputs = append(d.Inputs, stands[in])
		}
		n.Nodes = append(n.Nodes, d)
	}
	return n, nil
}

// headsOf returns the attention of the nodes whose channels are those of heads that a network can gain.
func headsOf(g *nn.Graph) map[nn.NodeID]nn.NodeID {
	out := map[nn.NodeID]nn.NodeID{}
	for _, s := range site.Streams(g) {
		if s.Heads == "" {
			continue
		}
		out[s.Heads] = s.Heads
		for _, id := range s.Writers {
			out[id] = s.Heads
		}
	}
	return out
}

// tied returns for the layers and sums whose widths are those of others the first of
// each group in node order.
func tied(g *nn.Graph) map[nn.NodeID]nn.NodeID {
	first := map[nn.NodeID]nn.NodeID{} // the first node of the group that a node's channels belong to
	find := func(id nn.NodeID) nn.NodeID {
		for first[id] != id {
			id = first[id]
		}
		return id
	}
	place, size := map[nn.NodeID]int{}, map[nn.NodeID]int{}
	for i, n := range g.Nodes {
		place[n.ID], first[n.ID] = i, n.ID
		if n.Op.Role() == nn.Begins || n.Op.Role() == nn.Mixes || n.Op.Role() == nn.Couples ||
			n.Op.Role() == nn.Attends {
			continue // channels of its own, or not those of each input
		}
		for _, in := range n.Inputs {
			a, b := find(in), find(n.ID)
			if place[a] > place[b] {
				a, b = b, a
			}
			first[b] = a
		}
	}
	out := map[nn.NodeID]nn.NodeID{}
	drawn := func(n *nn.Node) bool {
		role := n.Op.Role()
		return len(n.Inputs) > 1 || role == nn.Mixes || role == nn.Filters || n.Out > 0
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; drawn(n) {
			size[find(n.ID)]++
		}
	}
	for i := range g.Nodes {
		if n := &g.Nodes[i]; drawn(n) && size[find(n.ID)] > 1 {
			out[n.ID] = find(n.ID)
		}
	}
	return out
}

// beginnings goes back through the events before a graph's generation, and
// returns the first widths of the layers that grew and the generations in which
// the nodes of appended blocks came.
func beginnings(g *nn.Graph, events []Event) (start map[nn.NodeID]int, born map[nn.NodeID]uint64) {
	start, born = map[nn.NodeID]int{}, map[nn.NodeID]uint64{}
	for i := len(events) - 1; i >= 0; i-- {
		e := &events[i]
		if e.Generation >= g.Generation {
			continue
		}
		for _, grown := range e.Grown {
			start[nn.NodeID(grown.Site)] = grown.From
		}
		if e.Deepened == nil {
			continue
		}
		block := strings.TrimSuffix(strings.TrimSuffix(string(e.Deepened.Site), "conv1"), "fc1")
		for _, n := range g.Nodes {
			if block != "" && strings.HasPrefix(string(n.ID), block) {
				born[n.ID] = e.Generation + 1
			}
		}
	}
	return start, born
}
