package predictor

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// PowerLaw fits y = a + b s^-c to a curve over parts s of a run, c from 0.1 to 2 in steps of 0.1 and a and b by
// least squares, and returns what it comes to at the end of the run, s = 1. Fewer than three points come to the last one.
func PowerLaw(parts, values []float64) float64 {
	n := float64(len(parts))
	if len(parts) == 0 {
		return 0
	}
	at, least := values[len(values)-1], math.Inf(1)
	if len(parts) < 3 {
		return at
	}
	for tenth := 1; tenth <= 20; tenth++ {
		c := float64(float64(tenth) / 10)
		x := make([]float64, len(parts))
		var mx, my, xx, xy float64
		for i, s := range parts {
			x[i] = portable.Exp(float64(-c * portable.Log(s)))
			mx += x[i] / n
			my += values[i] / n
		}
		for i, v := range values {
			xx += float64((x[i] - mx) * (x[i] - mx))
			xy += float64((x[i] - mx) * (v - my))
		}
		if xx == 0 {
			continue
		}
		b := xy / xx
		a := my - float64(b*mx)
		left := 0.0
		for i, v := range values {
			d := v - a - float64(b*x[i])
			left += float64(d * d)
		}
		if left < least {
			at, least = a+b, left
		}
	}
	return at
}
