package netfile

import (
	"errors"
	"fmt"
	"go/constant"
	"go/token"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is what an expression gives: a number, a truth value, a text, or a list of these.
type Value struct {
	scalar constant.Value // nil of a list
	list   []Value
}

// IntValue makes a value of a whole number.
func IntValue(v int) Value { return Value{scalar: constant.MakeInt64(int64(v))} }

// BoolValue makes a value of a truth value.
func BoolValue(v bool) Value { return Value{scalar: constant.MakeBool(v)} }

// TextValue makes a value of a text.
func TextValue(v string) Value { return Value{scalar: constant.MakeString(v)} }

// ListValue makes a list of whole numbers.
func ListValue(list []int) Value {
	v := Value{list: make([]Value, len(list))}
	for i := range list {
		v.list[i] = IntValue(list[i])
	}
	return v
}

// Int returns a whole number, and false where the value is none or beyond the range of int.
func (v Value) Int() (int, bool) {
	if v.scalar == nil {
		return 0, false
	}
	whole := constant.ToInt(v.scalar)
	if whole.Kind() != constant.Int {
		return 0, false
	}
	n, exact := constant.Int64Val(whole)
	return int(n), exact && int64(int(n)) == n
}

// Float returns a number, and false where the value is none.
func (v Value) Float() (float64, bool) {
	if v.scalar == nil || v.scalar.Kind() != constant.Int && v.scalar.Kind() != constant.Float {
		return 0, false
	}
	f, _ := constant.Float64Val(v.scalar)
	return f, true
}

// Bool returns a truth value, and false where the value is none.
func (v Value) Bool() (value, ok bool) {
	if v.scalar == nil || v.scalar.Kind() != constant.Bool {
		return false, false
	}
	return constant.BoolVal(v.scalar), true
}

// Text returns a text, and false where the value is none.
func (v Value) Text() (string, bool) {
	if v.scalar == nil || v.scalar.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v.scalar), true
}

// String writes the value as expressions do.
func (v Value) String() string {
	if v.scalar == nil {
		var parts []string
		for _, item := range v.list {
			parts = append(parts, item.String())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return v.scalar.String()
}

// kind says what the value is.
func (v Value) kind() string {
	if v.scalar == nil {
		return "a list"
	}
	switch v.scalar.Kind() {
	case constant.Bool:
		return "true or false"
	case constant.String:
		return "a text"
	case constant.Int:
		return "a whole number"
	default:
		return "a number"
	}
}

// like reports whether the value may stand where def is the default. What has to be whole
// is said where it is used.
func (v Value) like(def Value) bool {
	_, number := v.Float()
	_, also := def.Float()
	return v.kind() == def.kind() || number && also
}

// Numbers are decimal, as in all settings.
var (
	wholeNumber = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	realNumber  = regexp.MustCompile(`^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$`)
)

// literal reads a number or a truth value.
func literal(text string) (Value, bool) {
	switch {
	case text == "true" || text == "false":
		return BoolValue(text == "true"), true
	case wholeNumber.MatchString(text) && len(text) < 20:
		return Value{scalar: constant.MakeFromLiteral(strings.TrimPrefix(text, "+"), token.INT, 0)}, true
	case wholeNumber.MatchString(text) || realNumber.MatchString(text):
		f, err := strconv.ParseFloat(text, 64)
		return Value{scalar: constant.MakeFloat64(f)}, err == nil
	}
	return Value{}, false
}

// errNoValue is returned for YAML that is neither a scalar nor a list of such.
var errNoValue = errors.New("must be a number, true, false, a text or a list of these")

// ParseValue reads a value as YAML writes it: what is neither number nor truth value is a
// text, [1, 2] a list.
func ParseValue(text string) (Value, error) {
	var root yaml.Node
	if len(text) > maxExpression {
		return Value{}, fmt.Errorf("must be at most %d bytes long", maxExpression)
	}
	if err := yaml.Unmarshal([]byte(text), &root); err != nil || len(root.Content) == 0 {
		return Value{}, errNoValue
	}
	return plainValue(root.Content[0])
}

// plainValue reads a value without expressions.
func plainValue(n *yaml.Node) (Value, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if v, ok := literal(n.Value); ok && n.Style == 0 {
			return v, nil
		}
		return TextValue(n.Value), nil
	case yaml.SequenceNode:
		v := Value{list: []Value{}}
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode {
				return v, errNoValue
			}
			part, err := plainValue(item)
			if err != nil {
				return v, err
			}
			v.list = append(v.list, part)
		}
		return v, nil
	}
	return Value{}, errNoValue
}
