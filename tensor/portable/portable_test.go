package portable

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"
)

// Package math is the reference here; its own error is below one unit in the last place.
func TestAgainstMath(t *testing.T) {
	for _, f := range []struct {
		name       string
		ours, math func(float64) float64
		lo, hi     float64
		tolerance  float64
	}{
		{"exp", Exp, math.Exp, -708, 709, 4e-16},
		{"exp near 0", Exp, math.Exp, -1, 1, 4e-16},
		{"log", Log, math.Log, 1e-300, 1e300, 4e-16},
		{"log near 1", Log, math.Log, 0.3, 3, 4e-16},
		{"tanh", Tanh, math.Tanh, -25, 25, 1e-15},
		{"tanh near 0", Tanh, math.Tanh, -0.5, 0.5, 1e-15},
		{"erf", Erf, math.Erf, -7, 7, 4e-16},
		{"erfc", Erfc, math.Erfc, -7, 26, 1e-15},
		{"erfc near 0", Erfc, math.Erfc, -2, 2, 1e-15},
	} {
		for i := range 20001 {
			x := f.lo + (f.hi-f.lo)*float64(i)/20000
			got, want := f.ours(x), f.math(x)
			if math.Abs(got-want) > f.tolerance*math.Abs(want) {
				t.Errorf("%s(%v) = %v, want %v", f.name, x, got, want)
				break
			}
		}
	}
}

func TestSpecialValues(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, f := range []struct {
		name       string
		ours, math func(float64) float64
	}{{"exp", Exp, math.Exp}, {"log", Log, math.Log}, {"tanh", Tanh, math.Tanh}, {"erf", Erf, math.Erf},
		{"erfc", Erfc, math.Erfc}} {
		for _, x := range []float64{0, math.Copysign(0, -1), inf, -inf, nan, 1e-12, 710, -740, -746} {
			got, want := f.ours(x), f.math(x)
			if got != want && !(got != got && want != want) && math.Abs(got-want) > 1e-15*math.Abs(want) {
				t.Errorf("%s(%v) = %v, want %v", f.name, x, got, want)
			}
		}
	}
}

func TestCosPiAndPowInt(t *testing.T) {
	for i := range 1001 {
		x := float64(i) / 1000
		if got, want := CosPi(x), math.Cos(math.Pi*x); math.Abs(got-want) > 4e-16 {
			t.Fatalf("cospi(%v) = %v, want %v", x, got, want)
		}
	}
	if CosPi(0) != 1 || CosPi(0.5) != 0 || CosPi(1) != -1 {
		t.Errorf("cospi at 0, 1/2, 1: %v, %v, %v", CosPi(0), CosPi(0.5), CosPi(1))
	}
	for _, n := range []uint64{0, 1, 2, 7, 1000, 1 << 40} {
		if got, want := PowInt(0.999, n), math.Pow(0.999, float64(n)); math.Abs(got-want) > 1e-13*want {
			t.Errorf("0.999^%d = %v, want %v", n, got, want)
		}
	}
}

// Package math on amd64 answers -709.09 to the first.
func TestSubnormals(t *testing.T) {
	if got, want := Log(1e-320), -736.8272408909739; got != want {
		t.Errorf("log(1e-320) = %v, want %v", got, want)
	}
	if got := Tanh(-1e-320); got != -1e-320 {
		t.Errorf("tanh(-1e-320) = %v", got)
	}
}

// The bits are part of the reproducibility contract: this hash is the same on
// every platform and must never change.
func TestBitsNeverChange(t *testing.T) {
	for _, c := range []struct {
		name   string
		values func(x float64) []float64
		want   uint64
	}{
		{"exp, log, tanh, erf", func(x float64) []float64 { return []float64{Exp(x), Log(math.Abs(x) + 1e-3), Tanh(x / 4), Erf(x / 5)} },
			0x5188237774d25645},
		{"erfc", func(x float64) []float64 { return []float64{Erfc(x)} }, 0x1497f11dd8ea5bf3},
	} {
		h := fnv.New64a()
		for i := range 4000 {
			for _, v := range c.values(float64(float64(i-2000) * 0.0137)) {
				h.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
			}
		}
		if got := h.Sum64(); got != c.want {
			t.Errorf("%s: hash of bits = %#x, want %#x", c.name, got, c.want)
		}
	}
}
