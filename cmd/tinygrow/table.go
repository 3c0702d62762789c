package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tinygrow/tinygrow/coordinator/picture"
	"github.com/tinygrow/tinygrow/proto"
)

// table aligns the rows that a command prints.
type table struct {
	io.Writer
	aligned *tabwriter.Writer
}

func newTable(out io.Writer) table {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	return table{printable{w}, w}
}

// label is what a row begins with: what it is about.
type label string

// row adds a name and what is to be said about it.
func (t table) row(name label, format string, args ...any) {
	fmt.Fprintf(t, "%s\t%s\n", name, proto.Printable(fmt.Sprintf(format, args...)))
}

// Flush prints the rows so far.
func (t table) Flush() error { return t.aligned.Flush() }

// printable lets through what may go to a terminal, and ends of cells and lines:
// names may come from other machines, and from files that others wrote.
type printable struct{ out io.Writer }

func (p printable) Write(b []byte) (int, error) {
	var clean strings.Builder
	for line := range strings.Lines(string(b)) {
		text, ended := strings.CutSuffix(line, "\n")
		for i, cell := range strings.Split(text, "\t") {
			if i > 0 {
				clean.WriteByte('\t')
			}
			clean.WriteString(proto.Printable(cell))
		}
		if ended {
			clean.WriteByte('\n')
		}
	}
	_, err := io.WriteString(p.out, clean.String())
	return len(b), err
}

// widthList writes layers and widths in the order of their names.
func widthList(widths map[string]int) string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(widths)) {
		list = append(list, fmt.Sprintf("%s %d", id, widths[id]))
	}
	return strings.Join(list, ", ")
}

// thousands writes n as 12,345.
func thousands(n int) string { return picture.Thousands(n) }
