package view

import (
	"strings"

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
}

// Kinds of nodes of a drawing.
const (
	kindInput  = "input"
	kindLayer  = "layer"
	kindSum    = "sum"
	kindOutput = "output"
)

// newNetwork returns the drawing of a graph. What only passes, scales or pools
// channels is left out: who reads it is drawn as a reader of what it reads.
func newNetwork(g *nn.Graph, events []Event) (*Network, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	n := &Network{Generation: g.Generation, FLOPs: g.FLOPs(), Params: g.NumParams(), Nodes: []Node{}}
	stands := map[nn.NodeID]nn.NodeID{} // what is drawn in place of a node
	start, born := beginnings(g, events)
	last := nn.NodeID("")
	for _, node := range g.Nodes {
		if node.Op.Role() == nn.Mixes {
			last = node.ID
		}
	}
	for _, node := range g.Nodes {
		kind := ""
		switch node.Op.Role() {
		case nn.Begins:
			kind = kindInput
		case nn.Joins:
			kind = kindSum
		case nn.Mixes:
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
		if w, ok := start[node.ID]; ok {
			d.Start = w
		}
		for _, in := range node.Inputs {
			d.Inputs = append(d.Inputs, stands[in])
		}
		n.Nodes = append(n.Nodes, d)
	}
	return n, nil
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
