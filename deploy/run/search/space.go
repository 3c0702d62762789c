package search

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/portable"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Kind says which values a setting takes.
type Kind string

// The kinds of settings.
const (
	Int      Kind = "int"      // whole numbers from Min to Max
	Float    Kind = "float"    // numbers from Min to Max
	LogFloat Kind = "logfloat" // likewise, with the same chance for each ratio
	Choice   Kind = "choice"   // one of Choices
)

// Variable is a setting that is searched.
type Variable struct {
	// Key is a key of the configuration, or an element of one that is a list, as model.widths[0].
	Key      string
	Kind     Kind
	Min, Max float64
	Choices  []string // in YAML's notation
}

// Space is what is searched, sorted by key.
type Space []Variable

// Point is a place in a Space: for each variable a number from 0 to below 1.
type Point []float64

// MaxVariables and maxChoices bound a Space.
const (
	MaxVariables = 64
	maxChoices   = 1024
)

// ParseSpace reads what stands in a configuration: of each key the kind and the values,
// as int(4, 64), logfloat(0.01, 1) or choice(sgd, muon).
func ParseSpace(of map[string]string) (Space, error) {
	var s Space
	var found faults.List
	for key, text := range of {
		v, err := parseVariable(key, text)
		if err != nil {
			found.Check(false, "space: %s: %v", key, err)
			continue
		}
		s = append(s, v)
	}
	slices.SortFunc(s, func(a, b Variable) int { return compareKeys(a.Key, b.Key) })
	slices.SortFunc(found, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	found.Check(len(of) > 0, "space: nothing is searched: name a setting, as optim.lr: logfloat(0.01, 1)")
	found.Check(len(of) <= MaxVariables, "space: %d settings: at most %d", len(of), MaxVariables)
	if len(found) == 0 {
		found.Check(s.wholeLists() == "", "space: %s", s.wholeLists())
	}
	return s, found.Err()
}

// compareKeys sorts by key, and elements of a list by their number.
func compareKeys(a, b string) int {
	x, i, _ := Element(a)
	y, j, _ := Element(b)
	if c := strings.Compare(x, y); c != 0 {
		return c
	}
	return i - j
}

// Element takes a key of an element apart: model.widths[2] is model.widths and 2.
func Element(key string) (list string, index int, is bool) {
	list, rest, is := strings.Cut(key, "[")
	if !is {
		return key, 0, false
	}
	index, err := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	if err != nil || index < 0 || index >= maxChoices || !strings.HasSuffix(rest, "]") {
		return key, 0, false
	}
	return list, index, true
}

// wholeLists says which element of a list is missing; empty: none.
func (s Space) wholeLists() string {
	next := map[string]int{}
	for _, v := range s {
		list, i, is := Element(v.Key)
		if !is {
			continue
		}
		if i != next[list] {
			return fmt.Sprintf("%s[%d] is missing: name all elements of the list, from %[1]s[0] on", list, next[list])
		}
		next[list]++
	}
	return ""
}

// parseVariable reads kind(values).
func parseVariable(key, text string) (Variable, error) {
	v := Variable{Key: key}
	kind, rest, open := strings.Cut(strings.TrimSpace(text), "(")
	inside, closed := strings.CutSuffix(rest, ")")
	v.Kind = Kind(strings.TrimSpace(kind))
	if !open || !closed {
		return v, fmt.Errorf("%.80q: write int(4, 64), float(0, 1), logfloat(0.01, 1) or choice(a, b)", text)
	}
	values, whole := splitValues(inside)
	if !whole {
		return v, fmt.Errorf("%.80q: its brackets do not match", text)
	}
	if v.Kind == Choice {
		if len(values) < 2 || len(values) > maxChoices {
			return v, fmt.Errorf("choice of %d values: give 2 to %d", len(values), maxChoices)
		}
		if slices.Contains(values, "") {
			return v, fmt.Errorf("%.80q: a value is empty", text)
		}
		v.Choices = values
		return v, nil
	}
	if v.Kind != Int && v.Kind != Float && v.Kind != LogFloat {
		return v, fmt.Errorf("%.80q is no kind: write int, float, logfloat or choice", kind)
	}
	if len(values) != 2 {
		return v, fmt.Errorf("%s of %d values: give the least and the largest, as %[1]s(1, 8)", v.Kind, len(values))
	}
	for i, to := range []*float64{&v.Min, &v.Max} {
		x, err := strconv.ParseFloat(values[i], 64)
		if err != nil || !faults.Finite(x) || strings.ContainsAny(values[i], "xX_") {
			return v, fmt.Errorf("%.80q must be a number", values[i])
		}
		*to = x
	}
	const largest = 1 << 31
	switch {
	case v.Min >= v.Max:
		return v, fmt.Errorf("%s from %v to %v: the first must be below the second", v.Kind, v.Min, v.Max)
	case v.Kind == LogFloat && v.Min <= 0:
		return v, fmt.Errorf("logfloat from %v: must be above 0", v.Min)
	case v.Kind == Int && (v.Min != float64(int64(v.Min)) || v.Max != float64(int64(v.Max)) || v.Min < -largest || v.Max > largest):
		return v, fmt.Errorf("int from %v to %v: must be whole numbers of at most 2^31", v.Min, v.Max)
	}
	return v, nil
}

// splitValues splits at the commas that stand in no brackets, which whole says all match.
func splitValues(text string) (list []string, whole bool) {
	depth, from, least := 0, 0, 0
	for i, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
			least = min(least, depth)
		case ',':
			if depth == 0 {
				list, from = append(list, strings.TrimSpace(text[from:i])), i+1
			}
		}
	}
	return append(list, strings.TrimSpace(text[from:])), depth == 0 && least == 0
}

// Value returns the value at u, from 0 to below 1, in YAML's notation. Numbers have four digits.
func (v Variable) Value(u float64) string {
	switch v.Kind {
	case Choice:
		n := len(v.Choices)
		return v.Choices[min(portable.Int(float64(u*float64(n))), n-1)]
	case Int:
		n := v.Max - v.Min + 1
		return strconv.Itoa(int(v.Min) + min(portable.Int(float64(u*n)), int(n)-1))
	case LogFloat:
		low, high := portable.Log(v.Min), portable.Log(v.Max)
		return v.digits(portable.Exp(low + float64(u*(high-low))))
	}
	return v.digits(v.Min + float64(u*(v.Max-v.Min)))
}

// digits writes x with four digits, or the bound that this would pass.
func (v Variable) digits(x float64) string {
	text := strconv.FormatFloat(x, 'g', 4, 64)
	rounded, _ := strconv.ParseFloat(text, 64) // it was written a moment ago
	if rounded < v.Min || rounded > v.Max {
		text = strconv.FormatFloat(min(max(rounded, v.Min), v.Max), 'g', -1, 64)
	}
	return text
}

// Values returns the value of each variable at p.
func (s Space) Values(p Point) []string {
	values := make([]string, len(s))
	for i, v := range s {
		values[i] = v.Value(p[i])
	}
	return values
}

// Assignments returns key=value for each key of the configuration at p: elements of a list
// are put together.
func (s Space) Assignments(p Point) []string {
	var list []string
	elements := map[string][]string{}
	for i, value := range s.Values(p) {
		of, _, is := Element(s[i].Key)
		if !is {
			list = append(list, s[i].Key+"="+value)
			continue
		}
		if elements[of] = append(elements[of], value); i == len(s)-1 || !strings.HasPrefix(s[i+1].Key, of+"[") {
			list = append(list, of+"=["+strings.Join(elements[of], ", ")+"]")
		}
	}
	return list
}

// draw returns the point that a seed stands for, uniform in the space.
func (s Space) draw(seed uint64) Point {
	stream := rng.New(rng.Key("point"), seed)
	p := make(Point, len(s))
	for i := range p {
		p[i] = stream.Float64(uint64(i))
	}
	return p
}
