package worker_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
	"github.com/tinygrow/tinygrow/worker"
)

// rings are points of the plane, drawn when they are asked for: the class is whether one lies within a ring.
// What is no picture comes to a worker so, by the three methods of worker.Samples.
type rings struct{}

var plane = nn.Shape{C: 2, H: 1, W: 1}

func (rings) Digest() string { return "rings 1" }

func (rings) Fits(_ proto.Order, g *nn.Graph) error {
	if g.Input != plane {
		return errors.New("rings are points of the plane")
	}
	return nil
}

// Fill puts the points at positions lo, lo+1, ... of an order into a batch, samples innermost.
func (rings) Fill(b *nn.Batch, o proto.Order, _ proto.Augmentation, lo, n int) error {
	b.N = n
	for i := range n {
		draw := rng.New(rng.Key(o.Split), uint64(lo+i))
		x, y := draw.Normal(0), draw.Normal(1)
		at := i/tensor.Lanes*2*tensor.Lanes + i%tensor.Lanes
		b.X[at], b.X[at+tensor.Lanes] = float32(x), float32(y)
		b.Labels[i] = 0
		if r := float64(x*x) + float64(y*y); r > 0.5 && r < 2 {
			b.Labels[i] = 1
		}
	}
	return nil
}

// A program of one's own grows and evaluates a network on samples of its own, on all processors: with the bits
// that the workers of a run would compute.
func ExampleLocal_Grow() {
	g := &nn.Graph{Input: plane, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "hidden", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 2, Bias: true},
		{ID: "act", Op: nn.OpReLU, Inputs: []nn.NodeID{"hidden"}},
		{ID: "out", Op: nn.OpLinear, Inputs: []nn.NodeID{"act"}, Out: 2, Bias: true},
	}}
	m, l := nn.Init(g, 1), worker.Local{Samples: rings{}, MicroShard: 32}
	c := growth.DefaultOf(growth.PolicyTiny)
	c.Gate = false
	info := growth.EventInfo{Seed: 1, TrainSamples: 4096, MicroShard: 32}
	o, err := l.Grow(context.Background(), m, growth.NewEvent(c, m, nil, info), info)
	if err != nil {
		fmt.Println(err)
		return
	}
	before, err := l.Evaluate(context.Background(), m, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := l.Evaluate(context.Background(), o.Model, 1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	width := o.Model.Graph.Node("hidden").Out
	fmt.Printf("hidden has %d neurons; the loss falls from %.2f to %.2f\n", width, before.Loss/before.N, after.Loss/after.N)
	// Output: hidden has 10 neurons; the loss falls from 0.98 to 0.77
}
