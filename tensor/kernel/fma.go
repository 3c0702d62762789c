package kernel

import "math"

// FMA returns a*b + c rounded once, as the hardware's fused multiply-add does.
//
// The product of two float32 is exact in float64. Rounding the float64 sum to
// float32 rounds twice, which is wrong only where the first rounding lands on
// the middle between two float32 or below the normal range; there the sum
// is rounded to odd first.
func FMA(a, b, c float32) float32 {
	p := float64(float64(a) * float64(b))
	s := p + float64(c)
	bits := math.Float64bits(s)
	if bits&(1<<29-1) != 1<<28 && bits>>52&0x7ff-898 < 1149 {
		return float32(s)
	}
	return fmaToOdd(p, float64(c), s)
}

// fmaRow sets acc[l] = FMA(w, x[l], acc[l]); it is FMA spelled out, because
// a call for each element would double the time.
func fmaRow(acc []float32, w float32, x []float32) {
	wide := float64(w)
	x = x[:len(acc)]
	for l := range acc {
		p := float64(wide * float64(x[l]))
		s := p + float64(acc[l])
		bits := math.Float64bits(s)
		if bits&(1<<29-1) != 1<<28 && bits>>52&0x7ff-898 < 1149 {
			acc[l] = float32(s)
		} else {
			acc[l] = fmaToOdd(p, float64(acc[l]), s)
		}
	}
}

// fmaToOdd returns float32(p + c) for s = p + c rounded to nearest.
func fmaToOdd(p, c, s float64) float32 {
	if s == 0 || math.IsNaN(s) || math.IsInf(s, 0) {
		return float32(s)
	}
	// Knuth's two-sum: s + err is exact.
	v := s - p
	err := (p - (s - v)) + (c - v)
	bits := math.Float64bits(s)
	if err != 0 && bits&1 == 0 {
		if (err > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
