package nn

import (
	"fmt"
	"strings"
)

// Print writes a graph as a file of networks, a line a layer: Build makes the same graph of
// the text, at generation 0. The graph must be valid; one whose layers have names that mean
// something in files is an error.
func Print(g *Graph) (string, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	input := fmt.Sprintf("channels: %d, height: %d, width: %d", g.Input.C, g.Input.H, g.Input.W)
	if g.Nodes[0].ID != "input" {
		input = fmt.Sprintf("name: %q, %s", g.Nodes[0].ID, input)
	}
	fmt.Fprintf(&b, "input: {%s} # leave out to read any\nclasses: %d # leave out to tell any number apart\nloss: %s\n", input,
		shapes[g.Output().ID].C, g.Loss)
	if g.Smoothing != 0 {
		fmt.Fprintf(&b, "label_smoothing: %v\n", g.Smoothing)
	}
	b.WriteString("layers:\n")
	for i := range g.Nodes[1:] {
		n := &g.Nodes[i+1]
		if n.ID == "input" || n.ID == "previous" {
			return "", fmt.Errorf("a layer is called %s, which means another thing in files", n.ID)
		}
		var args []string
		for _, w := range wordsOf(n.Op) {
			value, needed := w.written(n)
			if w.name == "out" && n == g.Output() {
				value = "classes"
			}
			if needed {
				args = append(args, w.name+": "+value)
			}
		}
		reads := ""
		if len(n.Inputs) != 1 || n.Inputs[0] != g.Nodes[i].ID {
			reads = g.readsOf(n)
		}
		switch {
		case len(args) == 0 && reads == "":
			fmt.Fprintf(&b, "  %s: %s\n", quoted(n.ID), n.Op)
		case len(args) == 0:
			fmt.Fprintf(&b, "  %s: {%s: %s}\n", quoted(n.ID), n.Op, reads)
		default:
			fmt.Fprintf(&b, "  %s: {%s: {%s}%s}\n", quoted(n.ID), n.Op, strings.Join(args, ", "), reads)
		}
	}
	return b.String(), nil
}

// readsOf says what a node reads.
func (g *Graph) readsOf(n *Node) string {
	var names []string
	for _, in := range n.Inputs {
		name := quoted(in)
		if in == g.Nodes[0].ID {
			name = "input"
		}
		names = append(names, name)
	}
	if len(names) == 1 {
		return ", input: " + names[0]
	}
	return ", input: [" + strings.Join(names, ", ") + "]"
}

// quoted puts a name in quotes that YAML would not read as a text.
func quoted(id NodeID) string {
	if c := id[0]; 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
		return string(id)
	}
	return fmt.Sprintf("%q", id)
}
