package netfile

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// Pos is a place in a text, both counted from 1. The zero value is no place.
type Pos struct{ Line, Column int }

func at(n *yaml.Node) Pos { return Pos{n.Line, n.Column} }

// Fault is what is wrong at a place of a file.
type Fault struct {
	File string
	Pos
	Text string
}

// Error returns file:line:column: text.
func (f *Fault) Error() string {
	switch {
	case f.Line == 0:
		return fmt.Sprintf("%s: %s", f.File, f.Text)
	case f.Column == 0:
		return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Text)
}

// maxFaults bounds how many faults of a file are told.
const maxFaults = 20

// account is the faults of one file.
type account struct {
	file string
	list []*Fault
}

func (f *account) say(p Pos, format string, args ...any) {
	f.list = append(f.list, &Fault{f.file, p, fmt.Sprintf(format, args...)})
}

// add tells err: the faults that it joins, at their places, or what it says, at p.
func (f *account) add(p Pos, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			f.add(p, one)
		}
		return
	}
	var fault *Fault
	if errors.As(err, &fault) {
		f.list = append(f.list, fault)
		return
	}
	f.say(p, "%v", err)
}

// err joins all faults in the order of the file, each once, or is nil.
func (f *account) err() error {
	list := slices.Clone(f.list)
	slices.SortStableFunc(list, func(a, b *Fault) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	list = slices.CompactFunc(list, func(a, b *Fault) bool { return *a == *b })
	var errs []error
	for i, fault := range list {
		if i == maxFaults {
			errs = append(errs, fmt.Errorf("%s: and %d more", f.file, len(list)-i))
			break
		}
		errs = append(errs, fault)
	}
	return errors.Join(errs...)
}
