package measure

import (
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// dormant is a network with neurons that do nothing yet: their incoming
// weights are in place, their outgoing weights are zero.
type dormant struct {
	base       *nn.Graph
	insertions []site.Insertion
	params     []float32 // parameters of the widened graph
}

// newDormant also returns the widened graph.
func newDormant(base *nn.Graph, ins []site.Insertion) (*dormant, *nn.Graph, error) {
	d := &dormant{base: base}
	for _, in := range ins {
		in.Omega = make([]float32, len(in.Omega))
		in.Update = nil
		d.insertions = append(d.insertions, in)
	}
	// only the shapes matter here: fill makes the numbers
	wide, err := d.widen(make([]float32, base.NumParams()), make([]float32, base.NumBuffers()))
	if err != nil {
		return nil, nil, err
	}
	return d, wide.Graph, nil
}

func (d *dormant) widen(params, buffers []float32) (*nn.Model, error) {
	return site.Widen(&nn.Model{Graph: d.base, Params: params, Buffers: buffers}, d.insertions)
}

// fill computes the parameters of the widened graph from the base's.
func (d *dormant) fill(params, buffers []float32) []float32 {
	wide, err := d.widen(params, buffers)
	if err != nil {
		panic("growth: insertions that were checked do not fit")
	}
	d.params = wide.Params
	return d.params
}
