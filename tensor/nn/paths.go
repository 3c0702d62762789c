package nn

// Paths are sums over all ways from the input of a graph to its output. The depth of a
// way is the number of activations on it. A layer of width zero lets nothing
// through, so no way leads over it.
type Paths struct {
	Count   float64 // ways
	Depths  float64 // sum of their depths
	Squares float64 // sum of the squares of their depths
	Cubes   float64 // sum of the cubes of their depths: sum_p L_p^3 of [arch-aware] eq. 8
	// Shortest is the fewest layers and additions on a way.
	Shortest int
	// Kernel is the largest side of a kernel of the layers, 0 where none has one.
	Kernel int
}

// Paths returns the sums over the ways through g. They are carried from node to node, so
// that a graph of 2^k ways costs no more than its edges; counts beyond 2^53 are rounded.
// The graph must be valid.
func (g *Graph) Paths() Paths {
	shapes := g.mustShapes()
	at := make(map[NodeID]Paths, len(g.Nodes))
	kernel := 0
	for i := range g.Nodes {
		n := &g.Nodes[i]
		here := Paths{Count: 1}
		if len(n.Inputs) > 0 {
			here = meet(n.Inputs, at)
		}
		role := n.Op.Role()
		switch role {
		case Activates:
			here.deeper()
		case Mixes, Filters, Joins:
			here.Shortest++
		}
		if role == Mixes || role == Filters {
			kernel = max(kernel, n.Kernel)
		}
		if here.Count == 0 || shapes[n.ID].Len() == 0 {
			here = Paths{}
		}
		at[n.ID] = here
	}
	all := at[g.Output().ID]
	all.Kernel = kernel
	return all
}

// meet returns the ways that come in by the inputs of a node.
func meet(inputs []NodeID, at map[NodeID]Paths) Paths {
	var all Paths
	for _, id := range inputs {
		in := at[id]
		if in.Count == 0 {
			continue
		}
		if all.Count == 0 || in.Shortest < all.Shortest {
			all.Shortest = in.Shortest
		}
		all.Count += in.Count
		all.Depths += in.Depths
		all.Squares += in.Squares
		all.Cubes += in.Cubes
	}
	return all
}

// deeper makes every way longer by one: (L+1)^3 = L^3 + 3 L^2 + 3 L + 1.
func (p *Paths) deeper() {
	p.Cubes += float64(3*p.Squares) + float64(3*p.Depths) + p.Count
	p.Squares += float64(2*p.Depths) + p.Count
	p.Depths += p.Count
}

// terms returns how many values are added up, each from an edge of its own, to make
// what id is part of: those of the first addition between id and the next activation or
// layer, 1 without one. It is the in-degree of the vertex that id leads to.
func (g *Graph) terms(id NodeID, shapes map[NodeID]Shape) int {
	for {
		next := g.Consumers(id)
		if len(next) == 0 {
			return 1
		}
		n := g.Node(next[0])
		switch n.Op.Role() {
		case Joins:
			count := 0
			for _, in := range n.Inputs {
				if g.reaches(in, shapes) {
					count++
				}
			}
			return max(count, 1)
		case Activates, Mixes, Filters, Couples, Gates:
			return 1
		}
		id = n.ID
	}
}

// reaches reports whether what id puts out depends on anything: behind a layer that
// reads no channel there is only a bias.
func (g *Graph) reaches(id NodeID, shapes map[NodeID]Shape) bool {
	for {
		n := g.Node(id)
		if shapes[id].Len() == 0 {
			return false
		}
		if len(n.Inputs) != 1 {
			return true
		}
		id = n.Inputs[0]
	}
}
