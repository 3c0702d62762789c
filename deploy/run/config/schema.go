package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Draft is the dialect that Schema writes.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// durations matches what time.ParseDuration reads.
const durations = `^[-+]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// object is a JSON object.
type object = map[string]any

// Schema returns the JSON Schema of the documents that Decode reads into the struct
// that v points to, whose values are the defaults. An editor completes and checks
// keys by it. notes describe the keys. What one key may be beside another is not in
// a schema: Validate methods tell that.
func Schema(v any, title string, notes []Note) ([]byte, error) {
	w := schema{notes: map[string]Note{}}
	for _, n := range notes {
		w.notes[n.Key] = n
	}
	root := w.section(reflect.ValueOf(v).Elem(), "")
	root["$schema"], root["title"] = Draft, title
	text, err := json.MarshalIndent(root, "", "  ")
	return append(text, '\n'), err
}

// schema writes the parts of one.
type schema struct{ notes map[string]Note }

// section describes a struct; a section whose keys are all commented out is null.
func (w schema) section(v reflect.Value, prefix string) object {
	properties := object{}
	for _, f := range fields(v.Type()) {
		inner, key := v.FieldByIndex(f.index), prefix+f.name
		if section(f.typ) {
			properties[f.name] = w.section(inner, key+".")
			continue
		}
		properties[f.name] = w.key(inner, key)
	}
	return object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

// key describes one setting.
func (w schema) key(v reflect.Value, key string) object {
	out, note := w.plain(v.Type()), w.notes[key]
	if note.Does != "" {
		out["description"] = note.Does // keys inside lists have none
	}
	out["default"] = plainDefault(v)
	values := note.Values
	if len(values.OneOf) > 0 {
		list := values.OneOf
		if v.Kind() == reflect.String && v.Len() == 0 {
			list = append([]string{""}, list...)
		}
		if out["enum"] = list; len(values.Files) > 0 {
			delete(out, "enum")
			endings := strings.ReplaceAll(strings.Join(values.Files, "|"), ".", `\.`)
			out["anyOf"] = []object{{"enum": list}, {"pattern": `(` + endings + `)$`}}
		}
	}
	if values.span {
		out["description"] = fmt.Sprintf("%s (%s)", note.Does, values)
		return out
	}
	bound := func(x *float64, strict bool, closed, open string) {
		if x == nil {
			return
		}
		if name := closed; !strict {
			out[name] = *x
			return
		}
		out[open] = *x
	}
	bound(values.Least, values.Above, "minimum", "exclusiveMinimum")
	bound(values.Most, values.Below, "maximum", "exclusiveMaximum")
	return out
}

// plain describes the values of a type.
func (w schema) plain(t reflect.Type) object {
	switch {
	case t == durationType:
		return object{"type": "string", "pattern": durations}
	case t.Kind() == reflect.Slice && section(t.Elem()):
		return object{"type": "array", "items": w.section(reflect.New(t.Elem()).Elem(), "")}
	case t.Kind() == reflect.Slice:
		return object{"type": "array", "items": w.plain(t.Elem())}
	case t.Kind() == reflect.Map:
		return object{"type": "object", "additionalProperties": w.plain(t.Elem())}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.String:
		return object{"type": "string"}
	}
	switch v := reflect.New(t).Elem(); {
	case v.CanInt():
		return object{"type": "integer"}
	case v.CanUint():
		return object{"type": "integer", "minimum": 0}
	case v.CanFloat():
		return object{"type": "number"}
	}
	return object{}
}

// plainDefault returns a default as JSON writes it.
func plainDefault(v reflect.Value) any {
	switch {
	case v.Type() == durationType:
		return time.Duration(v.Int()).String()
	case v.Kind() == reflect.Slice && v.Len() == 0:
		return []any{}
	case v.Kind() == reflect.Map && v.Len() == 0:
		return object{}
	}
	return v.Interface()
}
