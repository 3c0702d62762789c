package kernel

import "math"

// GELU and tanh in float32, every product rounded by itself: the operations
// of the functions on one value below are those of the vector bodies, in their
// order. The output may be an input.

// GELU sets y = x/2 (1 + erf(x / sqrt 2)).
func GELU(y, x []float32) {
	need(len(x) == len(y))
	for i := geluSIMD(y, x); i < len(y); i++ {
		y[i] = x[i] * normalCDF(x[i])
	}
}

// GELUBackward sets dx = dy gelu'(x), where gelu'(x) is
// (1 + erf(x / sqrt 2))/2 + x exp(-x x/2)/sqrt(2 pi).
func GELUBackward(dx, dy, x []float32) {
	need(len(dy) == len(dx) && len(x) == len(dx))
	for i := geluBackwardSIMD(dx, dy, x); i < len(dx); i++ {
		v := x[i]
		bell := expNegative(float32(v*v)*activationCoefs[coefMinusHalf]) * activationCoefs[coefInvSqrt2Pi]
		dx[i] = dy[i] * (normalCDF(v) + float32(v*bell))
	}
}

// Tanh sets y = tanh x.
func Tanh(y, x []float32) {
	need(len(x) == len(y))
	for i := tanhSIMD(y, x); i < len(y); i++ {
		y[i] = tanh(x[i])
	}
}

// TanhBackward sets dx = dy (1 - y y).
func TanhBackward(dx, dy, y []float32) {
	need(len(dy) == len(dx) && len(y) == len(dx))
	for i := tanhBackwardSIMD(dx, dy, y); i < len(dx); i++ {
		dx[i] = dy[i] * (1 - float32(y[i]*y[i]))
	}
}

// Places in activationCoefs.
const (
	coefOne = iota
	coefHalf
	coefMinusHalf
	coefMinusTwo
	coefExpLow   // below it expNegative is exp(-87)
	coefLog2E    // 1/ln 2
	coefMagic    // 1.5 2^23: adding it rounds to an integer
	coefLn2Hi    // ln 2 in 9 bits
	coefLn2Lo    // ln 2 - ln2Hi
	coefInvSqrt2 // 1/sqrt 2
	coefInvSqrt2Pi
	coefTanhSplit
	coefExp                  // 6: (exp(r) - 1 - r)/(r r), highest power first (Cephes expf)
	coefErfc = coefExp + 6   // 10: log(erfc(z)/t) + z z in t = 1/(1 + z/2), highest first (Numerical Recipes erfcc)
	coefTanh = coefErfc + 10 // 5: (tanh(x)/x - 1)/(x x) in x x, highest first (Cephes tanhf)
	coefBits = coefTanh + 5  // 3: bit patterns that the vector bodies need: absolute value, sign, 1
	coefs    = coefBits + 3
)

var activationCoefs = [coefs]float32{ // never written
	1, 0.5, -0.5, -2,
	-87, 1.44269504088896341, 12582912, 0.693359375, -2.12194440e-4,
	0.70710678118654752, 0.39894228040143268, 0.625,
	1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
	0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368, -1.26551223,
	-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
	math.Float32frombits(0x7fffffff), math.Float32frombits(0x80000000), math.Float32frombits(0x3f800000),
}

// polynomial evaluates n coefficients from place at on, highest power first.
func polynomial(at, n int, x float32) float32 {
	y := activationCoefs[at]
	for _, c := range activationCoefs[at+1 : at+n] {
		y = float32(y*x) + c
	}
	return y
}

// expNegative returns exp(x) for x <= 0, within 2e-7 relative above -87.
func expNegative(x float32) float32 {
	k := &activationCoefs
	if k[coefExpLow] > x {
		x = k[coefExpLow]
	}
	shifted := float32(x*k[coefLog2E]) + k[coefMagic]
	n := shifted - k[coefMagic]
	r := x - float32(n*k[coefLn2Hi])
	r -= float32(n * k[coefLn2Lo])
	y := float32(polynomial(coefExp, 6, r)*float32(r*r)) + r
	y += k[coefOne]
	return y * math.Float32frombits(math.Float32bits(shifted)<<23+0x3f800000)
}

// normalCDF returns (1 + erf(x / sqrt 2))/2, within 2e-7 absolute.
func normalCDF(x float32) float32 {
	k := &activationCoefs
	z := float32(math.Abs(float64(x))) * k[coefInvSqrt2]
	t := k[coefOne] / (float32(z*k[coefHalf]) + k[coefOne])
	tail := float32(expNegative(polynomial(coefErfc, 10, t)-float32(z*z))*t) * k[coefHalf]
	if 0 > x {
		return tail
	}
	return k[coefOne] - tail
}

// tanh returns the hyperbolic tangent of x, within 3e-7 relative.
func tanh(x float32) float32 {
	k := &activationCoefs
	z := float32(math.Abs(float64(x)))
	if z > k[coefTanhSplit] {
		e := expNegative(z * k[coefMinusTwo])
		y := (k[coefOne] - e) / (k[coefOne] + e)
		return math.Float32frombits(math.Float32bits(y) | math.Float32bits(x)&0x80000000)
	}
	s := float32(x * x)
	return float32(float32(polynomial(coefTanh, 5, s)*s)*x) + x
}
