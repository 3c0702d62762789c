package nn

import (
	"fmt"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Op is the kind of a node, in PyTorch's words. Each op_*.go holds one
// operation, whole: its name, what it needs, what it computes and what it does
// with channels.
type Op string

// operation is what the package knows of a kind of node. A new one is one file
// that registers a value; what lacks a method does not compile.
type operation interface {
	// role says what becomes of the channels of the inputs.
	role() Role
	// inputs returns the least and the largest number of inputs.
	inputs() (least, most int)
	// uses returns the fields of a Node that mean something to the operation.
	uses() fields
	// faults tells what is wrong with the fields beyond their ranges.
	faults(n *Node, say func(format string, args ...any))
	// output returns the shape of the output for a first input of shape in.
	output(n *Node, in Shape) (Shape, error)
	// params and buffers return the node's tensors, in order.
	params(n *Node, in Shape) []tensorShape
	buffers(n *Node, in Shape) []tensorShape
	// fresh returns the first values of a parameter or buffer.
	fresh(g *Graph, n *Node, shapes map[NodeID]Shape, e Entry) filler
	// window returns how an output position reads input positions, and false
	// where it reads its own position alone.
	window(n *Node, in Shape) (Window, bool)
	// unit returns how the node runs, and lays out its parameters.
	unit(c *compiler, n *Node) unit
	// probe returns a network with the operation for the fingerprint, or nil
	// if the common probes have it.
	probe() *Graph
}

// combines is implemented by operations of several inputs that need not have equal shapes: it
// stands in place of output.
type combines interface {
	// combined returns the shape of the output for inputs of those shapes, as many as there may be.
	combined(n *Node, in []Shape) (Shape, error)
}

// counts is implemented by operations whose work is not told by role and window.
type counts interface {
	// flops returns twice the multiply-adds for a first input of shape in and an output of shape out.
	flops(n *Node, in, out Shape) int64
}

// fields are the parts of a Node besides ID, Op and Inputs.
type fields struct{ out, window, bias, eps, momentum, groups, heads, rate bool }

// faulty tells which fields n has that it has no use for.
func (f fields) faulty(n *Node, say func(format string, args ...any)) {
	switch {
	case !f.eps && !f.momentum && (n.Eps != 0 || n.Momentum != 0):
		say("has no eps and no momentum")
	case !f.momentum && n.Momentum != 0:
		say("has no momentum")
	}
	if f.eps && !(n.Eps > 0 && n.Eps <= math.MaxFloat32) {
		say("eps %v: must be above 0", n.Eps)
	}
	if !f.groups && n.Groups != 0 {
		say("has no groups")
	}
	if !f.heads && (n.Heads != 0 || n.Scale != 0) {
		say("has no heads and no scale")
	}
	if !f.rate && n.Rate != 0 {
		say("has no rate")
	}
}

// tensorShape is a tensor that belongs to a node.
type tensorShape struct {
	role  string
	shape []int
}

// operations is the table of all kinds of nodes.
var operations = map[Op]operation{}

// register adds an operation to the table and returns its name.
func register(name Op, o operation) Op {
	if _, taken := operations[name]; taken {
		panic(fmt.Sprintf("nn: two operations called %q", name))
	}
	operations[name] = o
	allProbes.known.Clear() // they are those of all operations
	return name
}

// Ops returns all operations by name.
func Ops() []Op {
	var all []Op
	for name := range operations {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// of returns the node's operation; the graph must be valid.
func (n *Node) of() operation { return operations[n.Op] }

// plain is what an operation of one input has that changes neither shape nor
// position and has no parameters.
type plain struct{}

func (plain) inputs() (least, most int)                           { return 1, 1 }
func (plain) uses() fields                                        { return fields{} }
func (plain) faults(*Node, func(format string, args ...any))      {}
func (plain) output(_ *Node, in Shape) (Shape, error)             { return in, nil }
func (plain) params(*Node, Shape) []tensorShape                   { return nil }
func (plain) buffers(*Node, Shape) []tensorShape                  { return nil }
func (plain) fresh(*Graph, *Node, map[NodeID]Shape, Entry) filler { return nil }
func (plain) window(*Node, Shape) (Window, bool)                  { return Window{}, false }
func (plain) probe() *Graph                                       { return nil }

// Window says which input positions an output position reads: a rectangle of
// Height x Width that moves by Stride over an input with Pad positions around it.
type Window struct {
	Height, Width, Stride, Pad int
	// Inside says that positions of the padding do not count: an average is
	// over what lies inside the input.
	Inside bool
}

// slide returns the shape of what w gives with c channels when it moves over in.
func (w Window) slide(in Shape, c int) (Shape, error) {
	if in.H+2*w.Pad < w.Height || in.W+2*w.Pad < w.Width {
		return Shape{}, fmt.Errorf("has a %dx%d kernel that does not fit its input %v with padding %d", w.Height, w.Width, in, w.Pad)
	}
	outputs := func(length, size int) int { return (length+2*w.Pad-size)/w.Stride + 1 }
	return Shape{c, outputs(in.H, w.Height), outputs(in.W, w.Width)}, nil
}

// kernelWindow is the window of the fields of a node.
func (n *Node) kernelWindow() Window {
	return Window{Height: n.Kernel, Width: n.Kernel, Stride: n.Stride, Pad: n.Pad}
}

// Window returns how an output position of n reads positions of an input of
// shape in, and false where it reads its own position alone.
func (n *Node) Window(in Shape) (Window, bool) { return n.of().window(n, in) }

// pooling returns the geometry of a pooling window for the kernels.
func (w Window) pooling(s Shape) kernel.Window {
	return kernel.Window{C: s.C, H: s.H, W: s.W, KH: w.Height, KW: w.Width, Stride: w.Stride, Pad: w.Pad}
}
