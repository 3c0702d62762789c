package site

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Layout is what surgery needs to know of a site in a graph.
type Layout struct {
	Site
	Writers  []Writer
	Readers  []Reader
	Incoming Window     // what the first writer reads
	Outgoing Window     // what the first reader reads
	Outputs  int        // c: of the first reader
	Norm     *nn.Node   // the normalisation right behind First of a chain, or nil
	Later    []*nn.Node // the other normalisations, in order
	Filters  []Filter   // filters in order of computation

	width     int
	attention int64 // FLOPs of one head of the site's attention
	at        *places
}

// LayoutOf returns the layout of a site of a valid graph. Its errors are those of
// an invalid graph and of an id that is no site of it.
func LayoutOf(g *nn.Graph, id ID) (Layout, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return Layout{}, err
	}
	s, ok := Find(g, id)
	if !ok {
		return Layout{}, noSite(g, id)
	}
	return layoutOf(g, shapes, placesOf(g), s), nil
}

func noSite(g *nn.Graph, id ID) error {
	return fmt.Errorf("%q is no site of the graph of generation %d", id, g.Generation)
}

// Sites is the layouts of all sites of a graph, in the order of All.
type Sites []Layout

// Find returns the layout of the site of that id.
func (s Sites) Find(id ID) (Layout, bool) {
	i := slices.IndexFunc(s, func(l Layout) bool { return l.ID == id })
	if i < 0 {
		return Layout{}, false
	}
	return s[i], true
}

// Layouts returns the layouts of all sites of a graph: for several sites it is quicker
// than LayoutOf. Its error is that of an invalid graph.
func Layouts(g *nn.Graph) (Sites, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	var out Sites
	at := placesOf(g)
	for _, s := range All(g) {
		out = append(out, layoutOf(g, shapes, at, s))
	}
	return out, nil
}

func layoutOf(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, at *places, s Site) Layout {
	l := Layout{Site: s, Norm: s.Norm(g), Filters: filtersOf(g, shapes, s), width: s.Width(g), at: at}
	l.Later = laterNorms(g, s, l.Norm)
	window := func(n *nn.Node) Window { return windowOf(n, shapes[n.Inputs[0]]) }
	tensor := func(id nn.NodeID, role string) nn.Entry { return at.params[string(id)+"."+role] }
	for _, id := range s.Writers {
		n := g.Node(id)
		l.Writers = append(l.Writers, Writer{id, window(n), s.each(g, n.Out), tensor(id, nn.RoleWeight), tensor(id, nn.RoleBias)})
	}
	for _, id := range s.Readers {
		n := g.Node(id)
		each := 1
		if s.Heads != "" {
			each = s.each(g, shapes[s.Heads].C)
			l.attention = attentionFLOPs(g, shapes, s)
		}
		l.Readers = append(l.Readers, Reader{id, window(n), n.Out, each, tensor(id, nn.RoleWeight), tensor(id, nn.RoleBias)})
	}
	l.Incoming, l.Outgoing, l.Outputs = l.Writers[0].Window, l.Readers[0].Window, l.Readers[0].Outputs
	return l
}

// Inputs returns the number of weights and biases by which one neuron reads, at all
// writers together: a, at a chain.
func (l *Layout) Inputs() int {
	n := 0
	for _, w := range l.Writers {
		n += w.Incoming()
	}
	return n
}

// AllOutputs returns how many outputs all readers have together: c, at a chain.
func (l *Layout) AllOutputs() int {
	n := 0
	for _, r := range l.Readers {
		n += r.Outputs
	}
	return n
}

// Connected reports whether a new neuron would read something and be read.
func (l *Layout) Connected() bool { return l.Inputs() > 0 && l.AllOutputs() > 0 }

// outgoing returns the number of weights by which one neuron is read.
func (l *Layout) outgoing() int {
	n := 0
	for _, r := range l.Readers {
		n += r.Outputs * r.Outgoing()
	}
	return n
}

// UpdateLen returns the number of existing weights and biases of all readers.
func (l *Layout) UpdateLen() int {
	n := 0
	for _, r := range l.Readers {
		n += r.Outputs * r.Rows()
	}
	return n
}

// ParamsPerNeuron returns the number of parameters of one neuron. New neurons of a
// layer that both writes and reads the site have weights among each other too.
func (l *Layout) ParamsPerNeuron() int {
	norms, _ := l.Norms()
	return l.Inputs() + l.outgoing() + 2*len(norms) + l.FilterLen()
}

// FLOPsPerNeuron returns what one neuron adds to the FLOPs of one sample's forward
// pass, at all layers that write or read it.
func (l *Layout) FLOPsPerNeuron() int64 {
	sum := l.attention
	for _, w := range l.Writers {
		sum += 2 * int64(w.Each) * int64(w.Weights()) * int64(w.Positions())
	}
	for _, r := range l.Readers {
		sum += 2 * int64(r.Outputs) * int64(r.Outgoing()) * int64(r.Positions())
	}
	for _, f := range l.Filters {
		sum += 2 * int64(f.Area()) * int64(f.Positions())
	}
	return sum
}

// attentionFLOPs returns those of one head of the site's attention, for one sample.
func attentionFLOPs(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, s Site) int64 {
	n := g.Node(s.Heads)
	return n.FLOPs(shapes[n.Inputs[0]], shapes[n.ID]) / int64(n.Heads)
}
