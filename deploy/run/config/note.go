package config

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Note says of a key what it does and which values it takes.
type Note struct {
	Key    string
	Does   string // sentences; of a number what 0 means, of a text what none means
	Values Values
}

// Values are those that a key takes beside what its type says. The zero value is all.
type Values struct {
	OneOf []string // choices of a text; a key whose default is none takes none as well
	// Files says that the names of files with these endings are taken beside OneOf.
	Files []string
	// Least and Most bound a number, or the seconds of a duration. With Above, Least
	// itself is too small; with Below, Most itself too large.
	Least, Most  *float64
	Above, Below bool
	span         bool // they are seconds
}

// OneOf returns the values of a list.
func OneOf(names ...string) Values { return Values{OneOf: names} }

// OrFile returns those of v and the names of files with an ending.
func (v Values) OrFile(endings ...string) Values { v.Files = endings; return v }

// From returns the numbers that are no smaller than least.
func From(least float64) Values { return Values{Least: &least} }

// Above returns the numbers that are larger than least.
func Above(least float64) Values { return Values{Least: &least, Above: true} }

// To returns those of v that are no larger than most.
func (v Values) To(most float64) Values { v.Most = &most; return v }

// UpTo returns those of v that are smaller than most.
func (v Values) UpTo(most float64) Values { v.Most, v.Below = &most, true; return v }

// Lasting returns the durations from least to most; 0 for most: without end.
func Lasting(least, most time.Duration) Values {
	v := From(least.Seconds())
	if most > 0 {
		v = v.To(most.Seconds())
	}
	v.span = true
	return v
}

// String returns the values for people: "0 to 1", "above 0", "auto, on, off", or
// nothing where all are taken.
func (v Values) String() string {
	write := func(x float64) string {
		switch {
		case v.span:
			return time.Duration(math.Round(x * 1e9)).String()
		case x == math.Trunc(x) && math.Abs(x) < 1e15:
			return fmt.Sprintf("%.0f", x)
		}
		return fmt.Sprint(x)
	}
	switch {
	case len(v.Files) > 0:
		return strings.Join(v.OneOf, ", ") + ", or a file that ends in " + strings.Join(v.Files, " or ")
	case len(v.OneOf) > 0:
		return strings.Join(v.OneOf, ", ")
	case v.Least == nil:
		return ""
	case v.Most == nil && v.Above:
		return "above " + write(*v.Least)
	case v.Most == nil:
		return write(*v.Least) + " or more"
	case v.Above:
		return "above " + write(*v.Least) + " to " + write(*v.Most)
	case v.Below:
		return write(*v.Least) + " to below " + write(*v.Most)
	}
	return write(*v.Least) + " to " + write(*v.Most)
}
