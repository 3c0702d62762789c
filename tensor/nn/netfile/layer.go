package netfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// inputs finds what a part reads.
func (s *scope) inputs(p part) (list []*result, ok bool) {
	names := []*yaml.Node{}
	switch {
	case p.input == nil:
		return []*result{s.previous}, !s.previous.broken
	case p.input.Kind == yaml.SequenceNode:
		for _, n := range p.input.Content {
			names = append(names, follow(n))
		}
	default:
		names = append(names, p.input)
	}
	ok = true
	if len(names) == 0 || len(names) > maxInputs {
		s.x.said.say(at(p.input), "input of %s names %d layers: must be 1 to %d", p.name, len(names), maxInputs)
		return nil, false
	}
	for _, n := range names {
		if n.Kind != yaml.ScalarNode || isNull(n) {
			s.x.said.say(at(n), "input of %s must be the name of a layer, or a list of names", p.name)
			return nil, false
		}
		name, err := s.template(n.Value)
		var r *result
		if line, ok := s.later[name]; ok && err == nil && line == p.at.Line && name == p.name {
			err = errors.New("a layer cannot read itself")
		}
		if err == nil {
			r, err = s.find(name)
		}
		if err != nil {
			s.x.said.say(at(n), "%s reads %s: %v", p.name, n.Value, err)
			ok = false
			continue
		}
		ok = ok && !r.broken
		list = append(list, r)
	}
	return list, ok
}

// args evaluates what a part is given, in the place of which the first instance of a
// repeat has what first says.
//
// why tells what is wrong with a key, or nothing.
func (s *scope) args(p part, vars map[string]Value, first bool, why func(key string) string) (args []Arg, ok bool) {
	with := *s
	with.vars = vars
	list := p.args
	if first && p.head != nil {
		others, good := s.x.said.entries(p.head, "first must be a mapping of what the first instance is given, as first: {stride: 2}")
		if !good {
			return nil, false
		}
		list = slices.DeleteFunc(slices.Clone(list), func(e entry) bool {
			return slices.ContainsFunc(others, func(o entry) bool { return o.key.Value == e.key.Value })
		})
		list = append(list, others...)
	}
	ok = true
	for _, e := range list {
		if strings.ContainsAny(e.key.Value, "()") {
			s.x.said.say(at(e.key), "%s: an expression with commas needs quotes", e.key.Value)
			return nil, false
		}
		if fault := why(e.key.Value); fault != "" {
			s.x.said.say(at(e.key), "%s", fault)
			ok = false
			continue
		}
		v, good := with.asked(follow(e.value), e.key.Value)
		ok = ok && good
		args = append(args, Arg{e.key.Value, v, at(e.key)})
	}
	return args, ok
}

// layer makes one layer.
func (s *scope) layer(p part, id string, inputs []*result, first bool) *result {
	r := &result{id: id, broken: true, line: p.at.Line}
	l := &Layer{Name: id, Kind: p.kind, At: p.at}
	if other, twice := s.x.made[id]; twice {
		s.x.said.say(p.at, "%s is the name of a layer on line %d too: names must differ", id, other.line)
		return r
	}
	s.x.made[id] = r
	words := s.x.maker.Words(p.kind)
	args, ok := s.args(p, s.vars, first, func(key string) string {
		if slices.Contains(words, key) {
			return ""
		}
		return fmt.Sprintf("%s has no %s%s", p.kind, key, s.noWord(p.kind, key, words))
	})
	if !ok {
		return r
	}
	for _, in := range inputs {
		l.Inputs = append(l.Inputs, in.id)
	}
	l.Args = args
	shape, err := s.x.maker.Add(l)
	if err != nil {
		s.x.said.add(p.at, err)
		return r
	}
	r.shape, r.broken = shape, false
	return r
}

// noWord says what to do with a key that a kind of layer does not have.
func (s *scope) noWord(kind, key string, words []string) string {
	if slices.Contains(reserved, key) {
		return fmt.Sprintf(": %s stands beside %s, as {%s: {...}, %s: ...}", key, kind, kind, key)
	}
	if len(words) == 0 {
		return ": it takes nothing"
	}
	return meant(key, words)
}
