package proto

import (
	"fmt"
	"unsafe"
)

// Wire says how a gradient round is rounded: the weights that it is computed with, the
// gradient of each micro-shard, and the sum at each node of the tree behind its addition, in
// float32. So what travels has 16 bits and loses nothing, and the bits of the sums do not
// depend on what travelled. The zero value rounds nothing.
type Wire struct {
	// Format is fp16 (IEEE 754 binary16) or bf16 (bfloat16); empty: float32.
	Format string `msgpack:"format"`
	// Exponent is that of the power of two that gradients are multiplied by in fp16.
	Exponent int `msgpack:"exponent"`
}

// The formats of 16 bits.
const (
	FP16 = "fp16"
	BF16 = "bf16"
)

// MaxExponent bounds the size of the exponent of a Wire.
const MaxExponent = 100

// Half reports whether numbers travel in 16 bits.
func (w Wire) Half() bool { return w.Format != "" }

func (w Wire) check(k Kind) error {
	switch {
	case w == Wire{}:
	case k != Gradient:
		return fmt.Errorf("rounding to %.40q in a round of kind %s", w.Format, k)
	case w.Format == FP16:
		return within("exponent of the scale", w.Exponent, bounds{-MaxExponent, MaxExponent})
	case w.Format != BF16 || w.Exponent != 0:
		return fmt.Errorf("unknown rounding to %.40q by 2^%d", w.Format, w.Exponent)
	}
	return nil
}

// Sent returns the lengths of what travels of sums of these lengths.
func (w Wire) Sent(n Lengths) Lengths {
	if w.Half() {
		return Lengths{F16: n.F32, F64: n.F64}
	}
	return n
}

// Halves returns the memory of values as numbers of 16 bits, two for each, without a copy.
func Halves(values []float32) []uint16 {
	if len(values) == 0 {
		return nil
	}
	return unsafe.Slice((*uint16)(unsafe.Pointer(&values[0])), 2*len(values))
}

// Bytes16 is Bytes32 for numbers of 16 bits.
func Bytes16(values []uint16) []byte { return memory(values) }
