package nn

import (
	"errors"
	"fmt"
	"slices"
)

// Validate returns all faults of the graph at once (errors.Join), or nil.
func (g *Graph) Validate() error {
	var faults []error
	say := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	at := func(n *Node, format string, args ...any) {
		say("node %q (%s): %w", n.ID, n.Op, fmt.Errorf(format, args...))
	}

	if err := g.Input.faults(); err != nil {
		faults = append(faults, err)
	}
	if !slices.Contains(Losses, g.Loss) {
		say("loss %q: must be one of %q", g.Loss, Losses)
	}
	if !(g.Smoothing >= 0 && g.Smoothing < 1) || g.Smoothing != 0 && g.Loss != CrossEntropy {
		say("smoothing %v: must be at least 0 and below 1, and 0 but for %s", g.Smoothing, CrossEntropy)
	}
	if g.LRA != nil {
		if err := g.LRA.Validate(); err != nil {
			say("rec_lra: %w", err)
		}
	}
	if len(g.Nodes) < 2 || len(g.Nodes) > maxNodes {
		say("graph of %d nodes: needs an input and at least one layer, and at most %d nodes", len(g.Nodes), maxNodes)
		return errors.Join(faults...)
	}
	place := make(map[NodeID]int, len(g.Nodes))
	read := make(map[NodeID]bool, len(g.Nodes))
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if !n.ID.valid() {
			at(n, "an id is 1 to 64 letters, digits, dots, dashes and underscores")
		}
		if _, twice := place[n.ID]; twice {
			at(n, "the id occurs twice")
		}
		if (n.Op.Role() == Begins) != (i == 0) {
			at(n, "the first node and no other must be the input")
		}
		for _, in := range n.Inputs {
			if _, ok := place[in]; !ok {
				at(n, "reads %q, which is no earlier node", in)
			}
			read[in] = true
		}
		place[n.ID] = i
		n.faults(func(format string, args ...any) { at(n, format, args...) })
		if g.LRA != nil && n.Op.Role() != 0 {
			if why := n.unaligned(); why != "" {
				at(n, "%s", why)
			}
		}
	}
	for i := range g.Nodes[:len(g.Nodes)-1] {
		if n := &g.Nodes[i]; !read[n.ID] {
			at(n, "nobody reads it and it is not the last")
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	shapes := g.shapes(at)
	if out, ok := shapes[g.Output().ID]; ok && (out.C < 1 || out.H != 1 || out.W != 1) {
		at(g.Output(), "the output has shape %v: the loss needs a vector of at least one value", out)
	}
	if len(faults) == 0 && g.countParams(shapes) > maxParams {
		say("graph has more than %d parameters", maxParams)
	}
	return errors.Join(faults...)
}

// faults says what is wrong with the shape of an input.
func (s Shape) faults() error {
	if s.C < 1 || s.H < 1 || s.W < 1 || s.C > maxWidth || s.H > maxSide || s.W > maxSide || s.Len() > maxValues {
		return fmt.Errorf("input shape %v: every side must be at least 1, C at most %d, H and W at most %d, all together %d",
			s, maxWidth, maxSide, maxValues)
	}
	return nil
}

// valid reports whether an id may name files and tensors.
func (id NodeID) valid() bool {
	for _, r := range id {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
		default:
			return false
		}
	}
	return 1 <= len(id) && len(id) <= 64
}

// faults tells what is wrong with the fields of one node.
func (n *Node) faults(say func(format string, args ...any)) {
	op, ok := operations[n.Op]
	if !ok {
		say("unknown operation: a layer of one's own has to be registered by the program that reads the network (nn.Register)")
		return
	}
	if least, most := op.inputs(); len(n.Inputs) < least || len(n.Inputs) > most {
		say("has %d inputs, needs %d", len(n.Inputs), least)
	}
	between := func(name string, used bool, v, lo, hi int) {
		if !used {
			lo, hi = 0, 0
		}
		if v < lo || v > hi {
			say("%s %d: must be %d to %d", name, v, lo, hi)
		}
	}
	uses := op.uses()
	between("out", uses.out, n.Out, 0, maxWidth)
	between("kernel", uses.window, n.Kernel, 1, maxKernel)
	between("stride", uses.window, n.Stride, 1, maxKernel)
	between("pad", uses.window, n.Pad, 0, maxKernel)
	if n.Bias && !uses.bias {
		say("has no bias")
	}
	uses.faulty(n, say)
	op.faults(n, say)
}
