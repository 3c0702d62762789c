package site

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Filter is a layer between writers and readers that filters each channel by weights of
// its own. A new channel gets a filter of its own there.
type Filter struct {
	ID nn.NodeID
	Window
}

// Len returns the number of weights of one channel, its bias counted.
func (f Filter) Len() int {
	if f.Bias {
		return f.Area() + 1
	}
	return f.Area()
}

// filtersOf returns the filters of a site in order.
func filtersOf(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, s Site) []Filter {
	var out []Filter
	for _, id := range s.Between {
		if n := g.Node(id); n.Op.Role() == nn.Filters {
			out = append(out, Filter{id, windowOf(n, shapes[n.Inputs[0]])})
		}
	}
	return out
}

// FilterLen returns the number of weights of one channel in all filters.
func (l Layout) FilterLen() int {
	n := 0
	for _, f := range l.Filters {
		n += f.Len()
	}
	return n
}

// filters returns the filters of an insertion's neurons (k, FilterLen), those that
// pass a channel on unchanged if it has no others.
func (l Layout) filters(in Insertion) []float32 {
	if len(in.Filter) > 0 {
		return in.Filter
	}
	var out []float32
	for range in.Count {
		for _, f := range l.Filters {
			own := make([]float32, f.Len())
			own[f.Centre()] = 1
			out = append(out, own...)
		}
	}
	return out
}

// Norms returns all normalisations of the site, in order, and which Moments the first
// of them is extended by: At.Input of the others follows.
func (l Layout) Norms() (norms []*nn.Node, first int) {
	if l.Norm == nil {
		return l.Later, 1
	}
	return append([]*nn.Node{l.Norm}, l.Later...), 0
}

// Normalised reports whether the site has a normalisation.
func (l Layout) Normalised() bool { return l.Norm != nil || len(l.Later) > 0 }

// laterNorms returns the normalisations of a site but the first of a chain, in order.
func laterNorms(g *nn.Graph, s Site, first *nn.Node) []*nn.Node {
	var out []*nn.Node
	for _, id := range s.Between {
		if n := g.Node(id); n != first && n.Op.Role() == nn.Scales {
			out = append(out, n)
		}
	}
	return out
}

// A Passing is how new channels go through a node between First and Second, once that
// is linearised: pooling of any kind averages over its window, and a filter passes the
// centre of its window on.
type Passing struct {
	Window
	Inside bool // padding does not count
}

// Passings returns those of a site's nodes that bring positions together or move
// them, in order.
func Passings(g *nn.Graph, shapes map[nn.NodeID]nn.Shape, s Site) []Passing {
	var out []Passing
	for _, id := range s.Between {
		n := g.Node(id)
		in := shapes[n.Inputs[0]]
		f, ok := n.Window(in)
		if !ok {
			continue
		}
		w := windowOf(n, in)
		if n.Op.Role() == nn.Filters {
			w.Pad -= w.KernelH / 2
			w.KernelH, w.KernelW = 1, 1
			if w.Stride == 1 && w.Pad == 0 && w.OutH == in.H && w.OutW == in.W {
				continue // each position passes by itself
			}
		}
		out = append(out, Passing{w, f.Inside})
	}
	return out
}

// writeFilters writes the filters of new channels.
func (l *Layout) writeFilters(m *nn.Model, in Insertion, fresh Neurons) {
	values, length := l.filters(in), l.FilterLen()
	first := 0
	for i, at := range fresh.Filters() {
		f := l.Filters[i]
		weight, bias := at.Weight.Of(m.Params), at.Bias.Of(m.Params)
		for k := range in.Count {
			own := values[k*length+first:]
			copy(weight[k*f.Area():][:f.Area()], own)
			if f.Bias {
				bias[k] = own[f.Area()]
			}
		}
		first += f.Len()
	}
}

// writeNorms extends all normalisations as the identity on the new channels, but for
// those that have a gain and shift of their own.
func (l *Layout) writeNorms(m *nn.Model, in Insertion, fresh Neurons) {
	norms, _ := l.Norms()
	for i, at := range fresh.Norms() {
		weight, bias := at.Weight.Of(m.Params), at.Bias.Of(m.Params)
		mean, variance := at.Mean.Of(m.Buffers), at.Var.Of(m.Buffers)
		first := i * in.Count
		for k := range in.Count {
			weight[k] = float32(math.Sqrt(in.Var[first+k] + norms[i].Eps))
			bias[k] = float32(in.Mean[first+k])
			mean[k] = float32(in.Mean[first+k])
			variance[k] = float32(in.Var[first+k])
		}
		if len(in.Gain) > 0 {
			copy(weight, in.Gain[first:])
			copy(bias, in.Shift[first:])
		}
	}
}
