package site

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Stage is a run of residual blocks whose streams have one shape, each reading
// the one before it. Another block can be appended behind its End.
type Stage struct {
	End    nn.NodeID // the stream behind its last block
	Blocks int
	Sites  []ID // inside its blocks, in node order

	sum nn.NodeID // the addition that ends the last block
}

// Stages returns the stages of a valid graph that have a site, in node order.
// A stage ends at the sum (or the only activation behind it) that no further
// block adds to as it is.
func Stages(g *nn.Graph) []Stage {
	inside := map[nn.NodeID][]ID{}
	for _, s := range Chains(g) {
		if sum, ok := sumAfter(g, s.Second); ok {
			inside[sum] = append(inside[sum], s.ID)
		}
	}
	var stages []Stage
	at := map[nn.NodeID]Stage{} // each stage by its End, also one that goes on
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.Op.Role() != nn.Joins {
			continue
		}
		s := Stage{End: streamOf(g, n.ID), sum: n.ID}
		for _, in := range n.Inputs {
			if before, ok := at[in]; ok {
				s.Blocks, s.Sites = before.Blocks, before.Sites
			}
		}
		s.Blocks++
		s.Sites = append(slices.Clone(s.Sites), inside[n.ID]...)
		at[s.End] = s
		if len(s.Sites) > 0 && !slices.ContainsFunc(g.Consumers(s.End),
			func(id nn.NodeID) bool { return g.Node(id).Op.Role() == nn.Joins }) {
			stages = append(stages, s)
		}
	}
	return stages
}

// streamOf returns what the next block reads of a sum: the activation behind
// it, if that is all that reads the sum.
func streamOf(g *nn.Graph, sum nn.NodeID) nn.NodeID {
	if next := g.Consumers(sum); len(next) == 1 && g.Node(next[0]).Op.Role() == nn.Activates {
		return next[0]
	}
	return sum
}

// sumAfter follows the only way from a layer to an addition.
func sumAfter(g *nn.Graph, id nn.NodeID) (nn.NodeID, bool) {
	for {
		next := g.Consumers(id)
		if len(next) != 1 {
			return "", false
		}
		if id = next[0]; g.Node(id).Op.Role() == nn.Joins {
			return id, true
		}
	}
}

// Append returns m with an empty block behind a stage of its graph, and the
// site inside the block; the generation is raised by one. The block is like
// the stage's last one, of kernel size 3 (of size 1 around filters, if that one has
// them), with an inner width of zero: a network with it computes the same bits, for
// what it adds to the stream is zero. A bias stands in for a normalisation of what it
// adds, which would bring the first small values to size one.
func Append(m *nn.Model, s Stage) (*nn.Model, ID, error) {
	g := m.Graph.Clone()
	block, site := emptyBlock(g, s)
	end := block[len(block)-1].ID
	for i := range g.Nodes {
		for k, in := range g.Nodes[i].Inputs {
			if in == s.End && g.Nodes[i].ID != s.End {
				g.Nodes[i].Inputs[k] = end
			}
		}
	}
	at := slices.IndexFunc(g.Nodes, func(n nn.Node) bool { return n.ID == s.End })
	g.Nodes = slices.Insert(g.Nodes, at+1, block...)
	g.Generation++
	if err := g.Validate(); err != nil {
		return nil, "", fmt.Errorf("a block behind %q: %w", s.End, err)
	}
	out := nn.Init(g, 0) // no new weight is random: the block has none yet
	g.DrawFeedback(out.Params)
	carry(out.Params, g.ParamEntries(), m.Params, m.Graph.ParamEntries())
	carry(out.Buffers, g.BufferEntries(), m.Buffers, m.Graph.BufferEntries())
	return out, site, nil
}

// emptyBlock returns the nodes of a block that reads a stage's end.
func emptyBlock(g *nn.Graph, s Stage) ([]nn.Node, ID) {
	like, _ := Find(g, s.Sites[len(s.Sites)-1])
	shapes, _ := g.Shapes()
	name, width := blockName(g, s.sum), shapes[s.End].C
	first, norm, activation := *g.Node(like.First), like.Norm(g), nn.OpReLU
	if i := slices.IndexFunc(like.Between, func(id nn.NodeID) bool { return g.Node(id).Op.Role() == nn.Activates }); i >= 0 {
		activation = g.Node(like.Between[i]).Op
	}
	filters := filtersOf(g, shapes, like)
	size := 3
	if len(filters) > 0 {
		size = 1
	}
	var block []nn.Node
	last := s.End
	add := func(id string, n nn.Node, more ...nn.NodeID) {
		n.ID, n.Inputs = nn.NodeID(name+id), append([]nn.NodeID{last}, more...)
		block, last = append(block, n), n.ID
	}
	layer := func(number string, out int, bias bool) {
		if first.Kernel == 0 {
			add("fc"+number, nn.Node{Op: first.Op, Out: out, Bias: bias})
			return
		}
		add("conv"+number, nn.Node{Op: first.Op, Out: out, Kernel: size, Stride: 1, Pad: size / 2, Bias: bias})
	}
	activate := func(normID, id string) {
		if norm != nil {
			add(normID, nn.Node{Op: norm.Op, Eps: norm.Eps, Momentum: norm.Momentum})
		}
		add(id, nn.Node{Op: activation})
	}
	before := s.End == s.sum // pre-activation: the stream is normalised inside the block
	normID, actID := "bn1", "relu1"
	if before {
		activate(normID, actID)
		normID, actID = "bn2", "relu2"
	}
	layer("1", 0, first.Bias)
	site := ID(last)
	activate(normID, actID)
	for i, f := range filters {
		id, n := fmt.Sprintf("filter%d", i+1), g.Node(f.ID)
		k := n.Kernel - 1 + n.Kernel%2 // one of an even size would not keep the shape
		add(id, nn.Node{Op: n.Op, Kernel: k, Stride: 1, Pad: k / 2, Bias: n.Bias})
		activate(id+".bn", id+".relu")
	}
	layer("2", width, true)
	add("add", nn.Node{Op: nn.OpAdd}, s.End)
	if f, ok := g.Node(s.End).Op.Activation(); ok && !before && f.Idempotent {
		add("relu2", nn.Node{Op: g.Node(s.End).Op}) // its input has passed one already: no change for now
	}
	return block, site
}

// blockName returns what the ids of a new block's nodes begin with: "layer1.2."
// after "layer1.1.add".
func blockName(g *nn.Graph, sum nn.NodeID) string {
	stem, number := string(sum), 0
	if i := strings.LastIndex(stem, "."); i >= 0 {
		stem = stem[:i]
	}
	if i := strings.LastIndex(stem, "."); i >= 0 {
		if n, err := strconv.Atoi(stem[i+1:]); err == nil {
			stem, number = stem[:i], n
		}
	}
	for {
		number++
		name := fmt.Sprintf("%s.%d.", stem, number)
		if !slices.ContainsFunc(g.Nodes, func(n nn.Node) bool { return strings.HasPrefix(string(n.ID), name) }) {
			return name
		}
	}
}
