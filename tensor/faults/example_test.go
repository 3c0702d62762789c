package faults_test

import (
	"fmt"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Everything that is wrong is told, a line each.
func ExampleList() {
	steps, rate := -1, 7.0
	var found faults.List
	found.Check(steps >= 0, "steps %d: must be at least 0", steps)
	found.Check(rate > 0 && rate < 1, "rate %v: must be between 0 and 1", rate)
	fmt.Println(found.Err())
	// Output:
	// steps -1: must be at least 0
	// rate 7: must be between 0 and 1
}
