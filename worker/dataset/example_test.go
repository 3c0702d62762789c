package dataset_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// The built-in set needs no files; a batch takes its samples from an order, here
// the second epoch of a run of seed 7, augmented by moves of a few pixels.
func Example() {
	c := dataset.Default()
	c.Limit = 100
	s, err := dataset.Open(c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Shape(), s.ClassNames())
	b := nn.NewBatch(8, s.Shape(), 0)
	s.Fill(b, proto.Order{Split: dataset.Train, Stream: "epoch", Seed: 7, Index: 1}, proto.Move, 0, 8)
	fmt.Println(b.N, b.Labels)
	// Output:
	// 3x32x32 [circle ring square frame triangle pentagon star cross crescent tee]
	// 8 [9 3 4 5 9 1 3 2]
}
