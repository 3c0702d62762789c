package kernel

import (
	"math"
	"testing"
)

// SiLU and its slope against package math in float64, and at the ends.
func TestSiLUAgainstFloat64(t *testing.T) {
	const n = 24_000
	x, y, slope, one := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], one[i] = float32(i-n/2)/500, 1
	}
	SiLU(y, x)
	SiLUBackward(slope, one, x)
	for i, v := range x {
		v := float64(v)
		s := 1 / (1 + math.Exp(-v))
		if want := v * s; math.Abs(float64(y[i])-want) > 5e-7*math.Abs(want) {
			t.Fatalf("silu(%v) = %v, want %v", v, y[i], want)
		}
		if want := s + v*s*(1-s); math.Abs(float64(slope[i])-want) > 1e-6 {
			t.Fatalf("slope of silu at %v: %v, want %v", v, slope[i], want)
		}
	}
	ends := []float32{0, float32(math.Inf(1)), float32(math.NaN()), -200, 200}
	SiLU(y[:5], ends)
	if y[0] != 0 || !math.IsInf(float64(y[1]), 1) || y[2] == y[2] || math.Abs(float64(y[3])) > 1e-30 || y[4] != 200 {
		t.Errorf("silu of %v: %v", ends, y[:5])
	}
}
