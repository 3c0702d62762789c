package infer_test

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A network that tells dark pictures from bright ones is asked about two of them.
func ExampleNew() {
	in := nn.Shape{C: 1, H: 2, W: 2}
	m := nn.Init(&nn.Graph{Input: in, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput}, {ID: "out", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 2},
	}}, 1)
	copy(m.Params, []float32{-1, -1, -1, -1, 1, 1, 1, 1})
	card := &nn.Card{Input: in, Mean: []float64{127}, Std: []float64{64}, Classes: []string{"dark", "bright"}}
	n, err := infer.New(m, card, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	outputs, err := n.Pictures(context.Background(), [][]byte{{9, 7, 0, 5}, {200, 250, 199, 240}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 2 {
		best := n.Top(n.Row(outputs, i), 1)[0]
		fmt.Printf("%s %.2f\n", best.Class, best.Probability)
	}
	// Output:
	// dark 1.00
	// bright 1.00
}
