package kernel

import "testing"

// Functions over elements, in bytes of input and output.
func BenchmarkElementwise(b *testing.B) {
	const n = 16 * 1024 // in the first two levels of the cache
	out, in := make([]float32, n), [][]float32{make([]float32, n), make([]float32, n), make([]float32, n)}
	for i := range n {
		in[0][i], in[1][i], in[2][i] = 1, float32(i%41-20)/5, float32(i%7-3)
	}
	for _, f := range elementFunctions {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(4 * n * (1 + f.inputs)))
			for b.Loop() {
				f.run(out, in)
			}
		})
	}
}
