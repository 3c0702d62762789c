package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder walks a YAML document along the fields of a struct.
type decoder struct {
	known  []string
	where  func(*yaml.Node) string
	faults Faults
	seen   map[string]bool // keys that the document has; nil: nobody asks
}

func (d *decoder) fault(n *yaml.Node, format string, args ...any) {
	d.faults = append(d.faults, fmt.Errorf("%s: %s", d.where(n), fmt.Sprintf(format, args...)))
}

func (d *decoder) unknown(n *yaml.Node, key string) {
	d.fault(n, "unknown key %s%s", key, Meant(key, d.known))
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
	if d.seen != nil {
		d.seen[key] = true
	}
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
	if d.former(n, key) {
		return
	}
	fresh := reflect.New(t).Elem()
	if why := plain(fresh, n); why != "" {
		d.fault(n, "%s: %s", key, why)
		return
	}
	v.Set(fresh)
}

// former tells of keys inside of what is one value now, and was a section.
func (d *decoder) former(n *yaml.Node, key string) (told bool) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if inner := key + "." + n.Content[i].Value; gone[inner] != "" {
			d.unknown(n.Content[i], inner)
			told = true
		}
	}
	return told
}

// plain sets v, a scalar or a list or mapping of scalars, from a node, or says why
// it cannot.
func plain(v reflect.Value, n *yaml.Node) (why string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	t := v.Type()
	switch {
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		v.Set(reflect.MakeSlice(t, len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			if why := plain(v.Index(i), item); why != "" {
				return strings.Replace(why, "must be "+kind(t.Elem()), "must be "+kind(t), 1)
			}
		}
	case t.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		return mapping(v, n)
	default:
		return scalar(v, n)
	}
	return ""
}

// mapping sets v, a map from names to scalars.
func mapping(v reflect.Value, n *yaml.Node) (why string) {
	t := v.Type()
	v.Set(reflect.MakeMap(t))
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if why := plain(name, n.Content[i]); why != "" {
			return "a name in it " + why
		}
		if v.MapIndex(name).IsValid() {
			return fmt.Sprintf("%v is set twice", name)
		}
		if why := plain(value, n.Content[i+1]); why != "" {
			return fmt.Sprintf("%v: %s", name, why)
		}
		v.SetMapIndex(name, value)
	}
	return ""
}

// element sets one struct of a list: its keys are known by the list's type alone.
func (d *decoder) element(v reflect.Value, n *yaml.Node, key string) {
	inner := decoder{known: keys(v.Type(), key+"."), where: d.where}
	inner.section(v, n, key)
	d.faults = append(d.faults, inner.faults...)
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
