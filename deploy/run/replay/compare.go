package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// values returns the JSON value of text with its numbers as they are written.
func values(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// firstDifference returns the path of the first value in which logged differs
// from computed, and both values; what logged has on top of it does not count
// if extra is set. Digests come first: they cover the rest.
func firstDifference(path string, logged, computed any, extra bool) (at, was, is string, differs bool) {
	switch c := computed.(type) {
	case map[string]any:
		l, ok := logged.(map[string]any)
		if !ok {
			break
		}
		keys := slices.Sorted(maps.Keys(c))
		if i := slices.Index(keys, "digest"); i > 0 {
			keys = slices.Insert(slices.Delete(keys, i, i+1), 0, "digest")
		}
		for _, k := range keys {
			if _, there := l[k]; !there {
				return join(path, k), "nothing", written(c[k]), true
			}
			if at, was, is, differs := firstDifference(join(path, k), l[k], c[k], false); differs {
				return at, was, is, true
			}
		}
		for _, k := range slices.Sorted(maps.Keys(l)) {
			if _, there := c[k]; !there && !extra {
				return join(path, k), written(l[k]), "nothing", true
			}
		}
		return "", "", "", false
	case []any:
		l, ok := logged.([]any)
		if !ok || len(l) != len(c) {
			break
		}
		for i := range c {
			if at, was, is, differs := firstDifference(fmt.Sprintf("%s[%d]", path, i), l[i], c[i], false); differs {
				return at, was, is, true
			}
		}
		return "", "", "", false
	default:
		if logged == computed {
			return "", "", "", false
		}
	}
	return path, written(logged), written(computed), true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// written shortens a value to what a person reads.
func written(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(text) > 80 {
		return string(text[:77]) + "..."
	}
	return string(text)
}
