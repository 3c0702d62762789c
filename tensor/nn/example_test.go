package nn_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// A network learns to tell dark images from bright ones.
func Example() {
	g := &nn.Graph{Input: nn.Shape{C: 1, H: 4, W: 4}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "image", Op: nn.OpInput},
		{ID: "conv", Op: nn.OpConv, Inputs: []nn.NodeID{"image"}, Out: 3, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{ID: "act", Op: nn.OpReLU, Inputs: []nn.NodeID{"conv"}},
		{ID: "fc", Op: nn.OpLinear, Inputs: []nn.NodeID{"act"}, Out: 2, Bias: true},
	}}
	p, err := nn.Compile(g, 2, nn.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	b := p.NewBatch()
	b.N, b.Labels[0], b.Labels[1] = 2, 0, 1
	for pixel := range g.Input.Len() {
		b.X[pixel*tensor.Lanes], b.X[pixel*tensor.Lanes+1] = -1, 1 // sample 0 is dark, sample 1 bright
	}

	m := nn.Init(g, 1)
	w, grad := p.NewWorkspace(), make([]float32, len(m.Params))
	o := optim.New(optim.Default(), optim.Plain(len(m.Params)))
	for step := range 4 {
		w.Forward(p.Pack(nil, m.Params), m.Buffers, b, nn.Train)
		loss := w.Loss()
		w.Backward(grad)
		o.Step(m.Params, grad, float32(1/loss.N), 0.1)
		fmt.Printf("step %d: loss %.4f, %v of %v correct\n", step, loss.Loss/loss.N, loss.Correct, loss.N)
	}
	// Output:
	// step 0: loss 1.3205, 1 of 2 correct
	// step 1: loss 0.8209, 1 of 2 correct
	// step 2: loss 0.4281, 2 of 2 correct
	// step 3: loss 0.2723, 2 of 2 correct
}

// wave is a layer of a program's own, x exp(-x^2).
type wave struct{}

func (wave) Plan(in nn.Shape) (out nn.Shape, params int, err error) { return in, 0, nil }

// Activation says that wave is a function of each value by itself, 0 at 0: networks grow through it.
func (wave) Activation() nn.Activation { return nn.Activation{} }

func (wave) Forward(_ nn.Shape, y, x, _ []float32) {
	for i, v := range x {
		y[i] = v * bell(v)
	}
}

func (wave) Backward(_ nn.Shape, dx, _, dy, x, _ []float32) {
	for i, v := range x {
		dx[i] = dy[i] * bell(v) * (1 - float32(2*v*v))
	}
}

// bell has the same bits on every processor.
func bell(v float32) float32 { return float32(portable.Exp(-float64(v) * float64(v))) }

// A layer of one's own is registered and then used like any other, in graphs and in files.
func ExampleRegister() {
	op := nn.Register("example_wave", wave{})
	g, err := nn.Build(nn.ModelConfig{Name: "own.yaml", Input: nn.Shape{C: 2, H: 1, W: 1}, Classes: 2, Text: `
layers:
  fc1: {linear: {out: 3}}
  act: example_wave
  fc2: {linear: {out: classes}}
`})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(op.Own(), g.Node("act").Op == op, g.NumParams())
	// Output: true true 17
}
