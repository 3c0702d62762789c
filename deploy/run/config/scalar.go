package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Numbers are decimal and booleans are true and false. YAML 1.1 reads more into a
// text: 010 is 8, 1_0 is 10, 1:30 is 90, yes is true, 64.9 fits an integer.
var (
	wholeNumber = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	realNumber  = regexp.MustCompile(`^[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?$`)
	leadingZero = regexp.MustCompile(`^([-+]?)0+([0-9].*)$`)
)

var durationType = reflect.TypeFor[time.Duration]()

// Parse sets the number, boolean or duration that dst points to from text, by the
// rules of all settings.
func Parse(dst any, text string) error {
	v := reflect.ValueOf(dst).Elem()
	if why := parse(v, text); why != "" {
		return errors.New(why)
	}
	return nil
}

// parse sets v from text, or says why it cannot.
func parse(v reflect.Value, text string) (why string) {
	wrong := func() string { return fmt.Sprintf("%q must be %s%s", text, kind(v.Type()), hint(text)) }
	var err error
	switch {
	case v.Type() == durationType:
		var d time.Duration
		if d, err = time.ParseDuration(text); err != nil || wholeNumber.MatchString(text) {
			return fmt.Sprintf("%q must be %s", text, kind(v.Type()))
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Sprintf("%q must be %s", text, kind(v.Type()))
		}
		v.SetBool(text == "true")
	case v.CanInt() || v.CanUint():
		if !wholeNumber.MatchString(text) {
			return wrong()
		}
		if text = strings.TrimPrefix(text, "+"); v.CanUint() {
			var n uint64
			n, err = strconv.ParseUint(text, 10, v.Type().Bits())
			v.SetUint(n)
		} else {
			var n int64
			n, err = strconv.ParseInt(text, 10, v.Type().Bits())
			v.SetInt(n)
		}
	case v.CanFloat():
		if !realNumber.MatchString(text) {
			return wrong()
		}
		var f float64
		f, err = strconv.ParseFloat(text, v.Type().Bits())
		if f == 0 && strings.ContainsAny(strings.SplitN(strings.ToLower(text), "e", 2)[0], "123456789") {
			err = strconv.ErrRange
		}
		v.SetFloat(f)
	default:
		return "must be " + kind(v.Type())
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Sprintf("%q is beyond the range of numbers", text)
	case err != nil:
		return wrong()
	}
	return ""
}

// hint says how to write a number that another notation, or YAML 1.1, would take.
func hint(text string) string {
	plain := ""
	if m := leadingZero.FindStringSubmatch(text); m != nil {
		plain = m[1] + m[2]
	} else if n, err := strconv.ParseInt(text, 0, 64); err == nil { // 0x1f, 1_000
		plain = strconv.FormatInt(n, 10)
	} else if f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil && f == math.Trunc(f) &&
		math.Abs(f) < 1<<53 { // 64.0, 1e3
		plain = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if plain == "" || plain == text {
		return ""
	}
	return ", written in decimal digits: " + plain
}

// scalar sets v from a scalar node, or says why it cannot.
func scalar(v reflect.Value, n *yaml.Node) (why string) {
	switch {
	case n.Kind != yaml.ScalarNode:
		return "must be " + kind(v.Type())
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Sprintf("the tag %s is not understood here: leave it out", n.Tag)
	case n.Tag == "!!null":
		return "has no value: give one, or leave the key out"
	case v.Kind() == reflect.String:
		v.SetString(n.Value)
		return ""
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return fmt.Sprintf("%q must be %s, without quotes", n.Value, kind(v.Type()))
	}
	return parse(v, n.Value)
}
