package eventfile

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// buckets is how many a Histogram has: as many as TensorBoard draws.
const buckets = 30

// Histogram counts values in buckets of equal width from Min to Max; of values that
// are all the same it has one bucket.
type Histogram struct {
	Min, Max, Sum, Squares float64
	Counts                 []float64
}

// HistogramOf counts the values that are numbers; nil if none is.
func HistogramOf[F float32 | float64](values []F) *Histogram {
	h := &Histogram{Min: math.Inf(1), Max: math.Inf(-1)}
	count := 0
	for _, f := range values {
		v := float64(f)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		count++
		h.Min, h.Max = min(h.Min, v), max(h.Max, v)
		h.Sum += v
		h.Squares += float64(v * v)
	}
	if count == 0 {
		return nil
	}
	width := float64((h.Max - h.Min) / buckets)
	if width <= 0 || math.IsInf(width, 0) {
		h.Counts = []float64{float64(count)}
		return h
	}
	h.Counts = make([]float64, buckets)
	for _, f := range values {
		if v := float64(f); v >= h.Min && v <= h.Max {
			h.Counts[min(portable.Int(math.Floor((v-h.Min)/width)), buckets-1)]++
		}
	}
	return h
}

// encode returns the HistogramProto: the upper limit and the count of each bucket.
func (h *Histogram) encode() message {
	limits, count := make([]float64, len(h.Counts)), 0.0
	for i := range limits {
		limits[i] = h.Min + float64((h.Max-h.Min)*float64(i+1)/float64(len(limits)))
		count += h.Counts[i]
	}
	limits[len(limits)-1] = h.Max
	m := make(message, 0, 16*len(limits)+64)
	m.double(histoMin, h.Min)
	m.double(histoMax, h.Max)
	m.double(histoCount, count)
	m.double(histoSum, h.Sum)
	m.double(histoSquares, h.Squares)
	m.doubles(histoLimit, limits)
	m.doubles(histoBucket, h.Counts)
	return m
}
