package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

var (
	yamlUnmarshaler = reflect.TypeFor[yaml.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// section reports whether the fields of t are keys of their own.
func section(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	p := reflect.PointerTo(t)
	return !p.Implements(yamlUnmarshaler) && !p.Implements(textUnmarshaler)
}

// field is one key of a section.
type field struct {
	name  string
	index []int
	typ   reflect.Type
}

// known holds the fields of types that were asked for.
var known sync.Map // of reflect.Type to []field

// fields lists the keys of struct type t in the order of declaration, those of
// inlined structs among them.
func fields(t reflect.Type) []field {
	if list, ok := known.Load(t); ok {
		return list.([]field)
	}
	list := fieldsOf(t)
	known.Store(t, list)
	return list
}

func fieldsOf(t reflect.Type) []field {
	var list []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if slices.Contains(strings.Split(options, ","), "inline") {
			for _, inner := range fields(f.Type) {
				inner.index = append([]int{i}, inner.index...)
				list = append(list, inner)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		list = append(list, field{name, []int{i}, f.Type})
	}
	return list
}

// Keys returns every key of the struct that v points to, the leaves only, in
// the order of declaration.
func Keys(v any) []string { return keys(reflect.TypeOf(v).Elem(), "") }

func keys(t reflect.Type, prefix string) []string {
	var list []string
	for _, f := range fields(t) {
		if section(f.typ) {
			list = append(list, keys(f.typ, prefix+f.name+".")...)
			continue
		}
		list = append(list, prefix+f.name)
	}
	return list
}

// lookup finds the value of a key of v, a struct.
func lookup(v reflect.Value, key string) (reflect.Value, bool) {
	first, rest, more := strings.Cut(key, ".")
	for _, f := range fields(v.Type()) {
		if f.name != first {
			continue
		}
		inner := v.FieldByIndex(f.index)
		if !more {
			return inner, true
		}
		if !section(f.typ) {
			return reflect.Value{}, false
		}
		return lookup(inner, rest)
	}
	return reflect.Value{}, false
}
