package kernel

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// GELU and tanh are computed in float64 and rounded once. The output may be an
// input.

// GELU sets y = x/2 (1 + erf(x / sqrt 2)).
func GELU(y, x []float32) {
	need(len(x) == len(y))
	for i, v := range x {
		z := float64(v)
		y[i] = float32(float64(0.5*z) * (1 + portable.Erf(z*(1/math.Sqrt2))))
	}
}

// GELUBackward sets dx = dy gelu'(x), where gelu'(x) is
// (1 + erf(x / sqrt 2))/2 + x exp(-x x/2)/sqrt(2 pi).
func GELUBackward(dx, dy, x []float32) {
	need(len(dy) == len(dx) && len(x) == len(dx))
	const invSqrt2Pi = 0.39894228040143267794
	for i, v := range x {
		z := float64(v)
		tail := 0.5 * (1 + portable.Erf(z*(1/math.Sqrt2)))
		bell := invSqrt2Pi * portable.Exp(-0.5*float64(z*z))
		dx[i] = float32(float64(dy[i]) * (tail + float64(z*bell)))
	}
}

// Tanh sets y = tanh x.
func Tanh(y, x []float32) {
	need(len(x) == len(y))
	for i, v := range x {
		y[i] = float32(portable.Tanh(float64(v)))
	}
}

// TanhBackward sets dx = dy (1 - y y).
func TanhBackward(dx, dy, y []float32) {
	need(len(dy) == len(dx) && len(y) == len(dx))
	for i, v := range y {
		dx[i] = dy[i] * (1 - float32(v*v))
	}
}
