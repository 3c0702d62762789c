package trainer

import (
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// layoutAged is local.LayoutOf with the births of what grew, where c asks for them.
func layoutAged(c optim.Config, g *nn.Graph, ages growth.Ages) optim.Layout {
	l := local.LayoutOf(g)
	if c.Births != optim.VarianceTransfer || len(ages) == 0 {
		return l
	}
	births := ages.Births(g)
	for i, e := range g.ParamEntries() {
		l[i].Births = births[e.Name]
	}
	return l
}

// ArchFactor returns the factor on the learning rate of a network of architecture g.
func ArchFactor(c optim.ArchConfig, g *nn.Graph) float64 {
	if c.Rule != optim.PathSum && c.Rule != optim.MinPath {
		return 1 // the ways need not be looked at
	}
	p := g.Paths()
	return c.Factor(optim.Depths{Cubes: p.Cubes, Shortest: p.Shortest, Kernel: p.Kernel})
}
