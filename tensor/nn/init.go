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
		n := g.Node(e.Node)
		values := e.Of(m.Params)
		switch {
		case g.shut(n, shapes) && (e.Role == RoleBias || n.Op == OpBatchNorm):
			fill(values, opening)
		case e.Role == RoleBias:
		case n.Op == OpBatchNorm:
			fill(values, 1)
		default:
			std := g.initStd(n, shapes[n.Inputs[0]])
			s := rng.New(seed, rng.Key(e.Name))
			for i := range values {
				values[i] = float32(std * s.Normal(uint64(i)))
			}
		}
	}
	for _, e := range g.BufferEntries() {
		if e.Role == RoleRunningVar {
			fill(e.Of(m.Buffers), 1)
		}
	}
	return m
}

// opening is the bias in front of a ReLU that has nothing else to read.
const opening = 0.1

// shut reports whether ReLU reads n, and n adds its bias to nothing: n is a
// layer without inputs, or a normalisation right behind one.
func (g *Graph) shut(n *Node, shapes map[NodeID]Shape) bool {
	next := g.Consumers(n.ID)
	if len(next) != 1 || g.Node(next[0]).Op != OpReLU {
		return false
	}
	if n.Op == OpBatchNorm {
		n = g.Node(n.Inputs[0])
	}
	return (n.Op == OpConv || n.Op == OpLinear) && shapes[n.Inputs[0]].Len() == 0
}

// initStd returns the standard deviation of a fresh weight of layer n.
func (g *Graph) initStd(n *Node, in Shape) float64 {
	fanIn, fanOut := float64(in.Len()), float64(n.Out)
	if n.Op == OpConv {
		area := float64(n.Kernel * n.Kernel)
		fanIn, fanOut = float64(in.C)*area, fanOut*area
	}
	switch g.activationAfter(n.ID) {
	case OpReLU, OpGELU:
		return math.Sqrt(2 / fanIn)
	}
	return math.Sqrt(2 / (fanIn + fanOut))
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
		switch n.Op {
		case OpReLU, OpGELU, OpTanh:
			return n.Op
		case OpConv, OpLinear:
			return OpIdentity
		}
		id = n.ID
	}
}

func fill(x []float32, v float32) {
	for i := range x {
		x[i] = v
	}
}
