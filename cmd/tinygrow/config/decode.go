package config

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks a YAML document along the fields of a struct.
type decoder struct {
	known  []string
	where  func(*yaml.Node) string
	faults Faults
}

func (d *decoder) fault(n *yaml.Node, format string, args ...any) {
	d.faults = append(d.faults, fmt.Errorf("%s: %s", d.where(n), fmt.Sprintf(format, args...)))
}

func (d *decoder) unknown(n *yaml.Node, key string) {
	d.fault(n, "unknown key %s%s", key, suggestion(Nearest(key, d.known)))
}

// inside returns a key of a section, for examples.
func (d *decoder) inside(name string) string {
	for _, key := range d.known {
		if strings.HasPrefix(key, name+".") {
			return key
		}
	}
	return name
}

// section sets the fields of v, a struct, from a mapping; name is the section's
// key, "" for the whole.
func (d *decoder) section(v reflect.Value, n *yaml.Node, name string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // a section whose keys are all commented out
	}
	if n.Kind != yaml.MappingNode {
		if name == "" {
			d.fault(n, "must be a mapping of keys to values, as optim: {lr: 0.1}")
		} else {
			d.fault(n, "%s must be a section, as %s: {%s: ...}", name, name, strings.TrimPrefix(d.inside(name), name+"."))
		}
		return
	}
	byName := map[string]field{}
	for _, f := range fields(v.Type()) {
		byName[f.name] = f
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		path := key.Value
		if name != "" {
			path = name + "." + path
		}
		f, ok := byName[key.Value]
		if !ok {
			d.unknown(key, path)
			continue
		}
		if line, twice := seen[key.Value]; twice {
			d.fault(key, "%s is set twice: first on line %d", path, line)
			continue
		}
		seen[key.Value] = key.Line
		d.value(v.FieldByIndex(f.index), value, path)
	}
}

// value sets v, a field, from a node.
func (d *decoder) value(v reflect.Value, n *yaml.Node, key string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	t := v.Type()
	switch {
	case section(t):
		d.section(v, n, key)
		return
	case t.Kind() == reflect.Slice && section(t.Elem()) && n.Kind == yaml.SequenceNode:
		list := reflect.MakeSlice(t, len(n.Content), len(n.Content))
		for i, item := range n.Content {
			d.element(list.Index(i), item, fmt.Sprintf("%s[%d]", key, i))
		}
		v.Set(list)
		return
	}
	fresh := reflect.New(t)
	if err := n.Decode(fresh.Interface()); err != nil {
		d.fault(n, "%s: %s", key, reason(err, t))
		return
	}
	v.Set(fresh.Elem())
}

// element sets one struct of a list: its keys are known by the list's type alone.
func (d *decoder) element(v reflect.Value, n *yaml.Node, key string) {
	inner := decoder{known: keys(v.Type(), key+"."), where: d.where}
	inner.section(v, n, key)
	d.faults = append(d.faults, inner.faults...)
}

var (
	lineNumber = regexp.MustCompile(`^line \d+: `)
	mismatch   = regexp.MustCompile("^cannot unmarshal !!\\w+ `(.*)` into \\S+$")
)

// reason says why a value does not fit type t.
func reason(err error, t reflect.Type) string {
	var many *yaml.TypeError
	text := err.Error()
	if errors.As(err, &many) && len(many.Errors) > 0 {
		text = many.Errors[0]
	}
	text = lineNumber.ReplaceAllString(strings.TrimPrefix(text, "yaml: "), "")
	if m := mismatch.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("%q must be %s", m[1], kind(t))
	}
	if strings.HasPrefix(text, "cannot unmarshal") {
		return "must be " + kind(t)
	}
	return text
}

// kind names a type for the user.
func kind(t reflect.Type) string {
	if t.PkgPath() == "time" && t.Name() == "Duration" {
		return "a duration, as 30s"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of 0 or more"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list, as [...], of " + kind(t.Elem())
	case reflect.Map:
		return "a mapping"
	case reflect.Pointer:
		return kind(t.Elem())
	default:
		return "a " + t.Kind().String()
	}
}
