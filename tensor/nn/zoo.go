package nn

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ModelConfig names a network of the zoo. Zero fields take the model's default.
type ModelConfig struct {
	Name    string `json:"name" yaml:"name"` // mlp, cnn, vgg, resnet18, resnet20, resnet32, resnet56, wrn28
	Input   Shape  `json:"input" yaml:"input"`
	Classes int    `json:"classes" yaml:"classes"`
	Loss    Loss   `json:"loss" yaml:"loss"` // default cross_entropy
	// LabelSmoothing is the part of a training sample's target that is shared out over all classes; mse has none.
	LabelSmoothing float64 `json:"label_smoothing" yaml:"label_smoothing"`
	// Widths are the hidden layers of mlp (default 64, 64) and the convolutions
	// of cnn (default 4, 4, 4, 4) and vgg (default 32, 64, 128). A layer may
	// start with 0, but not two in a row.
	Widths []int `json:"widths" yaml:"widths"`
	// Width is the base width of the residual networks: default 64 for
	// resnet18, 16 for the others. Widen is wrn28's factor k, default 10.
	Width int `json:"width" yaml:"width"`
	Widen int `json:"widen" yaml:"widen"`
	// EmptyBlocks starts the blocks of residual networks with an inner width of
	// zero. Their second convolution has a bias in place of a normalisation,
	// which would blow up the first small values that come through it.
	EmptyBlocks bool `json:"empty_blocks" yaml:"empty_blocks"`
	// Activation of mlp, cnn and vgg: relu (default), gelu, tanh or identity.
	Activation Op `json:"activation" yaml:"activation"`
	// Norm is none (default of mlp) or batch (default of the others).
	Norm string `json:"norm" yaml:"norm"`
	// Head is what joins the last convolution of cnn and vgg to the linear
	// layer: flatten (default of vgg) or average (default of cnn).
	Head string `json:"head" yaml:"head"`
	// Stem of resnet18 is cifar (default) or imagenet.
	Stem string `json:"stem" yaml:"stem"`
	// Units gives single layers other widths than those above, by name:
	// what a network of this kind grew to is a network of this kind with Units.
	Units map[string]int `json:"units" yaml:"units"`
}

// Preset returns the networks that benchmarks name: mlp, vgg, vgg-grown,
// resnet18-8, resnet18-16 and resnet18-64, for ten classes of 3x32x32 images.
func Preset(name string) (ModelConfig, bool) {
	c := ModelConfig{Name: name, Input: Shape{3, 32, 32}, Classes: 10}
	switch name {
	case "mlp":
		c.Widths = []int{512, 512}
	case "vgg":
	case "vgg-grown":
		c.Name, c.Widths = "vgg", []int{27, 51, 101}
	case "resnet18-8", "resnet18-16", "resnet18-64":
		c.Name = "resnet18"
		_, _ = fmt.Sscanf(name, "resnet18-%d", &c.Width)
	default:
		return ModelConfig{}, false
	}
	return c, true
}

// Build returns the graph of c at generation 0. Its errors are faults of c.
func Build(c ModelConfig) (*Graph, error) {
	if err := c.defaults(); err != nil {
		return nil, fmt.Errorf("model %q: %w", c.Name, err)
	}
	g := &Graph{Input: c.Input, Loss: c.Loss, Nodes: []Node{{ID: "input", Op: OpInput}}}
	if c.Loss == CrossEntropy {
		g.Smoothing = c.LabelSmoothing
	}
	b := &builder{g: g, config: c, last: "input", side: min(c.Input.H, c.Input.W)}
	switch c.Name {
	case "mlp":
		b.mlp()
	case "cnn", "vgg":
		b.chain()
	case "resnet18":
		b.residual([]int{2, 2, 2, 2})
	case "resnet20":
		b.residual([]int{3, 3, 3})
	case "resnet32":
		b.residual([]int{5, 5, 5})
	case "resnet56":
		b.residual([]int{9, 9, 9})
	case "wrn28":
		b.wide([]int{4, 4, 4})
	}
	if err := errors.Join(c.resize(b.g), b.g.Validate()); err != nil {
		return nil, fmt.Errorf("model %q: %w", c.Name, err)
	}
	return b.g, nil
}

// resize gives layers the widths of Units.
func (c ModelConfig) resize(g *Graph) error {
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(c.Units)) {
		n := g.Node(NodeID(id))
		switch {
		case n == nil || n.Op.Role() != Mixes || n == g.Output():
			faults = append(faults, fmt.Errorf("units: there is no layer %q whose width could be chosen", id))
		case c.Units[id] < 0:
			faults = append(faults, fmt.Errorf("units: width %d of %s: must be at least 0", c.Units[id], id))
		default:
			n.Out = c.Units[id]
		}
	}
	return errors.Join(faults...)
}

// defaults fills in zero fields and tells all faults at once.
func (c *ModelConfig) defaults() error {
	var faults []error
	oneOf := func(field string, value *string, choices ...string) {
		if *value == "" {
			*value = choices[0]
		}
		for _, ch := range choices {
			if *value == ch {
				return
			}
		}
		faults = append(faults, fmt.Errorf("%s %q: must be one of %s", field, *value, strings.Join(choices, ", ")))
	}
	norm, head, width, widths := []string{"batch", "none"}, []string{"average", "flatten"}, 16, []int{4, 4, 4, 4}
	switch c.Name {
	case "mlp":
		norm, widths = []string{"none", "batch"}, []int{64, 64}
	case "vgg":
		head, widths = []string{"flatten", "average"}, []int{32, 64, 128}
	case "resnet18":
		width = 64
	}
	oneOf("name", &c.Name, "mlp", "cnn", "vgg", "resnet18", "resnet20", "resnet32", "resnet56", "wrn28")
	oneOf("norm", &c.Norm, norm...)
	oneOf("head", &c.Head, head...)
	oneOf("stem", &c.Stem, "cifar", "imagenet")
	oneOf("activation", (*string)(&c.Activation), activations()...)
	oneOf("loss", (*string)(&c.Loss), string(CrossEntropy), string(MSE))
	if c.Widths == nil {
		c.Widths = widths
	}
	if c.Width == 0 {
		c.Width = width
	}
	if c.Widen == 0 {
		c.Widen = 10
	}
	if c.Classes < 1 {
		faults = append(faults, fmt.Errorf("classes %d: must be at least 1", c.Classes))
	}
	if !(c.LabelSmoothing >= 0 && c.LabelSmoothing < 1) {
		faults = append(faults, fmt.Errorf("label_smoothing %v: must be at least 0 and below 1", c.LabelSmoothing))
	}
	if residual := strings.HasPrefix(c.Name, "resnet") || c.Name == "wrn28"; c.EmptyBlocks && !residual {
		faults = append(faults,
			errors.New("empty_blocks: only residual networks have blocks (use widths of 0 for the layers of the others)"))
	}
	for i := 1; i < len(c.Widths); i++ {
		if c.Widths[i-1] == 0 && c.Widths[i] == 0 {
			faults = append(faults, fmt.Errorf("widths %v: of two layers of width 0 in a row neither can grow, "+
				"for the other lets nothing through: give one of them at least 1", c.Widths))
			break
		}
	}
	if c.Width < 1 || c.Widen < 1 {
		faults = append(faults, errors.New("width and widen must be at least 1"))
	}
	return errors.Join(faults...)
}

// builder appends nodes that read the last one.
type builder struct {
	g      *Graph
	config ModelConfig
	last   NodeID
	side   int // shorter side of the image so far
}

func (b *builder) add(n Node, id string, inputs ...NodeID) {
	n.ID, n.Inputs = NodeID(id), inputs
	if inputs == nil {
		n.Inputs = []NodeID{b.last}
	}
	b.g.Nodes = append(b.g.Nodes, n)
	b.last = n.ID
}

// conv adds a convolution of n's Out, Kernel and Stride that keeps the border.
func (b *builder) conv(id string, n Node) {
	n.Op, n.Pad = OpConv, n.Kernel/2
	b.add(n, id)
	b.side = (b.side-1)/n.Stride + 1
}

func (b *builder) norm(id string) {
	b.add(Node{Op: OpBatchNorm, Eps: 1e-5, Momentum: 0.1}, id)
}

func (b *builder) op(op Op, id string) { b.add(Node{Op: op}, id) }

func (b *builder) linear(id string, out int) {
	b.add(Node{Op: OpLinear, Out: out, Bias: true}, id)
}

// mlp is linear [norm] activation for each width, and a linear layer.
func (b *builder) mlp() {
	b.op(OpFlatten, "flatten")
	for i, w := range b.config.Widths {
		b.linear(fmt.Sprintf("fc%d", i+1), w)
		if b.config.Norm == "batch" {
			b.norm(fmt.Sprintf("bn%d", i+1))
		}
		b.op(b.config.Activation, fmt.Sprintf("act%d", i+1))
	}
	b.linear(fmt.Sprintf("fc%d", len(b.config.Widths)+1), b.config.Classes)
}

// chain is a 3x3 convolution, [norm], activation and 2x2 maximum for each
// width. cnn has no maximum after its last convolution, and none has one once
// the image has a single row.
func (b *builder) chain() {
	for i, w := range b.config.Widths {
		b.conv(fmt.Sprintf("conv%d", i+1), Node{Out: w, Kernel: 3, Stride: 1})
		if b.config.Norm == "batch" {
			b.norm(fmt.Sprintf("bn%d", i+1))
		} else {
			b.g.Nodes[len(b.g.Nodes)-1].Bias = true
		}
		b.op(b.config.Activation, fmt.Sprintf("act%d", i+1))
		if lastOfCNN := b.config.Name == "cnn" && i == len(b.config.Widths)-1; !lastOfCNN && b.side >= 2 {
			b.add(Node{Op: OpMaxPool, Kernel: 2, Stride: 2}, fmt.Sprintf("pool%d", i+1))
			b.side /= 2
		}
	}
	if b.config.Head == "average" {
		b.op(OpGlobalAvgPool, "avgpool")
	}
	b.op(OpFlatten, "flatten")
	b.linear("fc", b.config.Classes)
}

// activations returns what may stand for an activation, the default first.
func activations() []string {
	names := []string{string(OpReLU)}
	for _, op := range append(Activations(), OpIdentity) {
		if op != OpReLU {
			names = append(names, string(op))
		}
	}
	return names
}
