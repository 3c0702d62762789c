package netfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Limits of what a file may ask for.
const (
	maxDepth  = 16      // blocks within blocks
	maxRepeat = 1 << 12 // instances of a repeat
	maxVisits = 1 << 14 // layers that are looked at, those that are left out among them
	maxInputs = 1 << 8  // layers that one layer reads
)

// Layer is one layer of the network that a file describes.
type Layer struct {
	Name   string
	Kind   string
	Inputs []string // names of layers that were made before
	Args   []Arg    // the order is that of the file
	At     Pos
}

// Arg is what a layer is given.
type Arg struct {
	Key   string
	Value Value
	At    Pos
}

// A Maker makes the layers of a network.
type Maker interface {
	// Kinds returns what kinds of layers there are.
	Kinds() []string
	// Words returns what a kind of layer may be given.
	Words(kind string) []string
	// Add makes a layer behind those made before, and returns the shape of what it
	// gives. An error that is no Fault is told at the place of the layer.
	Add(l *Layer) (Shape, error)
}

// Given is what a network is made for.
type Given struct {
	Input   Shape
	Classes int
	// Parameters stand in the place of the defaults of those that the file declares.
	Parameters map[string]Value
}

// reserved are the keys of a layer beside its kind.
var reserved = []string{"input", "if", "repeat", "first", "layers", "prefix"}

// Expand makes all layers of the file, in order. Its error joins a Fault for everything
// that is wrong.
func (f *File) Expand(given Given, m Maker) error {
	x := &expander{file: f, maker: m, kinds: m.Kinds(), made: map[string]*result{}, said: account{file: f.faults.file}}
	vars, err := f.given(given.Parameters)
	if err != nil {
		return err
	}
	vars["classes"] = IntValue(given.Classes)
	x.globals = vars
	x.checkNames(vars)
	input := &result{id: f.InputName, shape: given.Input}
	x.made[input.id] = input
	top := &scope{x: x, vars: vars, input: input, previous: input, names: map[string]*result{}}
	top.layers(f.layers)
	if len(x.said.list) == 0 && len(x.made) == 1 {
		x.said.say(Pos{}, "it has no layers: write layers: {flatten: flatten, fc: {linear: {out: classes}}}")
	}
	return x.said.err()
}

// given lays values over the defaults of the parameters.
func (f *File) given(values map[string]Value) (map[string]Value, error) {
	vars := maps.Clone(f.Parameters)
	var errs []error
	for _, name := range keysOf(values) {
		def, known := f.Parameters[name]
		v := values[name]
		if vars[name] = v; !known {
			errs = append(errs, fmt.Errorf("%s has no parameter %s%s", f.faults.file, name, meant(name, keysOf(f.Parameters))))
		} else if !v.like(def) {
			errs = append(errs, fmt.Errorf("parameter %s of %s is %s: %s is %s", name, f.faults.file, def.kind(), v, v.kind()))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	// What was derived from other parameters follows them.
	for _, e := range f.params {
		if _, given := values[e.key.Value]; !given {
			if v, err := defaultValue(follow(e.value), parameters(vars)); err == nil {
				vars[e.key.Value] = v
			}
		}
	}
	return vars, nil
}

// result is what a layer gave.
type result struct {
	id     string
	shape  Shape
	line   int
	broken bool // a fault was told, so nothing is known of it
}

// expander makes the layers of one file.
type expander struct {
	file    *File
	maker   Maker
	kinds   []string
	made    map[string]*result // the keys are ids
	said    account
	visits  int
	full    bool             // a limit was met, and all that follows left out
	globals map[string]Value // parameters of the file, and classes
}

// checkNames refuses parameters and blocks that hide other names.
func (x *expander) checkNames(vars map[string]Value) {
	taken := func(p Pos, what, name string) {
		words := []string{"classes", "index", "previous", "where", "len", "min", "max"}
		if slices.Contains(x.kinds, name) || slices.Contains(reserved, name) || slices.Contains(words, name) && what == "parameter" {
			x.said.say(p, "%s %s: the name has a meaning of its own: take another", what, name)
		}
	}
	for _, e := range x.file.params {
		taken(at(e.key), "parameter", e.key.Value)
	}
	for _, name := range keysOf(x.file.blocks) {
		b := x.file.blocks[name]
		taken(b.at, "block", name)
		if _, both := vars[name]; both {
			x.said.say(b.at, "%s is the name of a block and of a parameter", name)
		}
		for _, e := range b.params {
			taken(at(e.key), "parameter", e.key.Value)
		}
	}
}

// scope is where names are known: the file, a block's instance, or a group.
type scope struct {
	x        *expander
	outer    *scope // what a group stands in; nil: it is none
	prefix   string // what ids begin with
	vars     map[string]Value
	input    *result // what the scope reads
	previous *result // what the layer before gave
	names    map[string]*result
	later    map[string]int // lines of all names of the scope
	depth    int
}

func (s *scope) value(name string) (Value, error) {
	if v, ok := s.vars[name]; ok {
		return v, nil
	}
	if slices.Contains(s.x.kinds, name) || s.x.file.blocks[name] != nil {
		return TextValue(name), nil
	}
	return Value{}, &unknownName{name, faults.Nearest(name, keysOf(s.vars))}
}

func (s *scope) shape(layer string) (Shape, error) {
	r, err := s.find(layer)
	if err != nil {
		return Shape{}, err
	}
	if r.broken {
		return Shape{}, errBroken
	}
	return r.shape, nil
}

// find returns what a name stands for.
func (s *scope) find(name string) (*result, error) {
	switch name {
	case "input":
		return s.input, nil
	case "previous":
		return s.previous, nil
	}
	for in := s; in != nil; in = in.outer {
		if r, ok := in.names[name]; ok {
			return r, nil
		}
	}
	if s.depth == 0 {
		if r, ok := s.x.made[name]; ok {
			return r, nil
		}
	}
	for in := s; in != nil; in = in.outer {
		if line, ok := in.later[name]; ok {
			return nil, fmt.Errorf("%s stands on line %d: a layer reads what stands before it, and networks have no cycles", name, line)
		}
	}
	known := append(keysOf(s.names), "input", "previous")
	if s.depth == 0 {
		known = append(known, keysOf(s.x.made)...)
	}
	return nil, fmt.Errorf("there is no layer %s%s", name, hint(name, known))
}

// hint is meant without a list of all.
func hint(name string, known []string) string {
	if best := synonym(name, known); best != "" {
		return ": it is called " + best + " here"
	}
	if best := faults.Nearest(name, known); best != "" {
		return ": did you mean " + best + "?"
	}
	return ""
}

// layers makes all layers of a mapping.
func (s *scope) layers(n *yaml.Node) {
	list, ok := s.x.said.entries(n, "layers must be a mapping of names to layers, as conv1: {conv2d: {out: 32, kernel: 3, padding: 1}}")
	if !ok {
		return
	}
	if s.later = make(map[string]int, len(list)); s.names == nil {
		s.names = map[string]*result{}
	}
	for _, e := range list {
		s.later[e.key.Value] = e.key.Line
	}
	for _, e := range list {
		if s.x.full || len(s.x.said.list) > 2*maxFaults {
			return
		}
		name, err := s.template(e.key.Value)
		if err == nil && (name == "input" || name == "previous") {
			err = fmt.Errorf("%s stands for what a layer reads: call the layer otherwise", name)
		}
		if err != nil {
			s.x.said.say(at(e.key), "%v", err)
			continue
		}
		r := s.item(name, e)
		delete(s.later, e.key.Value)
		s.names[name], s.previous = r, r
	}
}

// template puts values in the place of {expressions} in a name.
func (s *scope) template(text string) (string, error) {
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(text, "{")
		b.WriteString(before)
		if !open {
			return b.String(), nil
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("%s: a brace is not closed", text)
		}
		v, err := evaluate(inner, s)
		if err != nil {
			return "", err
		}
		if text, ok := v.Text(); ok {
			b.WriteString(text)
		} else {
			b.WriteString(v.String())
		}
		text = after
	}
}

// item makes what one name stands for, and returns what it gives.
func (s *scope) item(name string, e entry) *result {
	broken := &result{id: s.prefix + name, broken: true, line: e.key.Line}
	p, ok := s.part(name, e)
	if !ok {
		return broken
	}
	inputs, ok := s.inputs(p)
	if !ok {
		return broken
	}
	if s.x.visits++; s.x.visits > maxVisits {
		s.x.full = true
		s.x.said.say(p.at, "the file asks for more than %d layers", maxVisits)
		return broken
	}
	if p.when != nil {
		v, ok := s.asked(p.when, "if")
		if !ok {
			return broken
		}
		yes, truth := v.Bool()
		if !truth {
			s.x.said.say(at(p.when), "if: %s is %s and must be true or false", v, v.kind())
			return broken
		}
		if !yes {
			return inputs[0]
		}
	}
	if p.repeat == nil {
		if p.head != nil {
			s.x.said.say(at(p.head), "first is of what repeat makes")
			return broken
		}
		return s.instance(p, name, inputs, nil)
	}
	v, ok := s.asked(p.repeat, "repeat")
	if !ok {
		return broken
	}
	n, whole := v.Int()
	if !whole || n < 0 || n > maxRepeat {
		s.x.said.say(at(p.repeat), "repeat %s: must be a whole number from 0 to %d", v, maxRepeat)
		return broken
	}
	last := inputs[0]
	for i := range n {
		if s.x.full {
			return broken
		}
		index := i
		last = s.instance(p, name+"."+strconv.Itoa(i), inputs, &index)
		inputs = append([]*result{last}, inputs[1:]...)
	}
	return last
}

// asked evaluates what a key of a layer says.
func (s *scope) asked(n *yaml.Node, key string) (Value, bool) {
	v, err := s.evaluateNode(n)
	if err != nil {
		if !errors.Is(err, errBroken) {
			s.x.said.say(at(n), "%s: %v", key, err)
		}
		return v, false
	}
	return v, true
}

// evaluateNode evaluates a scalar, or the items of a list.
func (s *scope) evaluateNode(n *yaml.Node) (Value, error) {
	switch {
	case isNull(n):
		return Value{}, errors.New("has no value")
	case n.Kind == yaml.SequenceNode:
		v := Value{list: []Value{}}
		for _, item := range n.Content {
			part, err := s.evaluateNode(follow(item))
			if err != nil || part.scalar == nil {
				return v, errors.Join(err, errNoValue)
			}
			v.list = append(v.list, part)
		}
		return v, nil
	case n.Kind != yaml.ScalarNode:
		return Value{}, errNoValue
	}
	return evaluate(n.Value, s)
}
