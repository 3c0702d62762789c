// Package portable gives the elementary functions of float64 with the same
// bits on every platform: package math uses assembly on some processors, and
// the compiler fuses a*b + c on others, so its results may differ in the last
// place. Here every product is rounded by itself.
//
// The methods and coefficients of Exp, Log, Erf and Erfc are those of FreeBSD's msun:
//
//	Copyright (C) 1993 by Sun Microsystems, Inc. All rights reserved.
//	Developed at SunPro, a Sun Microsystems, Inc. business.
//	Permission to use, copy, modify, and distribute this software is freely
//	granted, provided that this notice is preserved.
//
// Errors are below 2e-16 relative, of Tanh 5e-16. The package has no vector
// forms and does not replace math.Sqrt, which is exact everywhere.
package portable

import "math"

const (
	ln2Hi = 6.93147180369123816490e-01 // upper 32 bits of ln 2: k*ln2Hi is exact for |k| < 2^20
	ln2Lo = 1.90821492927058770002e-10
	log2e = 1.44269504088896338700e+00
)

// horner evaluates a polynomial, lowest coefficient first.
func horner(c []float64, x float64) float64 {
	y := c[len(c)-1]
	for i := len(c) - 2; i >= 0; i-- {
		y = float64(y*x) + c[i]
	}
	return y
}

var expC = [...]float64{1.66666666666666657415e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
	-1.65339022054652515390e-06, 4.13813679705723846039e-08}

// Exp returns e to the x: x = k ln 2 + r with |r| <= ln 2 / 2, a rational
// approximation of exp(r), times 2^k.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < -7.45133219101941108420e+02:
		return 0
	}
	k := math.Floor(float64(x*log2e) + 0.5)
	hi, lo := x-float64(k*ln2Hi), float64(k*ln2Lo)
	r := hi - lo
	t := float64(r * r)
	c := r - float64(t*horner(expC[:], t))
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	if k > -1022 && k < 1024 {
		return float64(y * math.Float64frombits(uint64(int64(k)+1023)<<52))
	}
	return math.Ldexp(y, int(k))
}

var (
	logOdd  = [...]float64{6.666666666666735130e-01, 2.857142874366239149e-01, 1.818357216161805012e-01, 1.479819860511658591e-01}
	logEven = [...]float64{3.999999999940941908e-01, 2.222219843214978396e-01, 1.531383769920937332e-01}
)

// Log returns the natural logarithm of x: x = 2^k (1 + f) with 1 + f in
// [sqrt 1/2, sqrt 2), a polynomial in (f/(2+f))^2.
func Log(x float64) float64 {
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m = float64(m * 2)
		e--
	}
	f, k := m-1, float64(e)
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	r := float64(s2*horner(logOdd[:], s4)) + float64(s4*horner(logEven[:], s4))
	half := float64(float64(0.5*f) * f)
	return float64(k*ln2Hi) - ((half - (float64(s*(half+r)) + float64(k*ln2Lo))) - f)
}

// Tanh returns the hyperbolic tangent of x: an odd Taylor polynomial below
// 0.25, 1 - 2/(e^2x + 1) above.
func Tanh(x float64) float64 {
	z := math.Abs(x)
	switch {
	case z > 20:
		return math.Copysign(1, x)
	case z >= 0.25:
		return math.Copysign(1-2/(Exp(float64(2*z))+1), x)
	case z < 1e-9:
		return x
	}
	// tanh z = (e^2z - 1)/(e^2z + 1) = z sinhc/cosh with both series in z^2.
	t := float64(z * z)
	return float64(x*horner(sinhC[:], t)) / horner(coshC[:], t)
}

var (
	sinhC = [...]float64{1, 1. / 6, 1. / 120, 1. / 5040, 1. / 362880, 1. / 39916800}
	coshC = [...]float64{1, 1. / 2, 1. / 24, 1. / 720, 1. / 40320, 1. / 3628800, 1. / 479001600}
)
