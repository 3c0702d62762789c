package rng_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Any value of a stream can be asked for at once, in any order, on any machine.
func Example() {
	s := rng.New(42, rng.Key("weights"))
	fmt.Println(s.Uint64(1_000_000))
	fmt.Printf("%.4f\n", s.Normal(7))
	fmt.Println(s.Uintn(3, 6), s.Perm(5))
	// Output:
	// 15884452987825276886
	// 0.8403
	// 3 [0 1 3 2 4]
}
