package local

import (
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// LayoutOf tells an optimizer what the parameters of a graph are.
func LayoutOf(g *nn.Graph) optim.Layout {
	var l optim.Layout
	scaled := map[nn.NodeID]bool{} // nodes with a weight for each channel
	for _, e := range g.ParamEntries() {
		t := optim.Tensor{Len: e.Len()}
		role := g.Node(e.Node).Op.Role()
		if e.Role == nn.RoleWeight && len(e.Shape) == 1 {
			scaled[e.Node] = true
		}
		switch {
		case scaled[e.Node] && e.Role == nn.RoleBias:
			t.Kind = optim.NormBiases
		case scaled[e.Node]:
			t.Kind = optim.NormScales
		case e.Role == nn.RoleBias:
			t.Kind = optim.Biases
		case e.Role == nn.RoleFeedback && !g.LRA.Mirror:
			t.Kind = optim.Undecayed // and without a matrix's update
		case role == nn.Mixes && len(e.Shape) == 4: // a convolution that is no filter of single channels
			t.Kind, t.Rows, t.Normed = optim.Filters, e.Shape[0], normed(g, e.Node)
		}
		l = append(l, t)
	}
	return l
}

// normed reports whether every reader of a node is a batch normalisation.
func normed(g *nn.Graph, id nn.NodeID) bool {
	readers := g.Consumers(id)
	for _, r := range readers {
		if g.Node(r).Op.Role() != nn.Scales {
			return false
		}
	}
	return len(readers) > 0
}
