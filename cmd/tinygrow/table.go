package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// table aligns the rows that a command prints.
type table struct{ *tabwriter.Writer }

func newTable(out io.Writer) table { return table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)} }

// row adds a name and what is to be said about it.
func (t table) row(name, format string, args ...any) {
	fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...))
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
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// shapeText writes a shape as 3x32x32.
func shapeText(s nn.Shape) string { return fmt.Sprintf("%dx%dx%d", s.C, s.H, s.W) }
