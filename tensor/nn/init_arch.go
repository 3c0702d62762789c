package nn

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// InitArchAware is Init, but for the weights of layers: they are normal with variance C/n in
// hidden layers and C/n^2 in the last one, where n is the fan-in and C = 2/d, d the
// number of values that are added up where the layer's output goes
// ([arch-aware], arXiv 2402.17440, eq. 2 and 4). So a sum over several edges has the
// size of one. C is 1/d before an activation that does not halve, as tanh.
func InitArchAware(g *Graph, seed uint64) *Model {
	m, shapes := Init(g, seed), g.mustShapes()
	for _, e := range g.ParamEntries() {
		if n := g.Node(e.Node); e.Role != RoleWeight || n.Op.Role() != Mixes && n.Op.Role() != Filters || e.Len() == 0 {
			continue
		}
		fanIn := float64(e.Len() / e.Shape[0])
		std := math.Sqrt(g.gain(e.Node) / float64(g.terms(e.Node, shapes)) / fanIn)
		if g.last(e.Node) {
			std /= math.Sqrt(fanIn)
		}
		s, values := rng.New(seed, rng.Key(e.Name)), e.Of(m.Params)
		for i := range values {
			values[i] = float32(std * s.Normal(uint64(i)))
		}
	}
	return m
}

// gain is 2 where the activation behind a layer halves the mean square of what it reads,
// or, where there is none, one of the graph does; else 1.
func (g *Graph) gain(id NodeID) float64 {
	op := g.activationAfter(id)
	for i := 0; op == OpIdentity && i < len(g.Nodes); i++ {
		if g.Nodes[i].Op.Role() == Activates {
			op = g.Nodes[i].Op
		}
	}
	if a, ok := op.Activation(); ok && a.Halves {
		return 2
	}
	return 1
}

// last reports whether no layer comes behind id.
func (g *Graph) last(id NodeID) bool {
	behind := map[NodeID]bool{id: true}
	for i := range g.Nodes {
		for _, in := range g.Nodes[i].Inputs {
			if behind[in] {
				if r := g.Nodes[i].Op.Role(); r == Mixes || r == Filters {
					return false
				}
				behind[g.Nodes[i].ID] = true
			}
		}
	}
	return true
}
