package growthtest

import (
	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Value reads element (c, y, x) of sample i; zero outside.
func Value(x []float32, s nn.Shape, i, c, y, col int) float64 {
	if y < 0 || col < 0 || y >= s.H || col >= s.W {
		return 0
	}
	return float64(x[((((i/32)*s.H+y)*s.W+col)*s.C+c)*32+i%32])
}

// NaiveUnfold returns the unfold of sample i at output (oy, ox).
func NaiveUnfold(x []float32, in nn.Shape, i, k, kw, stride, pad int, bias bool, oy, ox int) []float64 {
	var row []float64
	for c := range in.C {
		for ky := range k {
			for kx := range kw {
				row = append(row, Value(x, in, i, c, oy*stride-pad+ky, ox*stride-pad+kx))
			}
		}
	}
	if bias {
		row = append(row, 1)
	}
	return row
}

// AsFloat32 returns a row-major copy.
func AsFloat32(m *mat.Dense) []float32 {
	r, c := m.Dims()
	out := make([]float32, 0, r*c)
	for i := range r {
		for _, v := range m.RawRowView(i) {
			out = append(out, float32(v))
		}
	}
	return out
}
