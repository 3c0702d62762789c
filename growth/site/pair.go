package site

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Pair is a writer and a reader of a site one of which reads what the other wrote.
type Pair struct{ Writer, Reader nn.NodeID }

// Pairs returns the pairs of a site, writers in order and for each its readers in
// order: one of a chain; of a stream those between which there is a way. A change of
// the outputs of a writer acts on each of its readers, so that what a site has to gain
// is a sum over its pairs.
func (s Site) Pairs(g *nn.Graph) []Pair {
	var out []Pair
	for _, w := range s.Writers {
		ways := s.waysFrom(g, w)
		for _, r := range s.Readers {
			if _, ok := ways[g.Node(r).Inputs[0]]; ok {
				out = append(out, Pair{w, r})
			}
		}
	}
	return out
}

// waysFrom returns, for each node that what w writes reaches, the node before it on
// the first way there: that which comes by the earliest input of each sum. No way leads
// through a gate or an attention, where what comes out is no sum of what goes in.
func (s Site) waysFrom(g *nn.Graph, w nn.NodeID) map[nn.NodeID]nn.NodeID {
	before := map[nn.NodeID]nn.NodeID{w: ""}
	for _, id := range s.Between {
		if role := g.Node(id).Op.Role(); role == nn.Gates || role == nn.Offsets || role == nn.Attends {
			continue
		}
		for _, in := range g.Node(id).Inputs {
			if _, ok := before[in]; ok {
				before[id] = in
				break
			}
		}
	}
	return before
}

// PairOf returns the layout of one pair of a site of a valid graph, as a chain of its
// writer, its reader and what lies on the way between them; where there are several
// ways, as through a block that adds to what it reads, on the first of them. An id of a
// pair must be of its site; the empty pair is that of a chain.
func PairOf(g *nn.Graph, id ID, p Pair) (Layout, error) {
	l, err := LayoutOf(g, id)
	if err != nil || !l.Stream && p == (Pair{}) {
		return l, err
	}
	for _, other := range l.Pairs(g) {
		if other != p {
			continue
		}
		s := Site{ID: id, First: p.Writer, Second: p.Reader, Writers: []nn.NodeID{p.Writer}, Readers: []nn.NodeID{p.Reader}}
		before := l.waysFrom(g, p.Writer)
		for at := g.Node(p.Reader).Inputs[0]; at != p.Writer; at = before[at] {
			s.Between = append([]nn.NodeID{at}, s.Between...)
		}
		shapes, err := g.Shapes()
		if err != nil {
			return Layout{}, err
		}
		return layoutOf(g, shapes, l.at, s), nil
	}
	return Layout{}, fmt.Errorf("%q and %q are no writer and reader of the site %q: it has %v", p.Writer, p.Reader, id, l.Pairs(g))
}

// Unsolved says why some new neurons of a site have no best weights in closed form, or nothing: then random or orthogonal
// ones enter, or copies.
func (s Site) Unsolved(g *nn.Graph) string {
	if s.Heads != "" {
		return "a head is a product of three layers, which has no best weights in closed form: random, orthogonal or copied heads enter, " +
			"towards a target in growth.widths"
	}
	for _, id := range s.Between {
		if n := g.Node(id); n.Op.Role() == nn.Gates {
			return fmt.Sprintf("%s (%s) multiplies them, so that what is behind it has no best weights in closed form: random, "+
				"orthogonal or copied ones enter", id, n.Op)
		}
	}
	return ""
}
