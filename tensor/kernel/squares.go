package kernel

// squareChannels is the number of rows of lanes in which squares are summed.
const squareChannels = 4

// Squares returns the sum of the squares of x: each of 128 float32 sums takes every 128th
// of them in order, then these are added in order in float64, and last what is left over.
// The bits are the same on every processor; the relative error is some 1e-6 for as many
// values as a cache holds. It is no number if one of x is none.
func Squares(x []float32) float64 {
	var coefs [squareChannels * NormCoefs]float32
	var sums, squares [squareChannels * lanes]float32
	whole := len(x) / len(squares) * len(squares)
	if whole > 0 {
		Moments(sums[:], squares[:], x[:whole], coefs[:])
	}
	total := 0.0
	for _, q := range squares {
		total += float64(q)
	}
	for _, v := range x[whole:] {
		total += float64(float64(v) * float64(v))
	}
	return total
}
