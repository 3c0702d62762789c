package kernel_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// A 3 x 3 convolution adds up the neighbourhood of each pixel, for 32 samples side by side.
func ExampleConv() {
	g := kernel.Geometry{InC: 1, InH: 3, InW: 3, OutC: 1, KH: 3, KW: 3, Stride: 1, Pad: 1}
	c := kernel.NewConv(g)
	x, y := make([]float32, 9*tensor.Lanes), make([]float32, 9*tensor.Lanes)
	for pixel := range 9 {
		x[pixel*tensor.Lanes] = float32(pixel) // sample 0; the others are black
	}
	packed := make([]float32, c.PackedLen())
	c.Pack(packed, []float32{1, 1, 1, 1, 1, 1, 1, 1, 1})
	c.Forward(y, x, packed, []float32{0.5}, 1, make([]float32, c.ScratchLen(1)))
	for row := range 3 {
		at := row * 3 * tensor.Lanes
		fmt.Println(y[at], y[at+tensor.Lanes], y[at+2*tensor.Lanes])
	}
	// Output:
	// 8.5 15.5 12.5
	// 21.5 36.5 27.5
	// 20.5 33.5 24.5
}

func ExampleGemm() {
	a := kernel.RowMajor([]float32{
		1, 2, 3,
		4, 5, 6,
	}, 3)
	c := kernel.RowMajor(make([]float32, 4), 2)
	scratch := make([]float32, kernel.GemmScratchLen(kernel.ProductShape{M: 2, N: 2, K: 3}))
	kernel.Gemm(c, a, a.T(), false, scratch)
	fmt.Println(c.Data)
	// Output:
	// [14 32 32 77]
}
