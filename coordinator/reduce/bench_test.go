package reduce_test

import (
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// What a step costs more for telling of its halves: AddHalves in place of Add, once, and Squares of the sum.
func BenchmarkHalves(b *testing.B) {
	const n = 1 << 20
	left, right := make([]float32, n), make([]float32, n)
	for i := range left {
		left[i], right[i] = float32(i%7)-3, float32(i%5)-2
	}
	for name, do := range map[string]func(){
		"Add":       func() { reduce.Add(left, right, kernel.Rounding{}) },
		"AddHalves": func() { reduce.Chunk.AddHalves(left, right, kernel.Rounding{}) },
		"Squares": func() {
			for at := 0; at < n; at += chunk {
				kernel.Squares(left[:chunk]) // the update has just read it
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(4 * n)
			for b.Loop() {
				clear(left[:chunk])
				do()
			}
		})
	}
}
