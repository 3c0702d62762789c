package reduce

import (
	"encoding/binary"
	"math"
)

// Looks are what is to be known of the chunks of a gradient before its update.
type Looks struct {
	Squares []float64 // sums of the squares
	Largest []uint32  // see Largest
}

// LookSize is how many bytes Encode writes of a chunk.
const LookSize = 12

// Encode returns the looks as bytes, chunk by chunk.
func (l Looks) Encode() []byte {
	var out []byte
	for i, q := range l.Squares {
		out = binary.LittleEndian.AppendUint64(out, math.Float64bits(q))
		out = binary.LittleEndian.AppendUint32(out, l.Largest[i])
	}
	return out
}

// DecodeLooks reads what Encode wrote.
func DecodeLooks(data []byte) (l Looks) {
	for ; len(data) >= LookSize; data = data[LookSize:] {
		l.Squares = append(l.Squares, math.Float64frombits(binary.LittleEndian.Uint64(data)))
		l.Largest = append(l.Largest, binary.LittleEndian.Uint32(data[8:]))
	}
	return l
}

// Top returns the largest absolute value of the gradient, no number if one of its values is none.
func (l Looks) Top() float32 {
	var top uint32
	for _, x := range l.Largest {
		top = max(top, x)
	}
	return math.Float32frombits(top)
}

// Largest returns the bits of the largest absolute value of x. They are in the order of the
// values; those of what is no number come last.
func Largest(x []float32) (top uint32) {
	for _, v := range x {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	return top
}
