package netfile

import (
	"fmt"
	"maps"
	"slices"
)

// instance makes a part once. index is that in a repeat, nil without one.
func (s *scope) instance(p part, name string, inputs []*result, index *int) *result {
	inner := &scope{x: s.x, prefix: s.prefix + name + ".", vars: s.vars, input: inputs[0], previous: inputs[0], depth: s.depth + 1}
	if index != nil {
		inner.vars = maps.Clone(s.vars)
		inner.vars["index"] = IntValue(*index)
	}
	broken := &result{id: s.prefix + name, broken: true, line: p.at.Line}
	if inner.depth > maxDepth {
		s.x.full = true
		s.x.said.say(p.at, "%s lies in itself, or blocks lie deeper in one another than %d", p.name, maxDepth)
		return broken
	}
	if p.group == nil && s.x.file.blocks[p.kind] == nil {
		with := s
		if index != nil {
			with = inner
			with.names, with.previous, with.input, with.depth, with.outer = s.names, s.previous, s.input, s.depth, s.outer
		}
		return with.layer(p, s.prefix+name, inputs, index != nil && *index == 0)
	}
	if len(inputs) > 1 {
		s.x.said.say(at(p.input), "%s reads %d layers: what has layers of its own reads one", p.name, len(inputs))
		return broken
	}
	before := len(s.x.said.list)
	if p.group != nil {
		inner.outer = s
		if p.prefix != nil {
			inner.prefix = s.prefix + p.prefix.Value
		}
		inner.layers(p.group)
	} else if !inner.enter(s, p, index != nil && *index == 0) {
		return broken
	} else {
		inner.layers(s.x.file.blocks[p.kind].layers)
	}
	if len(s.x.said.list) > before {
		return broken
	}
	return inner.previous
}

// enter gives an instance of a block its parameters.
func (s *scope) enter(caller *scope, p part, first bool) bool {
	b := s.x.file.blocks[p.kind]
	var known []string
	for _, e := range b.params {
		known = append(known, e.key.Value)
	}
	args, ok := caller.args(p, s.vars, first, func(key string) string {
		if slices.Contains(known, key) {
			return ""
		}
		return fmt.Sprintf("block %s has no parameter %s%s", b.name, key, meant(key, known))
	})
	vars := maps.Clone(s.x.globals)
	if v, ok := s.vars["index"]; ok {
		vars["index"] = v
	}
	for _, a := range args {
		vars[a.Key] = a.Value
	}
	s.vars = vars
	for _, e := range b.params {
		name := e.key.Value
		if slices.ContainsFunc(args, func(a Arg) bool { return a.Key == name }) {
			continue
		}
		n := follow(e.value)
		if isNull(n) {
			s.x.said.say(p.kindAt, "block %s needs %s, as %s: {%s: ...}", b.name, name, b.name, name)
			ok = false
			continue
		}
		v, good := s.asked(n, "parameter "+name)
		ok = ok && good
		vars[name] = v
	}
	return ok
}
