package proto

import (
	"encoding/binary"
	"unsafe"
)

// Sums is the result of a round over a node of the tree: gradients in float32,
// metrics and statistics in float64. Which numbers they are follows from the
// round.
type Sums struct {
	F32 []float32
	F64 []float64
	// F16 is what travels of F32 where a round says so (Wire), as bits; F32 is empty then.
	F16 []uint16
}

// Lengths are how many values of each kind sums have.
type Lengths struct{ F32, F64, F16 int }

// Size returns the length on the wire of sums of these lengths, in bytes.
func (n Lengths) Size() int { return 4*n.F32 + 8*n.F64 + 2*n.F16 }

// NewSums returns zero sums of the given lengths, to add: without F16.
func NewSums(n Lengths) Sums { return Sums{F32: make([]float32, n.F32), F64: make([]float64, n.F64)} }

// Lengths returns how many values of each kind s has.
func (s Sums) Lengths() Lengths { return Lengths{len(s.F32), len(s.F64), len(s.F16)} }

// WithF64 returns the sums with n float64 values, arbitrary ones, in their own memory
// if that is large enough.
func (s Sums) WithF64(n int) Sums {
	if cap(s.F64) < n {
		s.F64 = make([]float64, n)
	}
	s.F64 = s.F64[:n]
	return s
}

// Size returns the length of the sums on the wire, in bytes.
func (s Sums) Size() int { return s.Lengths().Size() }

// Add sets s = s + right, element by element: s must be the left child of a
// node and right its right child. Addition of two numbers commutes, so the
// bits do not depend on the side; which nodes are added does.
func (s Sums) Add(right Sums) {
	if s.Lengths() != right.Lengths() {
		panic("proto: sums of different lengths")
	}
	a, b := s.F32, right.F32[:len(s.F32)]
	for len(a) >= 8 {
		x, y := (*[8]float32)(a), (*[8]float32)(b)
		x[0] += y[0]
		x[1] += y[1]
		x[2] += y[2]
		x[3] += y[3]
		x[4] += y[4]
		x[5] += y[5]
		x[6] += y[6]
		x[7] += y[7]
		a, b = a[8:], b[8:]
	}
	for i := range a {
		a[i] += b[i]
	}
	for i, v := range right.F64 {
		s.F64[i] += v
	}
}

// ranges calls f for the parts of a span of the sums on the wire: F32 or F16, then F64,
// raw little-endian. Writing to the bytes writes the sums.
func (s Sums) ranges(b span, f func(part []byte)) {
	from, to := int(b.lo), int(b.hi)
	head, tail := Bytes32(s.F32), Bytes64(s.F64)
	if len(s.F16) > 0 {
		head = Bytes16(s.F16)
	}
	if from < len(head) {
		f(head[from:min(to, len(head))])
	}
	if to > len(head) {
		f(tail[max(from-len(head), 0) : to-len(head)])
	}
}

// littleEndian is required: the bytes of tensors are their memory.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

func init() {
	if !littleEndian {
		panic("proto: this machine is big-endian; tinygrow needs a little-endian one")
	}
}

// Bytes32 returns the memory of values as little-endian bytes, without a copy.
func Bytes32(values []float32) []byte { return memory(values) }

// Bytes64 is Bytes32 for float64.
func Bytes64(values []float64) []byte { return memory(values) }

func memory[T float32 | float64 | uint16](values []T) []byte {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(values[0])))
}
