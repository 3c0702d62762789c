package checkpoint_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A model file is complete: what else one has to know of the network stands in its card.
func ExampleWriteModel() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	in := nn.Shape{C: 1, H: 8, W: 8}
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: in, Classes: 2})
	if err != nil {
		log.Fatal(err)
	}
	m := nn.Init(g, 1)
	card := &nn.Card{Input: in, Mean: []float64{127}, Std: []float64{64}, Classes: []string{"cat", "dog"}}
	path := filepath.Join(dir, checkpoint.ModelFile)
	if err := checkpoint.WriteModel(path, m, card); err != nil {
		log.Fatal(err)
	}
	again, read, err := checkpoint.LoadModel(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(again.Digest() == m.Digest(), again.Graph.Widths(), read.Classes)
	// Output: true map[fc1:64 fc2:64] [cat dog]
}
