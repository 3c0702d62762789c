// Package stat has what several measurements need: a main function, training runs, and rank correlation.
package stat

import "math"

// Spearman returns the rank correlation of two lists of one length: Pearson's of
// their ranks, equal values sharing the mean of theirs. It is 0 where all values of
// a list are equal.
func Spearman(x, y []float64) float64 {
	a, b := ranks(x), ranks(y)
	mean := float64(0.5 * float64(len(a)-1))
	var ab, aa, bb float64
	for i := range a {
		u, v := a[i]-mean, b[i]-mean
		ab += float64(u * v)
		aa += float64(u * u)
		bb += float64(v * v)
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(float64(aa*bb))
}

// ranks returns the rank of each value, from 0, equal ones with the mean of theirs.
func ranks(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		below, same := 0, 0
		for _, w := range x {
			if w < v {
				below++
			} else if w == v {
				same++
			}
		}
		out[i] = float64(below) + float64(0.5*float64(same-1))
	}
	return out
}
