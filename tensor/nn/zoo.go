package nn

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn/netfile"
)

// ModelConfig names a network of the zoo, or holds the text of one's own (see package
// netfile). Zero fields take the network's default.
type ModelConfig struct {
	// Name is one of Zoo, or that of the file which Text was read from.
	Name    string `json:"name" yaml:"name"`
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
	// Parameters are those that the network's file declares, in YAML's notation: with them
	// a network of one's own takes what Widths, Width and the like are for the zoo.
	Parameters map[string]string `json:"parameters,omitempty" yaml:"parameters"`
	// Text is a network of one's own, SHA256 its TextDigest: a run keeps both, so that
	// it goes on whatever becomes of the file.
	Text   string `json:"-" yaml:"text"`
	SHA256 string `json:"sha256,omitempty" yaml:"sha256"`
}

// Zoo names the networks that Build knows, in the order in which they are told.
var Zoo = []string{"mlp", "cnn", "vgg", "resnet18", "resnet20", "resnet32", "resnet56", "wrn28", "mobilenetv2", "convnext", "vit"}

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

// Build returns the graph of c at generation 0: that which Text describes, or the network of
// that name. Its errors are faults of c.
func Build(c ModelConfig) (*Graph, error) {
	named := func(err error) error { return fmt.Errorf("model %q: %w", c.Name, err) }
	if err := c.check(); err != nil {
		return nil, named(err)
	}
	file, text := c.Name, c.Text
	if text == "" {
		file = c.Name + ".yaml of the zoo"
		text, _ = Source(c.Name)
	}
	f, err := netfile.Parse(cmp.Or(file, "the network"), text)
	if err != nil {
		return nil, err
	}
	given, err := c.given(f.Parameters)
	if err != nil {
		return nil, named(err)
	}
	g, err := c.read(f, given)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.resize(g), g.Validate()); err != nil {
		return nil, named(err)
	}
	return g, nil
}

// resize gives layers the widths of Units.
func (c ModelConfig) resize(g *Graph) error {
	var faults []error
	for _, id := range slices.Sorted(maps.Keys(c.Units)) {
		n := g.Node(NodeID(id))
		switch {
		case n != nil && n.Op.Role() == Attends: // its width is its heads
			n.Heads = c.Units[id]
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

//go:embed zoo/*.yaml
var zooFiles embed.FS

// Source returns the text of a network of the zoo, as files describe networks, and false for
// none of that name.
func Source(name string) (string, bool) {
	if !slices.Contains(Zoo, name) {
		return "", false
	}
	text, err := zooFiles.ReadFile("zoo/" + name + ".yaml")
	return string(text), err == nil
}

// IsFile reports whether the name of a model is that of a file: by its ending.
func IsFile(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// TextDigest returns what a ModelConfig calls its text by: the SHA-256 in hexadecimal, empty without one.
func TextDigest(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// check tells all faults at once. Those of a text its reader tells.
func (c *ModelConfig) check() error {
	var found faults.List
	oneOf := func(field, value string, choices ...string) {
		found.Check(value == "" || slices.Contains(choices, value), "%s %q: must be one of %s", field, value, strings.Join(choices, ", "))
	}
	oneOf("loss", string(c.Loss), string(CrossEntropy), string(MSE), string(BinaryCrossEntropy))
	found.Check(c.Classes >= 1 && c.Classes <= maxWidth, "classes %d: must be at least 1 and at most %d", c.Classes, maxWidth)
	found.Check(c.LabelSmoothing >= 0 && c.LabelSmoothing < 1, "label_smoothing %v: must be at least 0 and below 1", c.LabelSmoothing)
	found.Check(c.Width >= 0 && c.Widen >= 0, "width and widen must be at least 1")
	for i := 1; i < len(c.Widths); i++ {
		if c.Widths[i-1] == 0 && c.Widths[i] == 0 {
			found.Check(false, "widths %v: of two layers of width 0 in a row neither can grow, "+
				"for the other lets nothing through: give one of them at least 1", c.Widths)
			break
		}
	}
	if c.Text != "" {
		found.Check(c.SHA256 == "" || c.SHA256 == TextDigest(c.Text), "sha256 %.16s: the text has %.16s: it was changed by hand", c.SHA256,
			TextDigest(c.Text))
		return found.Err()
	}
	switch known := slices.Contains(Zoo, c.Name); {
	case !known && IsFile(c.Name):
		found.Check(false, "the text of the file is not here: name the file with --model")
	case !known:
		found.Check(false, "name %q: a network of one's own is a file, as net.yaml, all others must be one of %s",
			c.Name, strings.Join(Zoo, ", "))
	}
	oneOf("norm", c.Norm, "batch", "none")
	oneOf("head", c.Head, "average", "flatten")
	oneOf("stem", c.Stem, "cifar", "imagenet")
	oneOf("activation", string(c.Activation), activations()...)
	text, _ := Source(c.Name)
	found.Check(!c.EmptyBlocks || strings.Contains(text, "empty_blocks"),
		"empty_blocks: only residual networks have blocks (use widths of 0 for the layers of the others)")
	return found.Err()
}

// given returns the parameters of a file that fields of c stand for. Fields that no file of
// the zoo declares are another network's; a file of one's own must declare them.
func (c *ModelConfig) given(declared map[string]netfile.Value) (map[string]netfile.Value, error) {
	all := map[string]netfile.Value{}
	put := func(name string, set bool, v netfile.Value) {
		if _, known := declared[name]; set && (known || c.Text != "") {
			all[name] = v
		}
	}
	put("widths", c.Widths != nil, netfile.ListValue(c.Widths))
	put("width", c.Width != 0, netfile.IntValue(c.Width))
	put("widen", c.Widen != 0, netfile.IntValue(c.Widen))
	put("empty_blocks", c.EmptyBlocks, netfile.BoolValue(true))
	put("activation", c.Activation != "", netfile.TextValue(string(c.Activation)))
	put("norm", c.Norm != "", netfile.TextValue(c.Norm))
	put("head", c.Head != "", netfile.TextValue(c.Head))
	put("stem", c.Stem != "", netfile.TextValue(c.Stem))
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		v, err := netfile.ParseValue(c.Parameters[name])
		if err != nil {
			return nil, fmt.Errorf("parameters: %s: %w", name, err)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("parameters: %s is given as model.%s too", name, name)
		}
		all[name] = v
	}
	return all, nil
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
