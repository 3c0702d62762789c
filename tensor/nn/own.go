package nn

import (
	"fmt"
	"regexp"

	"github.com/tinygrow/tinygrow/tensor"
)

// Layer is an operation of a program's own: a function of one input, of each sample by itself, which may have
// parameters. Register makes it known. Its methods are called by several goroutines at a time.
//
// Forward and Backward work on a block of tensor.Lanes samples: x and dx are (H, W, C, 32) of the input, y and dy
// (H, W, C, 32) of the output, the samples innermost. Where a block has fewer samples, the lanes behind the last one
// are computed like the others and read by nobody; their dy is 0. Results must follow from the arguments alone and be
// finite for finite ones. They have the same bits on every machine if a sum has a fixed order and is written
// float32(a*b) + c, which no compiler fuses.
type Layer interface {
	// Plan returns the shape of the output for an input of shape in, and the number of parameters. An error says
	// what is wrong with the input.
	Plan(in Shape) (out Shape, params int, err error)
	// Forward writes y.
	Forward(in Shape, y, x, params []float32)
	// Backward writes dx, the gradient at the input for one of dy at the output, and adds that of the parameters,
	// summed over the samples, to dparams, which is nil where nobody asks for it.
	Backward(in Shape, dx, dparams, dy, x, params []float32)
}

// Starting is implemented by a Layer whose parameters do not all start at 0.
type Starting interface {
	// Start sets the first values of parameters, which are 0, for an input of shape in.
	Start(in Shape, params []float32, seed uint64)
}

// Activating is implemented by a Layer that is a function of each value by itself, 0 at 0, with the same parameters
// for every channel: networks can be widened where it lies between. Elsewhere layers of a program's own leave the
// widths of the channels that they read and write as they are.
type Activating interface {
	Activation() Activation
}

// Takes is implemented by a Layer that does not take an input of 8 channels.
type Takes interface {
	// Takes returns a small shape that Plan takes.
	Takes() Shape
}

// ownNames are those that a layer may be registered by: they stand in files of networks.
var ownNames = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Register makes an operation of a program's own known by a name of a-z, 0-9 and _, as the Op of nodes and in files
// of networks, and returns it. It is called before any network is made, as in the declaration of a variable; a name
// that is taken, or a Layer that its Plan contradicts, panics.
//
// All programs of a run register it: a worker that lacks it, or computes it to other bits, has another Fingerprint
// and is refused. So does whatever reads such a model. It is written in safetensors and npz; onnx and pytorch cannot
// say it.
func Register(name Op, l Layer) Op {
	if !ownNames.MatchString(string(name)) {
		panic(fmt.Sprintf("nn: a layer called %q: a name is 1 to 40 of a-z, 0-9 and _, a letter first", name))
	}
	o := &ownOp{layer: l, name: name, example: exampleOf(l)}
	if o.example == (Shape{}) {
		panic(fmt.Sprintf("nn: %s takes none of %v: let it have a method Takes() Shape", name, exampleShapes))
	}
	if _, ok := l.(Activating); ok {
		wider := o.example
		wider.C *= 2
		_, params, _ := l.Plan(o.example)
		out, same, err := l.Plan(wider)
		if err != nil || out != wider || same != params {
			panic(fmt.Sprintf("nn: %s activates, and so has the shape of its input and as many parameters for any number of channels",
				name))
		}
		return register(name, activatingOp{o})
	}
	return register(name, o)
}

// Own reports whether a program registered the operation.
func (o Op) Own() bool {
	switch operations[o].(type) {
	case *ownOp, activatingOp:
		return true
	}
	return false
}

// exampleShapes are what a layer that says nothing takes one of: an image, features and a sequence.
var exampleShapes = []Shape{{8, 4, 4}, {8, 1, 1}, {8, 6, 1}}

// ownOp is a Layer as an operation.
type ownOp struct {
	plain
	layer   Layer
	name    Op
	example Shape
}

// exampleOf returns a shape that a layer takes, or none.
func exampleOf(l Layer) Shape {
	shapes := exampleShapes
	if t, ok := l.(Takes); ok {
		shapes = []Shape{t.Takes()}
	}
	for _, s := range shapes {
		if _, _, err := l.Plan(s); err == nil && s.faults() == nil {
			return s
		}
	}
	return Shape{}
}

func (*ownOp) role() Role { return Couples }

func (o *ownOp) output(_ *Node, in Shape) (Shape, error) {
	out, params, err := o.layer.Plan(in)
	switch {
	case err != nil:
		return out, fmt.Errorf("cannot read %v: %w", in, err)
	case params < 0 || params > maxParams || out.C < 0 || out.H < 1 || out.W < 1:
		return out, fmt.Errorf("makes %v with %d parameters of %v, which is no shape", out, params, in)
	}
	return out, nil
}

func (o *ownOp) params(_ *Node, in Shape) []tensorShape {
	if _, n, err := o.layer.Plan(in); err == nil && n > 0 {
		return []tensorShape{{RoleWeight, []int{n}}}
	}
	return nil
}

func (o *ownOp) fresh(_ *Graph, n *Node, shapes map[NodeID]Shape, _ Entry) filler {
	s, ok := o.layer.(Starting)
	if !ok {
		return nil
	}
	return func(values []float32, seed uint64) { s.Start(shapes[n.Inputs[0]], values, seed) }
}

func (o *ownOp) unit(c *compiler, n *Node) unit {
	u := &ownUnit{n: n, layer: o.layer, in: c.shapes[n.Inputs[0]], out: c.shapes[n.ID]}
	if e, ok := c.params[n.tensor(RoleWeight)]; ok {
		u.weight, u.trains = e, true
		u.weightVec = c.vectorOf(e)
	}
	return u
}

// probe puts the layer behind one that makes its input.
func (o *ownOp) probe() *Graph {
	s := o.example
	return &Graph{Input: Shape{3, s.H, s.W}, Loss: CrossEntropy, Nodes: []Node{
		{ID: "x", Op: OpInput}, {ID: "c1", Op: OpConv, Inputs: []NodeID{"x"}, Out: s.C, Kernel: 1, Stride: 1, Bias: true},
		{ID: "own", Op: o.name, Inputs: []NodeID{"c1"}}, {ID: "f2", Op: OpLinear, Inputs: []NodeID{"own"}, Out: 5, Bias: true},
	}}
}

// activatingOp is a Layer that is Activating.
type activatingOp struct{ *ownOp }

func (activatingOp) role() Role               { return Activates }
func (o activatingOp) activation() Activation { return o.layer.(Activating).Activation() }

// ownUnit is a Layer at its place.
type ownUnit struct {
	n         *Node
	layer     Layer
	in, out   Shape
	weight    Entry
	weightVec int // offset in a Packed's vector
	trains    bool
}

func (u *ownUnit) end() *Node { return u.n }

func (u *ownUnit) forward(c *compiler) {
	x := c.in(u.n, 0)
	y := c.output(u.n)
	c.tape.add(&ownStep{u, y, x}, y, []buf{x})
}

func (u *ownUnit) backward(c *compiler) {
	dy, x, in := c.gradient(u.n), c.in(u.n, 0), u.n.Inputs[0]
	if dy == noBuf {
		return
	}
	dx := c.tape.buffer(u.in)
	c.tape.add(&ownBackStep{u, dx, dy, x, u.trains && !c.signals}, dx, []buf{dy, x})
	if c.wants[in] {
		c.send(in, dx)
	}
}

// params returns the layer's parameters.
func (u *ownUnit) params(w *Workspace) []float32 {
	if !u.trains {
		return nil
	}
	return w.packed.vector[u.weightVec:][:u.weight.Len():u.weight.Len()]
}

// block returns block i of values of shape s.
func (s Shape) block(of []float32, i int) []float32 {
	n := s.Len() * tensor.Lanes
	return of[i*n : (i+1)*n : (i+1)*n]
}

type ownStep struct {
	*ownUnit
	y, x buf
}

func (s *ownStep) run(w *Workspace) {
	y, x, params := w.at(s.y), w.at(s.x), s.params(w)
	for i := range w.blocks {
		s.layer.Forward(s.in, s.out.block(y, i), s.in.block(x, i), params)
	}
}

func (s *ownStep) describe() (string, int64) { return string(s.n.Op) + " forward", 0 }

type ownBackStep struct {
	*ownUnit
	dx, dy, x buf
	asks      bool
}

func (s *ownBackStep) run(w *Workspace) {
	var dparams []float32
	if s.asks {
		dparams = s.weight.Of(w.grad)
		clear(dparams)
	}
	dx, dy, x, params := w.at(s.dx), w.at(s.dy), w.at(s.x), s.params(w)
	for i := range w.blocks {
		s.layer.Backward(s.in, s.in.block(dx, i), dparams, s.out.block(dy, i), s.in.block(x, i), params)
	}
}

func (s *ownBackStep) describe() (string, int64) { return string(s.n.Op) + " backward", 0 }
