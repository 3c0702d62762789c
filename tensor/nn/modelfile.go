package nn

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn/netfile"
)

// fileMaker makes the nodes of a graph of what a file says.
type fileMaker struct {
	file   *netfile.File
	g      *Graph
	shapes map[NodeID]Shape
	at     map[NodeID]netfile.Pos
}

// Kinds returns all operations but the input.
func (m *fileMaker) Kinds() []string {
	var list []string
	for _, op := range Ops() {
		if op.Role() != Begins {
			list = append(list, string(op))
		}
	}
	return list
}

// Words returns the words of an operation.
func (m *fileMaker) Words(kind string) []string {
	var list []string
	for _, w := range wordsOf(Op(kind)) {
		list = append(list, w.name)
	}
	return list
}

// Add appends a node.
func (m *fileMaker) Add(l *netfile.Layer) (netfile.Shape, error) {
	n := Node{ID: NodeID(l.Name), Op: Op(l.Kind)}
	for _, in := range l.Inputs {
		n.Inputs = append(n.Inputs, NodeID(in))
	}
	var faults []error
	say := func(p netfile.Pos, format string, args ...any) {
		faults = append(faults, m.file.Fault(p, format, args...))
	}
	given := map[string]netfile.Pos{}
	for _, a := range l.Args {
		given[a.Key] = a.At
		for _, w := range wordsOf(n.Op) {
			if w.name == a.Key && !take(w.field(&n), a.Value) {
				say(a.At, "%s %s of %s: must be %s", a.Key, a.Value, n.ID, wanted(w.field(&n)))
			}
		}
	}
	for _, w := range wordsOf(n.Op) {
		if _, said := given[w.name]; said {
			continue
		}
		if w.fill == nil {
			say(l.At, "%s needs %s, as %s: {%s: 3}", n.ID, w.name, l.Kind, w.name)
			continue
		}
		w.fill(&n)
	}
	if !n.ID.valid() {
		say(l.At, "%s: a name is 1 to 64 letters, digits, dots, dashes and underscores, with those of the blocks it lies in", n.ID)
	}
	if len(m.g.Nodes) >= maxNodes {
		say(l.At, "the network has more than %d layers", maxNodes-1)
	}
	if len(faults) > 0 {
		return netfile.Shape{}, errors.Join(faults...)
	}
	n.faults(func(format string, args ...any) { say(l.At, "%s %s "+format, append([]any{n.Op, n.ID}, args...)...) })
	if len(faults) == 0 {
		m.g.infer(&n, m.shapes, func(n *Node, format string, args ...any) {
			say(l.At, "%s %s reads %s: it %s", n.Op, n.ID, m.reading(n), fmt.Sprintf(format, args...))
		})
	}
	if c, ok := n.of().(cautious); ok && len(faults) == 0 {
		if why := c.caution(m.g, &n, m.shapes); why != "" {
			say(l.At, "%s %s reads %s: %s", n.Op, n.ID, m.reading(&n), why)
		}
	}
	if len(faults) > 0 {
		return netfile.Shape{}, errors.Join(faults...)
	}
	m.g.Nodes = append(m.g.Nodes, n)
	m.at[n.ID] = l.At
	return netfile.Shape(m.shapes[n.ID]), nil
}

// cautious is implemented by operations that files of networks put under conditions
// which a graph does not have.
type cautious interface {
	// caution says what to do instead, or nothing.
	caution(g *Graph, n *Node, shapes map[NodeID]Shape) string
}

// reading lists what a node reads.
func (m *fileMaker) reading(n *Node) string {
	var list []string
	for _, in := range n.Inputs {
		s := m.shapes[in]
		list = append(list, fmt.Sprintf("(%d, %d, %d) from %s", s.C, s.H, s.W, in))
	}
	return strings.Join(list, " and ")
}

// take sets a field from a value, and reports whether it is of its kind.
func take(field any, v netfile.Value) (ok bool) {
	switch f := field.(type) {
	case *int:
		*f, ok = v.Int()
	case *bool:
		*f, ok = v.Bool()
	case *float64:
		*f, ok = v.Float()
	}
	return ok
}

// wanted says what a field takes.
func wanted(field any) string {
	switch field.(type) {
	case *int:
		return "a whole number"
	case *bool:
		return "true or false"
	default:
		return "a number"
	}
}

// read makes the graph that a file describes.
func (c *ModelConfig) read(f *netfile.File, given map[string]netfile.Value) (*Graph, error) {
	loss := Loss(f.Loss)
	if c.Loss != "" && loss != "" && c.Loss != loss {
		return nil, f.Fault(f.At("loss"), "the network is trained by %s, model.loss is %s: give one of them", loss, c.Loss)
	}
	g := &Graph{Input: c.Input, Loss: cmp.Or(c.Loss, loss, CrossEntropy), Nodes: []Node{{ID: NodeID(f.InputName), Op: OpInput}}}
	if g.Loss == CrossEntropy {
		g.Smoothing = cmp.Or(c.LabelSmoothing, f.LabelSmoothing)
	}
	if err := g.Input.faults(); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains(Losses, g.Loss):
		return nil, f.Fault(f.At("loss"), "loss %s: must be one of %v", g.Loss, Losses)
	case !(g.Smoothing >= 0 && g.Smoothing < 1):
		return nil, f.Fault(f.At("label_smoothing"), "label_smoothing %v: must be at least 0 and below 1", g.Smoothing)
	case f.Input != nil && Shape(*f.Input) != c.Input:
		return nil, f.Fault(f.At("input"), "the network reads %v, the data are %v: leave input out to read any", Shape(*f.Input), c.Input)
	case f.Classes != 0 && f.Classes != c.Classes:
		return nil, f.Fault(f.At("classes"), "the network tells %d classes apart, the data have %d: leave classes out to tell any apart",
			f.Classes, c.Classes)
	}
	m := &fileMaker{file: f, g: g, shapes: map[NodeID]Shape{g.Nodes[0].ID: g.Input}, at: map[NodeID]netfile.Pos{}}
	if err := f.Expand(netfile.Given{Input: netfile.Shape(c.Input), Classes: c.Classes, Parameters: given}, m); err != nil {
		return nil, err
	}
	return g, m.whole(c.Classes)
}

// whole says what is wrong with the graph as a whole.
func (m *fileMaker) whole(classes int) error {
	var faults []error
	last := m.g.Output()
	for i := range m.g.Nodes {
		n := &m.g.Nodes[i]
		if n != last && len(m.g.Consumers(n.ID)) == 0 {
			faults = append(faults, m.file.Fault(m.at[n.ID],
				"nobody reads %s, and it is not the last layer: read it, or leave it out", n.ID))
		}
	}
	s := m.shapes[last.ID]
	switch {
	case s.H != 1 || s.W != 1:
		faults = append(faults, m.file.Fault(m.at[last.ID], "the last layer, %s, gives (%d, %d, %d), the loss needs %d numbers: "+
			"end with globalavgpool or flatten, and linear: {out: classes}", last.ID, s.C, s.H, s.W, classes))
	case s.C != classes:
		faults = append(faults, m.file.Fault(m.at[last.ID], "the last layer, %s, gives %d numbers, there are %d classes: "+
			"write out: classes", last.ID, s.C, classes))
	}
	if len(faults) == 0 {
		if err := m.g.Validate(); err != nil {
			faults = append(faults, m.file.Fault(netfile.Pos{}, "%v", err))
		}
	}
	return errors.Join(faults...)
}
