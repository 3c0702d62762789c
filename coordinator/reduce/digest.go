package reduce

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/parallel"
	"github.com/zeebo/xxh3"
)

// Span is the number of values that one goroutine hashes or adds at a time.
const Span = 1 << 16

// Known returns what spans of gradients are known by, and the sum of their squares. Long
// ones are read by several goroutines. Values that are no numbers are all the same:
// processors write them differently.
func Known(values []float32) (spans []uint64, sum float64) {
	n := (len(values) + Span - 1) / Span
	spans, total := make([]uint64, n), make([]float64, n)
	parallel.Each(n, func(i int) {
		part := values[i*Span : min((i+1)*Span, len(values))]
		if total[i] = kernel.Squares(part); math.IsNaN(total[i]) {
			part = OneNaN(part)
		}
		spans[i] = xxh3.Hash(proto.Bytes32(part))
	})
	for _, t := range total {
		sum += t
	}
	return spans, sum
}

// Hash joins what parts of sums are known by.
func Hash(parts []uint64) uint64 {
	var all []byte
	for _, part := range parts {
		all = binary.LittleEndian.AppendUint64(all, part)
	}
	return xxh3.Hash(all)
}

// OneNaN returns a copy in which all that are no numbers are the same.
func OneNaN[T float32 | float64](v []T) []T {
	v = slices.Clone(v)
	for i, x := range v {
		if x != x {
			v[i] = T(math.NaN())
		}
	}
	return v
}

// Add adds right to left and rounds, long ones by several goroutines: each value is added
// by one of them, so the bits do not depend on how many there are.
func Add(left, right []float32, rounding kernel.Rounding) {
	parallel.Each((len(left)+Span-1)/Span, func(i int) {
		lo, hi := i*Span, min((i+1)*Span, len(left))
		rounding.Add(left[lo:hi], left[lo:hi], right[lo:hi])
	})
}

// AddHalves is Add for the halves of a batch, and returns the sums of their squares, summed chunk by chunk.
func (g Grain) AddHalves(left, right []float32, rounding kernel.Rounding) (ofLeft, ofRight float64) {
	squares := make([][2]float64, g.Chunks(len(left)))
	parallel.Each(len(squares), func(i int) {
		lo, hi := i*g.size(), min((i+1)*g.size(), len(left))
		a, b := left[lo:hi], right[lo:hi]
		squares[i] = [2]float64{kernel.Squares(a), kernel.Squares(b)}
		rounding.Add(a, a, b)
	})
	for _, s := range squares {
		ofLeft += s[0]
		ofRight += s[1]
	}
	return ofLeft, ofRight
}
