package site

import (
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Removal is neurons of one site that are to go: the inverse of an Insertion.
type Removal struct {
	Site    ID    `json:"site"`
	Neurons []int `json:"neurons"` // ascending, of [0, width of the site)
}

// Shrunk is a graph that lost neurons, and what of the old parameters and buffers it has: as tensors are
// row-major and keep the order of what stays, each flat vector of the new graph is one of the old graph with holes
// closed.
type Shrunk struct {
	Graph                   *nn.Graph
	keptParams, keptBuffers []kernel.Range // ascending, of the old vectors
}

// Shrink takes neurons out of sites of g, at every writer, normalisation, filter and reader of them, and
// raises the generation by one. No site may lose all of its neurons.
func Shrink(g *nn.Graph, removals []Removal) (*Shrunk, error) {
	sites, err := Layouts(g)
	if err != nil {
		return nil, err
	}
	out := &Shrunk{Graph: g.Clone()}
	params, buffers := make([]bool, g.NumParams()), make([]bool, g.NumBuffers())
	for i, r := range removals {
		l, ok := sites.Find(r.Site)
		if !ok {
			return nil, noSite(g, r.Site)
		}
		if err := l.checkRemoval(r); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(removals[:i], func(o Removal) bool { return o.Site == r.Site }) {
			return nil, fmt.Errorf("two removals at %q", r.Site)
		}
		for _, j := range r.Neurons {
			one := l.Neurons(kernel.Range{Lo: j, Hi: j + 1})
			for at := range one.Params() {
				mark(params, at)
			}
			for at := range one.Buffers() {
				mark(buffers, at)
			}
		}
		l.Gain(out.Graph, -len(r.Neurons))
	}
	tensors := nn.ByName(g.ParamEntries())
	for _, e := range g.ParamEntries() {
		if e.Role == nn.RoleFeedback { // error synapses go with the weights that they lie beside
			weight := tensors[string(e.Node)+"."+nn.RoleWeight]
			copy(params[e.Offset:][:e.Len()], params[weight.Offset:][:weight.Len()])
		}
	}
	out.Graph.Generation++
	if err := out.Graph.Validate(); err != nil {
		return nil, err
	}
	out.keptParams, out.keptBuffers = unmarked(params), unmarked(buffers)
	return out, nil
}

// checkRemoval returns what is wrong with a removal at its site.
func (l *Layout) checkRemoval(r Removal) error {
	for i, j := range r.Neurons {
		if j < 0 || j >= l.width || i > 0 && j <= r.Neurons[i-1] {
			return fmt.Errorf("removal at %q: %d is no neuron of %d, or out of order", r.Site, j, l.width)
		}
	}
	if len(r.Neurons) >= l.width {
		return fmt.Errorf("removal at %q: none of its %d neurons would stay", r.Site, l.width)
	}
	return nil
}

func mark(gone []bool, r kernel.Range) {
	for i := r.Lo; i < r.Hi; i++ {
		gone[i] = true
	}
}

// unmarked returns the stretches that are not marked.
func unmarked(gone []bool) (out []kernel.Range) {
	for i := 0; i < len(gone); i++ {
		if gone[i] {
			continue
		}
		lo := i
		for i < len(gone) && !gone[i] {
			i++
		}
		out = append(out, kernel.Range{Lo: lo, Hi: i})
	}
	return out
}

// Params returns what the new graph has of a vector in the order of the old parameters: weights, optimizer state
// or an average. Bits stay.
func (s *Shrunk) Params(flat []float32) []float32 { return closed(flat, s.keptParams) }

// Buffers is Params for a vector in the order of the buffers.
func (s *Shrunk) Buffers(flat []float32) []float32 { return closed(flat, s.keptBuffers) }

// Model returns a model of the old graph without what went.
func (s *Shrunk) Model(m *nn.Model) *nn.Model {
	return &nn.Model{Graph: s.Graph, Params: s.Params(m.Params), Buffers: s.Buffers(m.Buffers)}
}

func closed(flat []float32, kept []kernel.Range) []float32 {
	n := 0
	for _, r := range kept {
		n += r.Len()
	}
	out := make([]float32, 0, n)
	for _, r := range kept {
		out = append(out, r.Of(flat)...)
	}
	return out
}
