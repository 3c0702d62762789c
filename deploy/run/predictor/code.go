package predictor

import (
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/linalg"
)

const (
	// maxCode bounds the numbers of a code.
	maxCode = 6
	// explained is the part of the variance of the features behind which a code has no more numbers.
	explained = 0.95
)

// Encode returns the codes (n, k) of n samples: the projections of their features, each scaled to mean 0 and
// variance 1 over the samples, on the k leading principal components. No other linear auto-encoder of k
// numbers reconstructs the features with a smaller squared error. Codes are scaled to a mean squared length of 1.
// Features that are the same in all samples say nothing and are left out; without any other k is 0.
func Encode(samples []Sample) [][]float64 {
	x, p := standardised(samples)
	n := len(samples)
	codes := make([][]float64, n)
	if p == 0 {
		return codes
	}
	s := linalg.TopSVD(mat.NewDense(n, p, x), maxCode)
	total := 0.0
	for _, v := range s.Values {
		total += float64(v * v)
	}
	k, sum := 0, 0.0
	for s.V != nil && k < rank(s) && sum < float64(explained*total) {
		sum += float64(s.Values[k] * s.Values[k])
		k++
	}
	scale := math.Sqrt(float64(n) / sum)
	for i := range codes {
		codes[i] = make([]float64, k)
		for j := range codes[i] {
			codes[i][j] = float64(float64(s.U.At(i, j)*s.Values[j]) * scale)
		}
	}
	return codes
}

// rank returns how many triples s has.
func rank(s linalg.SVD) int {
	_, k := s.V.Dims()
	return k
}

// standardised returns the features of the samples (n, p), by name, each with mean 0 and variance 1.
func standardised(samples []Sample) (x []float64, p int) {
	names := map[string]bool{}
	for _, s := range samples {
		for name := range s.Features {
			names[name] = true
		}
	}
	var columns [][]float64
	for _, name := range slices.Sorted(maps.Keys(names)) {
		column := make([]float64, len(samples))
		for i, s := range samples {
			column[i] = s.Features[name]
		}
		if standardise(column) {
			columns = append(columns, column)
		}
	}
	p = len(columns)
	x = make([]float64, len(samples)*p)
	for j, column := range columns {
		for i, v := range column {
			x[i*p+j] = v
		}
	}
	return x, p
}

// standardise gives a column mean 0 and variance 1, and reports whether it varies. One that does not becomes 0.
func standardise(column []float64) bool {
	n := float64(len(column))
	mean := 0.0
	for _, v := range column {
		mean += v
	}
	mean /= n
	square, largest := 0.0, 0.0
	for _, v := range column {
		d := v - mean
		square += float64(d * d)
		largest = max(largest, math.Abs(v))
	}
	deviation := math.Sqrt(square / n)
	const rounding = 1e-9
	varies := linalg.Finite(column) && deviation > float64(rounding*largest)
	for i, v := range column {
		if column[i] = 0; varies {
			column[i] = (v - mean) / deviation
		}
	}
	return varies
}
