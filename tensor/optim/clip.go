package optim

import "math"

// Clip returns scale, made smaller where the Euclidean norm of a gradient times scale is
// above limit; 0 is no limit. parts are the sums of the squares of its stretches; they
// are added in order, so the bits do not depend on who summed them.
func Clip(parts []float64, scale float32, limit float64) float32 {
	if limit == 0 {
		return scale
	}
	total := 0.0
	for _, p := range parts {
		total += p
	}
	norm := float64(math.Sqrt(total) * float64(scale))
	if norm > limit {
		return float32(float64(scale) * limit / norm)
	}
	return scale
}

// Squares returns the sum of squares of a stretch of a gradient, in four sums by position.
func Squares(x []float32) float64 {
	var s0, s1, s2, s3 float64
	for ; len(x) >= 4; x = x[4:] {
		v := (*[4]float32)(x)
		a, b, c, d := float64(v[0]), float64(v[1]), float64(v[2]), float64(v[3])
		s0 += float64(a * a)
		s1 += float64(b * b)
		s2 += float64(c * c)
		s3 += float64(d * d)
	}
	for _, v := range x {
		s0 += float64(float64(v) * float64(v))
	}
	return (s0 + s1) + (s2 + s3)
}
