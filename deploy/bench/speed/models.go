package speed

import (
	"fmt"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Models lists the names of the networks that can be measured.
func Models() []string {
	return []string{"mlp", "vgg", "vgg-grown", "resnet18-8", "resnet18-16", "resnet18-64"}
}

// build returns the graph of a named network, on (3, 32, 32) inputs and 10 classes.
func build(name string) (*nn.Graph, error) {
	c, ok := nn.Preset(name)
	if !ok {
		return nil, fmt.Errorf("model %q cannot be measured: use one of %s", name, strings.Join(Models(), ", "))
	}
	return nn.Build(c)
}

// stepFLOPs is the work of one sample's forward and backward pass in
// multiplications and additions of convolutions and linear layers. Layers that
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
