// Package site says what a place for new neurons is in a graph, and adds neurons and
// residual blocks there: to architecture, weights, buffers and flat optimizer state.
// It decides nothing.
package site

import (
	"slices"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// ID names a site: it is the id of the layer that gains outputs.
type ID string

// Site is a place where neurons can be added: Writers gain outputs, Readers gain
// inputs, Between is what the new activations pass through, in node order.
//
// A chain has one way from one writer, First, to one reader, Second. All others are
// streams, as that of a residual network: channels that several layers write, whose
// outputs are added up, or that several read.
type Site struct {
	ID      ID          `json:"site" msgpack:"site"`
	First   nn.NodeID   `json:"first" msgpack:"first"` // first of Writers
	Between []nn.NodeID `json:"between,omitempty" msgpack:"between,omitempty"`
	Second  nn.NodeID   `json:"second" msgpack:"second"` // the first of Readers
	Writers []nn.NodeID `json:"writers" msgpack:"writers"`
	Readers []nn.NodeID `json:"readers" msgpack:"readers"`
	Stream  bool        `json:"stream,omitempty" msgpack:"stream,omitempty"`
	// Heads is the attention whose heads the neurons of a stream are, empty: it has none. A neuron is then some channels of
	// each writer side by side, as many as a head has there.
	Heads nn.NodeID `json:"heads,omitempty" msgpack:"heads,omitempty"`
}

// All returns the sites of a valid graph in the order of their first writers.
//
// A chain is a convolution or linear layer whose output goes, on one way only, through
// at most one batch normalisation, then activations, pooling and filters of single
// channels, each of which may have a batch normalisation behind it, to another
// convolution or linear layer. A stream is all nodes that must have the same channels,
// since they are added up or hand each other's channels on; it is named after its
// first writer. Channels of the input or the output of the network, and those whose
// role is Couples somewhere, are no site (see Fixed). The heads of an attention are one,
// named after it, if its queries, keys and values are layers that nobody else reads.
func All(g *nn.Graph) []Site {
	var sites []Site
	for _, r := range regions(g) {
		if s, why := r.site(g); why == "" {
			sites = append(sites, s)
		}
	}
	place := make(map[nn.NodeID]int, len(g.Nodes))
	for i := range g.Nodes {
		place[g.Nodes[i].ID] = i
	}
	slices.SortStableFunc(sites, func(a, b Site) int { return place[a.First] - place[b.First] })
	return sites
}

// Chains returns the sites of a valid graph that are chains, in node order.
func Chains(g *nn.Graph) []Site {
	return slices.DeleteFunc(All(g), func(s Site) bool { return s.Stream })
}

// Streams returns the sites of a valid graph that are no chains, in node order.
func Streams(g *nn.Graph) []Site {
	return slices.DeleteFunc(All(g), func(s Site) bool { return !s.Stream })
}

// Fixed is layers that write the same channels and cannot gain any.
type Fixed struct {
	Writers []nn.NodeID `json:"writers"`
	Why     string      `json:"why"`
}

// FixedWidths returns the layers of a valid graph that belong to no site, and why, in
// node order.
func FixedWidths(g *nn.Graph) []Fixed {
	var out []Fixed
	for _, r := range regions(g) {
		if _, why := r.site(g); why != "" && len(r.writers) > 0 {
			out = append(out, Fixed{r.writers, why})
		}
	}
	return out
}

// chainFrom follows the only way from first to the next layer.
func chainFrom(g *nn.Graph, first nn.NodeID) (Site, bool) {
	s := Site{ID: ID(first), First: first, Writers: []nn.NodeID{first}}
	linear := true // nothing but a layer lies right before
	for id := first; ; {
		next := g.Consumers(id)
		if len(next) != 1 {
			return Site{}, false
		}
		n := g.Node(next[0])
		switch n.Op.Role() {
		case nn.Mixes:
			s.Second, s.Readers = n.ID, []nn.NodeID{n.ID}
			return s, true
		case nn.Scales:
			if !linear {
				return Site{}, false // its statistics would be those of activations
			}
		case nn.Activates, nn.Pools, nn.Passes, nn.Filters:
		default:
			return Site{}, false
		}
		s.Between = append(s.Between, n.ID)
		id, linear = n.ID, n.Op.Role() == nn.Filters
	}
}

// Find returns the site of that id.
func Find(g *nn.Graph, id ID) (Site, bool) {
	n := g.Node(nn.NodeID(id))
	if n == nil || n.Op.Role() != nn.Mixes && n.Op.Role() != nn.Attends {
		return Site{}, false
	}
	if s, ok := chainFrom(g, n.ID); ok && n.Op.Role() == nn.Mixes {
		return s, true
	}
	for _, s := range All(g) {
		if s.ID == id {
			return s, true
		}
	}
	return Site{}, false
}

// Gain gives a site of g that many more neurons. All other widths follow.
func (s Site) Gain(g *nn.Graph, neurons int) {
	for _, id := range s.Writers {
		n := g.Node(id)
		n.Out += neurons * s.each(g, n.Out)
	}
	if s.Heads != "" {
		g.Node(s.Heads).Heads += neurons
	}
}

// each returns how many of so many channels a neuron is: those of a head, or one.
func (s Site) each(g *nn.Graph, channels int) int {
	if s.Heads == "" {
		return 1
	}
	return channels / g.Node(s.Heads).Heads
}

// Norm returns the batch normalisation right behind First of a chain, or nil.
func (s Site) Norm(g *nn.Graph) *nn.Node {
	if len(s.Between) > 0 && !s.Stream {
		if n := g.Node(s.Between[0]); n.Op.Role() == nn.Scales {
			return n
		}
	}
	return nil
}

// Activations returns the functions among Between that are not linear.
func (s Site) Activations(g *nn.Graph) []nn.Activation {
	var found []nn.Activation
	for _, id := range s.Between {
		if a, ok := g.Node(id).Op.Activation(); ok {
			found = append(found, a)
		}
	}
	return found
}

// Width returns the number of neurons: the outputs of First, or heads.
func (s Site) Width(g *nn.Graph) int {
	if s.Heads != "" {
		return g.Node(s.Heads).Heads
	}
	return g.Node(s.First).Out
}

// CutBefore returns the last node at or before id, in node order, that all
// later nodes depend on alone and whose width is not zero: what is behind it
// can be run from its value.
func CutBefore(g *nn.Graph, id nn.NodeID) nn.NodeID {
	place := make(map[nn.NodeID]int, len(g.Nodes))
	for i := range g.Nodes {
		place[g.Nodes[i].ID] = i
	}
	cut := place[id]
	shapes, err := g.Shapes()
	if err != nil {
		panic("growth: cut of an invalid graph")
	}
	for moved := true; moved; {
		moved = false
		if n := &g.Nodes[cut]; shapes[n.ID].C == 0 {
			cut, moved = place[n.Inputs[0]], true
		}
		for i := cut + 1; i < len(g.Nodes); i++ {
			for _, in := range g.Nodes[i].Inputs {
				if place[in] < cut {
					cut, moved = place[in], true
				}
			}
		}
	}
	return g.Nodes[cut].ID
}

// Suffix returns the graph behind the cut, whose value becomes the input, for forward passes alone,
// and the number of parameters and buffers that lie before its own.
func Suffix(g *nn.Graph, cut nn.NodeID) (rest *nn.Graph, params, buffers int) {
	shapes, err := g.Shapes()
	if err != nil {
		panic("growth: suffix of an invalid graph")
	}
	rest = &nn.Graph{Generation: g.Generation, Input: shapes[cut], Loss: g.Loss, Smoothing: g.Smoothing}
	rest.Nodes = append(rest.Nodes, nn.Node{ID: cut, Op: nn.OpInput})
	behind := false
	for _, n := range g.Clone().Nodes {
		if behind {
			rest.Nodes = append(rest.Nodes, n)
		}
		behind = behind || n.ID == cut
	}
	return rest, g.NumForward() - rest.NumParams(), g.NumBuffers() - rest.NumBuffers()
}
