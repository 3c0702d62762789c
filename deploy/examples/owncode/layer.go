package main

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// squash is a layer of our own, f(x) = a x / (1 + |x|) with a gain a that is learnt: a function of each
// value by itself, so that networks are widened where it lies between.
type squash struct{}

// opSquash is how graphs and network.yaml call it. It is registered before anything else happens.
var opSquash = nn.Register("squash", squash{})

func (squash) Plan(in nn.Shape) (out nn.Shape, params int, err error) { return in, 1, nil }

func (squash) Activation() nn.Activation { return nn.Activation{} }

func (squash) Start(_ nn.Shape, params []float32, _ uint64) { params[0] = 1 }

func (squash) Forward(_ nn.Shape, y, x, params []float32) {
	for i, v := range x {
		y[i] = float32(params[0]*v) / (1 + abs(v))
	}
}

// Backward has the slope a / (1 + |x|)^2 at x, and x / (1 + |x|) by a.
func (squash) Backward(_ nn.Shape, dx, dparams, dy, x, params []float32) {
	for i, v := range x {
		d := 1 + abs(v)
		dx[i] = float32(dy[i]*params[0]) / float32(d*d)
		if dparams != nil {
			dparams[0] += float32(dy[i]*v) / d // one sample after the other: the same bits everywhere
		}
	}
}

func abs(v float32) float32 { return float32(math.Abs(float64(v))) }
