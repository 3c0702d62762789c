package optim_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Plain SGD finds the least square of one number; the rate falls along a cosine.
func Example() {
	c := optim.Default()
	c.LR, c.Momentum, c.Schedule = 0.5, 0, optim.Cosine
	if err := c.Validate(); err != nil {
		fmt.Println(err)
		return
	}
	params, grad := []float32{1}, make([]float32, 1)
	o := optim.New(c, optim.Plain(len(params)))
	for step := range uint64(4) {
		grad[0] = params[0]
		lr := optim.LR(c, step, optim.Length{Steps: 4, PerEpoch: 1})
		o.Step(params, grad, 1, lr)
		fmt.Printf("rate %.3f: %.4f\n", lr, params[0])
	}
	// Output:
	// rate 0.500: 0.5000
	// rate 0.427: 0.2866
	// rate 0.250: 0.2150
	// rate 0.073: 0.1992
}
