package linalg_test

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

// A symmetric matrix whose last feature copies the first has rank 2; Solve
// applies its pseudoinverse.
func Example() {
	s := mat.NewSymDense(3, []float64{
		4, 0, 4,
		0, 1, 0,
		4, 0, 4,
	})
	w := linalg.Whiten(s, linalg.Inversion{Threshold: 1e-9})
	x := w.Solve(mat.NewDense(3, 1, []float64{8, 3, 8}))
	fmt.Println("rank", w.Rank())
	fmt.Printf("%.3g\n", mat.Formatted(x.T()))
	// Output:
	// rank 2
	// [1  3  1]
}

func ExampleTopSVD() {
	y := mat.NewDense(2, 3, []float64{
		3, 0, 0,
		0, 0, -2,
	})
	s := linalg.TopSVD(y, 1)
	fmt.Printf("%.3g\n", s.Values[:1])
	fmt.Printf("%.3g\n", mat.Formatted(s.V.T()))
	// Output:
	// [3]
	// [1  0  0]
}
