package kernel

import (
	"math"
	"testing"
)

// Activations and their slopes against package math in float64.
func TestActivationsAgainstFloat64(t *testing.T) {
	const n = 24_000
	x, y, one := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i] = float32(i-n/2) / 1000
		one[i] = 1
	}
	for _, c := range []struct {
		name               string
		run                func()
		want               func(x float64) float64
		relative, absolute float64
	}{
		{"gelu", func() { GELU(y, x) }, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }, 3e-7, 2e-7},
		{"gelu slope", func() { GELUBackward(y, one, x) }, func(x float64) float64 {
			return math.Erfc(-x/math.Sqrt2)/2 + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi)
		}, 3e-7, 2e-7},
		{"tanh", func() { Tanh(y, x) }, math.Tanh, 3e-7, 0},
		{"tanh slope", func() { Tanh(y, x); TanhBackward(y, one, y) },
			func(x float64) float64 { return 1 / (math.Cosh(x) * math.Cosh(x)) }, 0, 3e-7},
	} {
		c.run()
		for i := range x {
			want := c.want(float64(x[i]))
			if d := math.Abs(float64(y[i]) - want); !(d <= c.relative*math.Abs(want)+c.absolute) {
				t.Errorf("%s at %v is %v, want %v", c.name, x[i], y[i], want)
				break
			}
		}
	}
}

func TestActivationsOfSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	x := []float32{0, inf, -inf, nan, 1e-30, -200, 200}
	y := make([]float32, len(x))
	Tanh(y, x)
	for i, want := range []float32{0, 1, -1, nan, 1e-30, -1, 1} {
		if y[i] != want && want == want || want != want && y[i] == y[i] {
			t.Errorf("tanh(%v) = %v, want %v", x[i], y[i], want)
		}
	}
	GELU(y, x)
	for i, want := range map[int]float32{0: 0, 1: inf, 5: 0, 6: 200} {
		if math.Abs(float64(y[i]-want)) > 1e-30 {
			t.Errorf("gelu(%v) = %v, want %v", x[i], y[i], want)
		}
	}
	if y[3] == y[3] {
		t.Errorf("gelu(NaN) = %v", y[3])
	}
}
