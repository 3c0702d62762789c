package view

import (
	"bytes"
	"strconv"
)

// flat visits the members of a JSON object without nested values and without
// escapes in its strings, in their order, and reports whether the line is such an
// object. Most lines of metrics are: to read them so takes a tenth of the time.
// Strings come without their quotes.
func flat(line []byte, visit func(key, value []byte)) bool {
	rest := bytes.TrimSpace(line)
	if len(rest) < 2 || rest[0] != '{' || rest[len(rest)-1] != '}' {
		return false
	}
	rest = rest[1 : len(rest)-1]
	for len(rest) > 0 {
		key, after, ok := quoted(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return false
		}
		value, next, ok := scalar(after[1:])
		if !ok {
			return false
		}
		visit(key, value)
		if len(next) == 0 {
			return true
		}
		if next[0] != ',' || len(next) == 1 {
			return false
		}
		rest = next[1:]
	}
	return true
}

// quoted returns the string that text begins with, without quotes, and what follows it.
func quoted(text []byte) (value, rest []byte, ok bool) {
	if len(text) == 0 || text[0] != '"' {
		return nil, nil, false
	}
	end := bytes.IndexByte(text[1:], '"')
	if end < 0 || bytes.IndexByte(text[1:1+end], '\\') >= 0 {
		return nil, nil, false
	}
	return text[1 : 1+end], text[2+end:], true
}

// scalar returns the string, number or word that text begins with, and what follows it.
func scalar(text []byte) (value, rest []byte, ok bool) {
	if len(text) > 0 && text[0] == '"' {
		return quoted(text)
	}
	end := bytes.IndexByte(text, ',')
	if end < 0 {
		end = len(text)
	}
	value = text[:end]
	if len(value) == 0 || bytes.ContainsAny(value, " {}[]\":\\") {
		return nil, nil, false
	}
	return value, text[end:], true
}

// number reads a number, and returns 0 for what is none, as for null.
func number(text []byte) float64 {
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0
	}
	return v
}

// count reads a number that is none below zero and no fraction, and returns 0 for others.
func count(text []byte) uint64 {
	v, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return 0
	}
	return v
}
