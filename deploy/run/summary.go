package run

import (
	"errors"
	"fmt"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/nn/netfile"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Network is a network by itself: one of the zoo, of a file, or of a saved model.
type Network struct {
	Name  string
	Graph *nn.Graph
}

// For says what inputs and outputs a network is looked at with. Zero fields are those that
// its file asks for, else 3x32x32 and 10.
type For struct {
	Input   nn.Shape
	Classes int
}

// Network returns the network that what names: one of the zoo, a file, or a run, checkpoint
// or export. Settings of the model are those that were given.
func (g Given) Network(what string, with For) (*Network, error) {
	if !slices.Contains(nn.Zoo, what) && !nn.IsFile(what) {
		s, err := Open(what)
		if err != nil {
			return nil, fmt.Errorf("%s is no network of the zoo, no file that ends in .yaml, and no run: %w", what, err)
		}
		return &Network{what, s.Model.Graph}, nil
	}
	s := Defaults()
	g.Flags = append(slices.Clone(g.Flags), Flag{Name: "the command line", Key: "model.name", Value: what})
	if err := g.lay(&s).Err(); err != nil {
		return nil, as(ErrUsage, err)
	}
	m := s.Model
	if len(m.Widths) == 0 {
		m.Widths = nil
	}
	input, classes := nn.Shape{C: 3, H: 32, W: 32}, 10
	if m.Text != "" {
		f, err := netfile.Parse(m.Name, m.Text)
		if err != nil {
			return nil, as(ErrUsage, err)
		}
		if f.Input != nil {
			input = nn.Shape(*f.Input)
		}
		if f.Classes != 0 {
			classes = f.Classes
		}
	}
	for _, asked := range []For{{m.Input, m.Classes}, with} {
		if asked.Input != (nn.Shape{}) {
			input = asked.Input
		}
		if asked.Classes != 0 {
			classes = asked.Classes
		}
	}
	m.Input, m.Classes = input, classes
	graph, err := nn.Build(m)
	return &Network{what, graph}, as(ErrUsage, err)
}

// ParseShape reads a shape as CxHxW, or one number of features.
func ParseShape(text string) (s nn.Shape, err error) {
	if n, scanned := fmt.Sscanf(text, "%dx%dx%d", &s.C, &s.H, &s.W); scanned == nil && n == 3 && s.String() == text {
		return s, nil
	}
	if n, scanned := fmt.Sscanf(text, "%d", &s.C); scanned == nil && n == 1 && fmt.Sprint(s.C) == text {
		return nn.Shape{C: s.C, H: 1, W: 1}, nil
	}
	return s, errors.New("a shape is channels x rows x columns, as 3x32x32")
}

// Summary is what there is to know of a network by itself.
type Summary struct {
	Name    string         `json:"name"`
	Input   nn.Shape       `json:"input"`
	Loss    nn.Loss        `json:"loss"`
	Params  int            `json:"params"`
	Buffers int            `json:"buffers"`
	FLOPs   int64          `json:"flops_per_sample"` // forward
	Ways    Ways           `json:"ways"`
	Layers  []LayerSummary `json:"layers"`
	Sites   []site.Site    `json:"sites"`
	Fixed   []site.Fixed   `json:"fixed"`
}

// Ways is what rates by architecture know of a network (optim.ArchConfig).
type Ways struct {
	Count    float64 `json:"count"`      // from the input to the output
	Depth    float64 `json:"mean_depth"` // activations
	Cubes    float64 `json:"cubes"`      // sum of the depths cubed
	Shortest int     `json:"shortest"`   // layers and additions
	PathSum  float64 `json:"path_sum"`   // factor on the learning rate by this rule, for a base depth of 1
	MinPath  float64 `json:"min_path"`   // likewise
}

func waysOf(g *nn.Graph) Ways {
	p := g.Paths()
	factor := func(rule string) float64 { return trainer.ArchFactor(optim.ArchConfig{Rule: rule, BaseDepth: 1}, g) }
	return Ways{p.Count, float64(p.Depths / max(p.Count, 1)), p.Cubes, p.Shortest, factor(optim.PathSum), factor(optim.MinPath)}
}

// LayerSummary is one layer of a Summary.
type LayerSummary struct {
	Name   nn.NodeID   `json:"name"`
	Op     nn.Op       `json:"op"`
	Inputs []nn.NodeID `json:"inputs,omitempty"`
	Output nn.Shape    `json:"output"`
	Params int         `json:"params"`
	FLOPs  int64       `json:"flops_per_sample"`
	// Site is the one whose growth gives the layer outputs, empty: none; Why then says
	// why, of a layer with outputs of its own.
	Site site.ID `json:"site,omitempty"`
	Why  string  `json:"why,omitempty"`
	// Unsolved says why new neurons of the site have no best weights in closed form, at its first layer or attention.
	Unsolved string `json:"unsolved,omitempty"`
}

// Summary returns the layers of the network with shapes, parameters, FLOPs, and whether they may grow.
func (n *Network) Summary() (*Summary, error) {
	g := n.Graph
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	s := &Summary{Name: n.Name, Input: g.Input, Loss: g.Loss, Params: g.NumParams(), Buffers: g.NumBuffers(), FLOPs: g.FLOPs(),
		Ways: waysOf(g), Sites: site.All(g), Fixed: site.FixedWidths(g)}
	params := map[nn.NodeID]int{}
	for _, e := range g.ParamEntries() {
		params[e.Node] += e.Len()
	}
	of, why := map[nn.NodeID]site.ID{}, map[nn.NodeID]string{}
	unsolved := map[nn.NodeID]string{}
	for _, at := range s.Sites {
		of[at.First], unsolved[nn.NodeID(at.ID)] = at.ID, at.Unsolved(g)
		if at.Heads != "" {
			of[at.Heads] = at.ID
		}
		for _, id := range at.Writers {
			of[id] = at.ID
		}
	}
	for _, f := range s.Fixed {
		for _, id := range f.Writers {
			why[id] = f.Why
		}
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		l := LayerSummary{Name: n.ID, Op: n.Op, Inputs: n.Inputs, Output: shapes[n.ID], Params: params[n.ID],
			Site: of[n.ID], Why: why[n.ID], Unsolved: unsolved[n.ID]}
		if i > 0 {
			l.FLOPs = n.FLOPs(shapes[n.Inputs[0]], shapes[n.ID])
		}
		s.Layers = append(s.Layers, l)
	}
	return s, nil
}
