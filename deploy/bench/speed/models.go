package speed

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Models lists the names of the networks that can be measured.
func Models() []string {
	return []string{"mlp", "vgg", "vgg-grown", "resnet18-8", "resnet18-16", "resnet18-64", "separable", "vit"}
}

// build returns the graph of a named network, on (3, 32, 32) inputs and 10 classes.
func build(name string) (*nn.Graph, error) {
	if layers, ok := own[name]; ok {
		g := layers()
		return g, g.Validate()
	}
	c, ok := nn.Preset(name)
	if !ok {
		return nil, fmt.Errorf("model %q cannot be measured: use one of %s", name, strings.Join(Models(), ", "))
	}
	return nn.Build(c)
}

// own are networks that measurements alone have: of depthwise separable convolutions, as
// MobileNet's, and a small vision transformer.
var own = map[string]func() *nn.Graph{"separable": separable, "vit": transformer}

// stack is a graph that grows node by node, each of which reads the one before unless said otherwise.
type stack struct{ *nn.Graph }

func newStack() stack {
	return stack{&nn.Graph{Input: nn.Shape{C: 3, H: 32, W: 32}, Loss: nn.CrossEntropy, Nodes: []nn.Node{{ID: "input", Op: nn.OpInput}}}}
}

func (s stack) add(n nn.Node) nn.NodeID {
	n.ID = nn.NodeID(fmt.Sprintf("%s%d", n.Op, len(s.Nodes)))
	if n.Inputs == nil {
		n.Inputs = []nn.NodeID{s.Output().ID}
	}
	s.Nodes = append(s.Nodes, n)
	return n.ID
}

func (s stack) head() *nn.Graph {
	s.add(nn.Node{Op: nn.OpGlobalAvgPool})
	s.add(nn.Node{Op: nn.OpLinear, Out: 10, Bias: true})
	return s.Graph
}

func separable() *nn.Graph {
	s := newStack()
	normed := func(n nn.Node) {
		s.add(n)
		s.add(nn.Node{Op: nn.OpBatchNorm, Eps: 1e-5, Momentum: 0.1})
		s.add(nn.Node{Op: nn.OpReLU})
	}
	normed(nn.Node{Op: nn.OpConv, Out: 32, Kernel: 3, Stride: 1, Pad: 1})
	for _, b := range []struct{ out, stride int }{{64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}} {
		normed(nn.Node{Op: nn.OpDepthwise, Kernel: 3, Stride: b.stride, Pad: 1})
		normed(nn.Node{Op: nn.OpConv, Out: b.out, Kernel: 1, Stride: 1})
	}
	return s.head()
}

// transformer has 64 tokens of 128 channels, two blocks of four heads, and MLPs twice as wide.
func transformer() *nn.Graph {
	s := newStack()
	token := func(out int, in ...nn.NodeID) nn.NodeID {
		return s.add(nn.Node{Op: nn.OpConv, Out: out, Kernel: 1, Stride: 1, Bias: true, Inputs: in})
	}
	norm := func() nn.NodeID { return s.add(nn.Node{Op: nn.OpLayerNorm, Eps: 1e-6}) }
	s.add(nn.Node{Op: nn.OpConv, Out: 128, Kernel: 4, Stride: 4, Bias: true})
	x := s.add(nn.Node{Op: nn.OpPositional})
	for range 2 {
		y := norm()
		q, k, v := token(128, y), token(128, y), token(128, y)
		token(128, s.add(nn.Node{Op: nn.OpAttention, Inputs: []nn.NodeID{q, k, v}, Heads: 4}))
		x = s.add(nn.Node{Op: nn.OpAdd, Inputs: []nn.NodeID{x, s.Output().ID}})
		norm()
		token(256)
		s.add(nn.Node{Op: nn.OpGELU})
		token(128)
		x = s.add(nn.Node{Op: nn.OpAdd, Inputs: []nn.NodeID{x, s.Output().ID}})
	}
	norm()
	return s.head()
}

// stepFLOPs is the work of one sample's forward and backward pass in
// multiplications and additions of convolutions, linear layers and attention. Layers that
// read the input compute no gradient for it.
func stepFLOPs(g *nn.Graph) (int64, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return 0, err
	}
	var total int64
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if len(n.Inputs) == 0 {
			continue
		}
		passes := int64(3)
		if g.Node(n.Inputs[0]).Op.Role() == nn.Begins {
			passes = 2
		}
		total += passes * n.FLOPs(shapes[n.Inputs[0]], shapes[n.ID])
	}
	return total, nil
}
