package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The sum of squares has the bits of its definition on every instruction set, and is right to a part in 10^5.
func TestSquares(t *testing.T) {
	withISA(t, func(t *testing.T) {
		noise := rand.New(rand.NewPCG(1, 2))
		for _, n := range []int{0, 1, 127, 128, 129, 1000, 32768, 40001} {
			x := make([]float32, n)
			exact := 0.0
			for i := range x {
				x[i] = float32(noise.NormFloat64()) * 1e-4
				exact += float64(float64(x[i]) * float64(x[i]))
			}
			var places [128]float32
			whole := n / 128 * 128
			for i, v := range x[:whole] {
				places[i%128] += float32(v * v)
			}
			want := 0.0
			for _, v := range places {
				want += float64(v)
			}
			for _, v := range x[whole:] {
				want += float64(float64(v) * float64(v))
			}
			if got := Squares(x); got != want || math.Abs(got-exact) > 1e-5*exact {
				t.Errorf("of %d values %v, by definition %v, in float64 %v", n, got, want, exact)
			}
		}
		if got := Squares([]float32{1, float32(math.NaN())}); !math.IsNaN(got) {
			t.Errorf("with a NaN: %v", got)
		}
		if got := Squares(append(make([]float32, 200), float32(math.Inf(1)))); !math.IsInf(got, 1) {
			t.Errorf("with an infinite value: %v", got)
		}
	})
}
