package nn

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Init returns a model of g with fresh numbers. A weight of conv2d or linear
// is normal of mean 0 and variance 2/fanIn where the first activation it meets
// is ReLU or GELU (He), 2/(fanIn+fanOut) where that is tanh or there is none
// before the next layer (Xavier); biases are 0; batchnorm starts as the
// identity with running mean 0 and variance 1. Element i of a tensor is value
// i of the stream keyed by (seed, tensor name), so it does not depend on the
// rest of the graph. The graph must be valid.
//
// A layer that reads nothing, since its input has width zero, would shut a ReLU
// behind it for ever: no gradient passes at zero. The last bias before that
// ReLU is opening; so is the weight of a normalisation there, as that is the
// size which it gives to the first values that come.
func Init(g *Graph, seed uint64) *Model {
	shapes := g.mustShapes()
	m := &Model{g.Clone(), make([]float32, g.NumParams()), make([]float32, g.NumBuffers())}
	for _, e := range g.ParamEntries() {
		g.fill(e, shapes, seed, m.Params)
	}
	for _, e := range g.BufferEntries() {
		g.fill(e, shapes, seed, m.Buffers)
	}
	return m
}

// filler gives the first values of a tensor; nil: zeros.
type filler func(values []float32, seed uint64)

func (g *Graph) fill(e Entry, shapes map[NodeID]Shape, seed uint64, flat []float32) {
	n := g.Node(e.Node)
	if f := n.of().fresh(g, n, shapes, e); f != nil {
		f(e.Of(flat), seed)
	}
}

// constant fills a tensor with v.
func constant(v float32) filler {
	return func(values []float32, _ uint64) {
		for i := range values {
			values[i] = v
		}
	}
}

// fans are how many values an output of a layer is summed from, and how many outputs
// read an input.
type fans struct{ in, out int }

// freshLayer returns the first values of a layer's weight or bias.
func freshLayer(g *Graph, n *Node, in Shape, e Entry, fan fans) filler {
	if e.Role == RoleBias {
		if in.Len() == 0 && g.opensFlat(n.ID) {
			return constant(opening)
		}
		return nil
	}
	std := math.Sqrt(2 / (float64(fan.in) + float64(fan.out)))
	if a, ok := g.activationAfter(n.ID).Activation(); ok && a.Halves {
		std = math.Sqrt(2 / float64(fan.in))
	}
	return func(values []float32, seed uint64) {
		s := rng.New(seed, rng.Key(e.Name))
		for i := range values {
			values[i] = float32(std * s.Normal(uint64(i)))
		}
	}
}

// opening is the bias in front of a ReLU that has nothing else to read.
const opening = 0.1

// opensFlat reports whether all that reads id is an activation that lets no
// gradient through at zero.
func (g *Graph) opensFlat(id NodeID) bool {
	next := g.Consumers(id)
	if len(next) != 1 {
		return false
	}
	a, ok := g.Node(next[0]).Op.Activation()
	return ok && a.Flat
}

// activationAfter returns the first activation on the way from id to the next
// layer, following the first consumer, or OpIdentity.
func (g *Graph) activationAfter(id NodeID) Op {
	for {
		next := g.Consumers(id)
		if len(next) == 0 {
			return OpIdentity
		}
		n := g.Node(next[0])
		switch n.Op.Role() {
		case Activates:
			return n.Op
		case Mixes, Filters:
			return OpIdentity
		}
		id = n.ID
	}
}
