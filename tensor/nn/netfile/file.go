package netfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// MaxText bounds the text of a network, in bytes.
const MaxText = 256 << 10

// Shape is channels, rows and columns of one sample's activation.
type Shape struct{ C, H, W int }

// File is a network that was read, not yet of any size.
type File struct {
	// Input is the shape of samples that the file asks for, InputName what it calls
	// them; nil and "input" where it does not say.
	Input     *Shape
	InputName string
	// Classes is how many the file asks for, 0: any number.
	Classes int
	// Loss and LabelSmoothing are what the file trains by, empty and 0: it does not say.
	Loss           string
	LabelSmoothing float64
	// Parameters are the defaults of what may be given, by name.
	Parameters map[string]Value

	faults account
	params []entry
	blocks map[string]*block
	layers *yaml.Node
	where  map[string]Pos // places of the keys of the file
}

// entry is a key of a mapping with its value.
type entry struct {
	key   *yaml.Node
	value *yaml.Node
}

// block is layers with parameters.
type block struct {
	name   string
	at     Pos
	params []entry
	layers *yaml.Node
}

// headerKeys are the keys of a file.
var headerKeys = []string{"input", "classes", "loss", "label_smoothing", "parameters", "blocks", "layers"}

// At returns where a file says what a key of it, as "loss", is.
func (f *File) At(key string) Pos { return f.where[key] }

// Fault makes an error about a place of the file.
func (f *File) Fault(p Pos, format string, args ...any) error {
	return &Fault{f.faults.file, p, fmt.Sprintf(format, args...)}
}

// Parse reads a text, which messages call name. Its error is all that is wrong with the
// frame of the file; layers are looked at by Expand.
func Parse(name, text string) (*File, error) {
	f := &File{InputName: "input", Parameters: map[string]Value{}, faults: account{file: name}, blocks: map[string]*block{},
		where: map[string]Pos{}}
	if len(text) > MaxText {
		f.faults.say(Pos{}, "it has %d bytes, a network may have %d", len(text), MaxText)
		return nil, f.faults.err()
	}
	if !utf8.ValidString(text) {
		f.faults.say(Pos{}, "it is no UTF-8 text")
		return nil, f.faults.err()
	}
	root, err := document(text)
	if err != nil {
		f.faults.say(Pos{Line: lineOf(err)}, "%s", reasonOf(err))
		return nil, f.faults.err()
	}
	f.header(root)
	if err := f.faults.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// errEmpty is returned for a text without a document.
var errEmpty = errors.New("it is empty: a network has layers, as layers: {flatten: flatten, fc: {linear: {out: classes}}}")

// document returns the only document of a text.
func document(text string) (*yaml.Node, error) {
	var root, more yaml.Node
	d := yaml.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&root); errors.Is(err, io.EOF) || err == nil && len(root.Content) == 0 {
		return nil, errEmpty
	} else if err != nil {
		return nil, err
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("a second document begins in it: a file holds one network")
	}
	return root.Content[0], nil
}

// lineOf returns the line that an error of the YAML library names, or 0.
func lineOf(err error) (line int) {
	if _, rest, ok := strings.Cut(err.Error(), "line "); ok {
		_, _ = fmt.Sscanf(rest, "%d", &line)
	}
	return line
}

// reasonOf returns what an error of the YAML library says besides the line.
func reasonOf(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if line := lineOf(err); line > 0 {
		text = strings.TrimPrefix(text, fmt.Sprintf("line %d: ", line))
		text += ": texts with : # { } [ ] , need quotes there, and lines of one mapping the same indent"
	}
	return text
}

// follow returns what an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// entries lists a mapping, with those that << merges into it, and tells keys that occur
// twice. what says what the mapping is.
func (f *account) entries(n *yaml.Node, what string) (list []entry, ok bool) {
	n = follow(n)
	if isNull(n) {
		return nil, true
	}
	if n.Kind != yaml.MappingNode {
		f.say(at(n), "%s", what)
		return nil, false
	}
	seen := map[string]int{}
	var merged []entry
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" {
			from := follow(value)
			for k := 0; from.Kind == yaml.MappingNode && k+1 < len(from.Content); k += 2 {
				merged = append(merged, entry{from.Content[k], from.Content[k+1]})
			}
			continue
		}
		key = follow(key)
		if key.Kind != yaml.ScalarNode {
			f.say(at(n.Content[i]), "a name is one word")
			return nil, false
		}
		if line, twice := seen[key.Value]; twice {
			f.say(at(n.Content[i]), "%s occurs twice: first on line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		list = append(list, entry{key, value})
	}
	for _, e := range merged {
		if _, own := seen[e.key.Value]; !own && e.key.Kind == yaml.ScalarNode {
			seen[e.key.Value] = e.key.Line
			list = append(list, e)
		}
	}
	return list, true
}

func (f *File) header(root *yaml.Node) {
	list, ok := f.faults.entries(root, "a network is a mapping with layers, as layers: {flatten: flatten, fc: {linear: {out: classes}}}")
	for _, e := range list {
		f.where[e.key.Value] = at(e.key)
		value := follow(e.value)
		switch e.key.Value {
		case "input":
			f.input(value)
		case "classes":
			v, _ := literal(value.Value)
			n, ok := v.Int()
			if f.Classes = n; !ok || n < 1 {
				f.faults.say(at(value), "classes %s: must be a whole number of at least 1", value.Value)
			}
		case "loss":
			if f.Loss = value.Value; value.Kind != yaml.ScalarNode || isNull(value) {
				f.faults.say(at(value), "loss must be a word, as cross_entropy")
			}
		case "label_smoothing":
			v, _ := literal(value.Value)
			p, ok := v.Float()
			if f.LabelSmoothing = p; !ok {
				f.faults.say(at(value), "label_smoothing %s: must be a number", value.Value)
			}
		case "parameters":
			f.params, _ = f.faults.entries(value, "parameters must be a mapping of names to values, as parameters: {width: 16}")
			f.defaults()
		case "blocks":
			f.addBlocks(value)
		case "layers":
			f.layers = value
		default:
			f.faults.say(at(e.key), "unknown key %s%s", e.key.Value, meant(e.key.Value, headerKeys))
		}
	}
	if ok && f.layers == nil {
		f.faults.say(Pos{}, "it has no layers: write layers: {flatten: flatten, fc: {linear: {out: classes}}}")
	}
}

// input reads {channels: 3, height: 32, width: 32}, or a name alone.
func (f *File) input(n *yaml.Node) {
	list, ok := f.faults.entries(n, "input must be a shape, as input: {channels: 3, height: 32, width: 32}")
	if !ok {
		return
	}
	s := Shape{1, 1, 1}
	sides := map[string]*int{"channels": &s.C, "height": &s.H, "width": &s.W}
	shaped := false
	for _, e := range list {
		if e.key.Value == "name" && e.value.Kind == yaml.ScalarNode {
			f.InputName = e.value.Value
			continue
		}
		side, known := sides[e.key.Value]
		if !known {
			f.faults.say(at(e.key), "unknown key %s of input%s", e.key.Value,
				meant(e.key.Value, []string{"channels", "height", "width", "name"}))
			continue
		}
		v, _ := literal(e.value.Value)
		n, ok := v.Int()
		if *side, shaped = n, true; !ok || n < 1 {
			f.faults.say(at(e.value), "%s %s of input: must be a whole number of at least 1", e.key.Value, e.value.Value)
		}
	}
	if shaped {
		f.Input = &s
	}
}

// maxParameters bounds how many a file, or a block, has.
const maxParameters = 100

// defaults evaluates the parameters of the file, which may name those above them.
func (f *File) defaults() {
	if len(f.params) > maxParameters {
		f.faults.say(at(f.params[maxParameters].key), "more than %d parameters", maxParameters)
		return
	}
	for _, e := range f.params {
		v, err := defaultValue(follow(e.value), parameters(f.Parameters))
		if err != nil {
			f.faults.say(at(e.value), "parameter %s: %v", e.key.Value, err)
			continue
		}
		f.Parameters[e.key.Value] = v
	}
}

// parameters are names that stand for values alone.
type parameters map[string]Value

func (p parameters) value(name string) (Value, error) {
	if v, ok := p[name]; ok {
		return v, nil
	}
	return Value{}, &unknownName{name, faults.Nearest(name, keysOf(p))}
}

func (p parameters) shape(layer string) (Shape, error) {
	return Shape{}, fmt.Errorf("shapes are known where layers are: %s cannot be asked here", layer)
}

// unknownName is returned for a name that stands for nothing.
type unknownName struct{ name, nearest string }

func (u *unknownName) Error() string {
	if u.nearest != "" {
		return fmt.Sprintf("unknown name %s: did you mean %s?", u.name, u.nearest)
	}
	return fmt.Sprintf("unknown name %s: a text is written %q", u.name, u.name)
}

// defaultValue is what a parameter of the file is where nobody gives it: a value, an
// expression, or a single word, which is a text.
func defaultValue(n *yaml.Node, of names) (Value, error) {
	if isNull(n) {
		return Value{}, errors.New("has no value: give it a default")
	}
	if n.Kind != yaml.ScalarNode || n.Style != 0 {
		return plainValue(n)
	}
	v, err := evaluate(n.Value, of)
	var unknown *unknownName
	if errors.As(err, &unknown) && unknown.name == n.Value {
		return TextValue(n.Value), nil
	}
	return v, err
}

func (f *File) addBlocks(n *yaml.Node) {
	list, _ := f.faults.entries(n, "blocks must be a mapping of names to blocks, as blocks: {basic: {parameters: {out: }, layers: {...}}}")
	for _, e := range list {
		b := &block{name: e.key.Value, at: at(e.key)}
		parts, ok := f.faults.entries(e.value, fmt.Sprintf(
			"block %s must have layers, as %s: {parameters: {out: }, layers: {...}}", b.name, b.name))
		for _, p := range parts {
			switch p.key.Value {
			case "parameters":
				b.params, _ = f.faults.entries(p.value,
					"parameters of a block must be a mapping of names to defaults, as {out: , stride: 1}")
			case "layers":
				b.layers = follow(p.value)
			default:
				f.faults.say(at(p.key), "unknown key %s of block %s%s", p.key.Value, b.name,
					meant(p.key.Value, []string{"parameters", "layers"}))
			}
		}
		if len(b.params) > maxParameters {
			f.faults.say(b.at, "block %s has more than %d parameters", b.name, maxParameters)
		}
		if ok && b.layers == nil {
			f.faults.say(b.at, "block %s has no layers", b.name)
		}
		f.blocks[b.name] = b
	}
}

// meant says which of some names one is nearest to, or nothing.
func meant(name string, known []string) string {
	if best := synonym(name, known); best != "" {
		return ": it is called " + best + " here"
	}
	if best := faults.Nearest(name, known); best != "" {
		return ": did you mean " + best + "?"
	}
	sorted := slices.Sorted(slices.Values(known))
	if len(sorted) > 12 {
		return ""
	}
	return ": known: " + strings.Join(sorted, ", ")
}

func keysOf[V any](m map[string]V) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}
