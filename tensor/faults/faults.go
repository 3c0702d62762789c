// Package faults collects what is wrong with settings, so that all of it is told
// at once. It does not know what settings mean.
package faults

import (
	"errors"
	"fmt"
	"math"
)

// A List is the faults found so far, in order. The zero value has none.
type List []error

// Check adds a fault unless ok.
func (l *List) Check(ok bool, format string, args ...any) {
	if !ok {
		*l = append(*l, fmt.Errorf(format, args...))
	}
}

// Add adds err unless it is nil.
func (l *List) Add(err error) {
	if err != nil {
		*l = append(*l, err)
	}
}

// Err joins the faults, and is nil where there are none.
func (l List) Err() error { return errors.Join(l...) }

// Finite reports whether v is a number, and not infinite.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
