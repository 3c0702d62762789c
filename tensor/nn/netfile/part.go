package netfile

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// part is a layer, block or group as the file has it.
type part struct {
	name                      string
	at                        Pos
	kind                      string // empty of a group
	kindAt                    Pos
	args                      []entry
	input, when, repeat, head *yaml.Node
	group, prefix             *yaml.Node
}

// part takes a layer's description apart.
func (s *scope) part(name string, e entry) (p part, ok bool) {
	p = part{name: name, at: at(e.key)}
	n := follow(e.value)
	say := func(where Pos, format string, args ...any) (part, bool) {
		s.x.said.say(where, format, args...)
		return p, false
	}
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		p.kind, p.kindAt = n.Value, at(n)
		return s.known(p)
	}
	list, ok := s.x.said.entries(n, fmt.Sprintf(
		"%s must be a layer, as %s: relu or %s: {conv2d: {out: 32, kernel: 3, padding: 1}}", name, name, name))
	if !ok {
		return p, false
	}
	for _, part := range list {
		value := follow(part.value)
		switch part.key.Value {
		case "input":
			p.input = value
		case "if":
			p.when = value
		case "repeat":
			p.repeat = value
		case "first":
			p.head = value
		case "layers":
			p.group = value
		case "prefix":
			p.prefix = value
		default:
			if p.kind != "" {
				if s.isKind(part.key.Value) {
					return say(at(part.key), "%s is %s and %s: a layer is one of them", name, p.kind, part.key.Value)
				}
				return say(at(part.key), "unknown key %s of %s%s", part.key.Value, name, s.misplaced(p.kind, part.key.Value))
			}
			p.kind, p.kindAt = part.key.Value, at(part.key)
			expected := fmt.Sprintf("%s takes a mapping, as %s: {%s}", p.kind, p.kind, s.example(p.kind))
			if p.args, ok = s.x.said.entries(value, expected); !ok {
				return p, false
			}
		}
	}
	switch {
	case p.kind == "" && p.group == nil:
		return say(p.at, "%s says no kind of layer, as %s: relu or %s: {conv2d: {out: 32, kernel: 3, padding: 1}}", name, name, name)
	case p.kind != "" && p.group != nil:
		return say(p.at, "%s is %s and has layers of its own: it is one of them", name, p.kind)
	case p.prefix != nil && p.group == nil:
		return say(at(p.prefix), "prefix is of a group of layers")
	case p.group != nil:
		return p, true
	}
	return s.known(p)
}

// misplaced says what to do with a key that stands beside a kind.
func (s *scope) misplaced(kind, key string) string {
	if slices.Contains(s.x.maker.Words(kind), key) {
		return fmt.Sprintf(": it belongs to the layer, as %s: {%s: ...}", kind, key)
	}
	return hint(key, slices.Concat(reserved, s.x.kinds, keysOf(s.x.file.blocks)))
}

// example is how a kind is given something.
func (s *scope) example(kind string) string {
	words := s.x.maker.Words(kind)
	if b := s.x.file.blocks[kind]; b != nil {
		words = nil
		for _, e := range b.params {
			words = append(words, e.key.Value)
		}
	}
	if len(words) == 0 {
		return ""
	}
	return words[0] + ": ..."
}

func (s *scope) isKind(name string) bool {
	return slices.Contains(s.x.kinds, name) || s.x.file.blocks[name] != nil
}

// known finds the kind of a part: that of a layer, a block, or a parameter that names one of them.
func (s *scope) known(p part) (part, bool) {
	if v, ok := s.vars[p.kind]; ok && !s.isKind(p.kind) {
		text, _ := v.Text()
		if !s.isKind(text) {
			s.x.said.say(p.kindAt, "%s is %s, which is no kind of layer%s", p.kind, v, hint(text, s.x.kinds))
			return p, false
		}
		p.kind = text
	}
	if !s.isKind(p.kind) {
		s.x.said.say(p.kindAt, "unknown layer %s%s", p.kind, hint(p.kind, slices.Concat(s.x.kinds, keysOf(s.x.file.blocks), reserved)))
		return p, false
	}
	return p, true
}
