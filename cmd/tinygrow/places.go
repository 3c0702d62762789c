package main

import (
	"fmt"
	"strconv"
	"strings"
)

// places is a list of PATH=NAME=VALUE, separated by semicolons: a path in the
// container, and the variable with its value that it comes from.
type places string

// explain adds to an error what the paths and values in it are called outside.
func (p places) explain(text string) string {
	for place := range strings.SplitSeq(string(p), ";") {
		path, variable, ok := strings.Cut(place, "=")
		name, value, both := strings.Cut(variable, "=")
		if !ok || !both || name == "" {
			continue
		}
		switch {
		case mentions(text, path):
			text += fmt.Sprintf("\n%s is what %s=%s names", path, name, value)
		case value != "" && strings.Contains(text, strconv.Quote(value)):
			text += fmt.Sprintf("\n%q is from %s=%s", value, name, value)
		}
	}
	return text
}

// mentions reports whether text holds a path, or one below it, and not only a
// longer name.
func mentions(text, path string) bool {
	for rest, ok := text, path != ""; ok; {
		if _, rest, ok = strings.Cut(rest, path); ok && (rest == "" ||
			!strings.ContainsAny(rest[:1], "-_.0123456789") && !isLetter(rest[0])) {
			return true
		}
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
