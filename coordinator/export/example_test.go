package export_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/export"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// A network is written for other programs, and read back with the same bits.
func ExampleWrite() {
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
	card := &nn.Card{Input: in, Mean: []float64{127}, Std: []float64{64}, Classes: []string{"cat", "dog"}}
	s := &export.Source{Model: nn.Init(g, 1), Card: card}
	path := filepath.Join(dir, export.DefaultPath("pets", "onnx"))
	if err := export.Write(s, "onnx", path); err != nil {
		log.Fatal(err)
	}
	m, read, err := export.Read(path)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filepath.Base(path), m.Digest() == s.Model.Digest(), read.Classes)
	// Output: pets.onnx true [cat dog]
}
