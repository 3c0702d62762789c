package kernel

import "github.com/tinygrow/tinygrow/tensor"

// lanes is the length of a row: one channel of one pixel for a block of samples.
const lanes = tensor.Lanes

// row returns row i of x.
func row(x []float32, i int) *[lanes]float32 { return (*[lanes]float32)(x[i*lanes:]) }

func need(ok bool) {
	if !ok {
		panic("kernel: slice of a wrong length")
	}
}
