package solve

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// BenchmarkSolve solves one site as an event does, the best update and then
// the best neurons: 3 x 3 kernels and biases in and out, as many channels on
// both sides. Run it with -cpu 1 for one core.
func BenchmarkSolve(b *testing.B) {
	for _, channels := range []int{16, 64, 256} {
		a := 9*channels + 1
		b.Run(fmt.Sprintf("a=%d", a), func(b *testing.B) {
			s := covariance(a)
			n := mat.NewDense(a, channels, nil)
			numbers := rng.New(2)
			for i := range n.RawMatrix().Data {
				n.RawMatrix().Data[i] = numbers.Normal(uint64(i))
			}
			for b.Loop() {
				BestUpdate(s, n, 1e6, linalg.Inversion{Threshold: Threshold})
				if got := BestNeurons(s, n, 32, linalg.Inversion{Threshold: Threshold}); len(got.Lambda) != min(32, channels) {
					b.Fatalf("%d neurons", len(got.Lambda))
				}
			}
		})
	}
}

// covariance returns that of n features which share a part.
func covariance(n int) *mat.SymDense {
	s, numbers := mat.NewSymDense(n, nil), rng.New(1)
	part := make([]float64, n)
	for i := range part {
		part[i] = numbers.Normal(uint64(i))
	}
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, part[i]*part[j])
		}
		s.SetSym(i, i, s.At(i, i)+1+float64(i%7))
	}
	return s
}
