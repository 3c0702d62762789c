package linalg

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// PackedLen returns the length of a packed symmetric matrix of order n.
func PackedLen(n int) int { return n * (n + 1) / 2 }

// PackedIndex returns the place of element (i, j) in a packed symmetric matrix of
// order n, as the kernels write it.
func PackedIndex(n, i, j int) int { return kernel.PackedIndex(n, i, j) }

// UnpackSym returns the order-n block that starts at (at, at) of the packed
// symmetric matrix p of order order, multiplied by scale.
func UnpackSym(p []float64, order, at, n int, scale float64) *mat.SymDense {
	s := mat.NewSymDense(max(n, 1), nil)
	if n == 0 {
		return s
	}
	raw := s.RawSymmetric()
	for i := range n {
		row := p[PackedIndex(order, at+i, at+i):]
		for j := i; j < n; j++ {
			raw.Data[i*raw.Stride+j] = float64(row[j-i] * scale)
		}
	}
	return s
}

// UnpackBlock returns rows [i, i+rows) and columns [j, j+cols) of the packed
// symmetric matrix p of order order, multiplied by scale. The block must lie
// above the diagonal: i+rows <= j.
func UnpackBlock(p []float64, order, i, rows, j, cols int, scale float64) *mat.Dense {
	if i+rows > j {
		panic("linalg: block crosses the diagonal")
	}
	d := mat.NewDense(max(rows, 1), max(cols, 1), nil)
	for r := range rows {
		line := p[PackedIndex(order, i+r, j):]
		for c := range cols {
			d.Set(r, c, float64(line[c]*scale))
		}
	}
	return d
}

// Finite reports whether all values are finite.
func Finite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
