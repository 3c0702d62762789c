package linalg

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// PackedLen returns the length of a packed symmetric matrix of order n.
func PackedLen(n int) int { return n * (n + 1) / 2 }

// Packed is a symmetric matrix of an order: its upper triangle row by row, as the
// kernels write it (see kernel.PackedIndex).
type Packed struct {
	Order int
	Data  []float64 // PackedLen(Order) numbers
}

// At returns element (i, j).
func (p Packed) At(i, j int) float64 { return p.Data[kernel.PackedIndex(p.Order, i, j)] }

// Sym returns the block of the rows and columns in, multiplied by scale.
func (p Packed) Sym(in kernel.Range, scale float64) *mat.SymDense {
	n := in.Len()
	s := mat.NewSymDense(max(n, 1), nil)
	if n == 0 {
		return s
	}
	raw := s.RawSymmetric()
	for i := range n {
		row := p.Data[kernel.PackedIndex(p.Order, in.Lo+i, in.Lo+i):]
		for j := i; j < n; j++ {
			raw.Data[i*raw.Stride+j] = float64(row[j-i] * scale)
		}
	}
	return s
}

// Block returns the block of some rows and columns, multiplied by scale. It must lie
// above the diagonal: rows.Hi <= cols.Lo.
func (p Packed) Block(rows, cols kernel.Range, scale float64) *mat.Dense {
	if rows.Hi > cols.Lo {
		panic("linalg: block crosses the diagonal")
	}
	d := mat.NewDense(max(rows.Len(), 1), max(cols.Len(), 1), nil)
	for r := range rows.Len() {
		line := p.Data[kernel.PackedIndex(p.Order, rows.Lo+r, cols.Lo):]
		for c := range cols.Len() {
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
