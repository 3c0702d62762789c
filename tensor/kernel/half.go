package kernel

import (
	"fmt"
	"math"
)

// A Format is what numbers are rounded to.
type Format int

// The formats.
const (
	FP32 Format = iota // float32: nothing is rounded
	FP16               // IEEE 754 binary16
	BF16               // bfloat16, float32 without its lower half
)

// ParseFormat returns the format of a name: fp32, fp16 or bf16.
func ParseFormat(name string) (Format, error) {
	for f := FP32; f <= BF16; f++ {
		if f.String() == name {
			return f, nil
		}
	}
	return FP32, fmt.Errorf("unknown format %.40q: use fp32, fp16 or bf16", name)
}

// String returns the name that ParseFormat knows.
func (f Format) String() string { return [...]string{"fp32", "fp16", "bf16"}[f] }

// A Rounding is a format, and a scale: its numbers are the x of which x 2^Exponent is one
// of the format. Rounding is to the nearest, ties to the even one; what is too large
// becomes infinite, and a NaN stays one. The zero value rounds nothing.
type Rounding struct {
	Format Format
	// Exponent is that of the scale, of FP16 alone; at most MaxExponent in size, so
	// that no number of the format is subnormal in float32.
	Exponent int
}

// MaxExponent bounds the exponent of a Rounding.
const MaxExponent = 100

// coefs are what the bodies broadcast.
func (r Rounding) coefs() [2]float32 {
	if r.Format == BF16 {
		return [2]float32{math.Float32frombits(0x7fff), math.Float32frombits(quietBit)}
	}
	need(-MaxExponent <= r.Exponent && r.Exponent <= MaxExponent)
	return [2]float32{power2(r.Exponent), power2(-r.Exponent)}
}

// power2 returns 2^e of an exponent of normal numbers.
func power2(e int) float32 { return math.Float32frombits(uint32(127+e) << 23) }

// Round sets out to the nearest numbers of the format. It may be x.
func (r Rounding) Round(out, x []float32) {
	need(len(x) == len(out))
	if r.Format == FP32 {
		copy(out, x)
		return
	}
	k := r.coefs()
	if r.Format == BF16 {
		for i := roundBF16SIMD(out, x, k[:]); i < len(out); i++ {
			out[i] = fromBF16(toBF16(x[i]))
		}
		return
	}
	for i := roundFP16SIMD(out, x, k[:]); i < len(out); i++ {
		out[i] = float32(fromFP16(toFP16(float32(x[i]*k[0]))) * k[1])
	}
}

// Add sets out = a + b, added in float32 and then rounded to the format. It may be a or b.
func (r Rounding) Add(out, a, b []float32) {
	need(len(a) == len(out) && len(b) == len(out))
	if r.Format == FP32 {
		Add(out, a, b)
		return
	}
	k := r.coefs()
	if r.Format == BF16 {
		for i := addBF16SIMD(out, a, b, k[:]); i < len(out); i++ {
			out[i] = fromBF16(toBF16(a[i] + b[i]))
		}
		return
	}
	for i := addFP16SIMD(out, a, b, k[:]); i < len(out); i++ {
		out[i] = float32(fromFP16(toFP16(float32((a[i]+b[i])*k[0]))) * k[1])
	}
}

// Pack sets out to the bits of the nearest numbers of the format, which must be one of 16 bits.
// It may be the first half of the memory of x.
func (r Rounding) Pack(out []uint16, x []float32) {
	need(len(x) == len(out) && r.Format != FP32)
	k := r.coefs()
	if r.Format == BF16 {
		for i := packBF16SIMD(out, x, k[:]); i < len(out); i++ {
			out[i] = toBF16(x[i])
		}
		return
	}
	for i := packFP16SIMD(out, x, k[:]); i < len(out); i++ {
		out[i] = toFP16(float32(x[i] * k[0]))
	}
}

// Unpack sets out to the numbers of which x are the bits, in a format of 16 bits. x may be
// the second half of its memory.
func (r Rounding) Unpack(out []float32, x []uint16) {
	need(len(x) == len(out) && r.Format != FP32)
	k := r.coefs()
	if r.Format == BF16 {
		for i := unpackBF16SIMD(out, x, k[:]); i < len(out); i++ {
			out[i] = fromBF16(x[i])
		}
		return
	}
	for i := unpackFP16SIMD(out, x, k[:]); i < len(out); i++ {
		out[i] = float32(fromFP16(x[i]) * k[1])
	}
}

const (
	quietBit = 1 << 22    // of a NaN in float32
	signBit  = 1 << 31    // of a float32
	infinity = 0xff << 23 // bits of a float32; larger ones are NaN
)

// toBF16 returns the upper half of the bits of x, rounded.
func toBF16(x float32) uint16 {
	u := math.Float32bits(x)
	if u&^signBit > infinity {
		return uint16((u | quietBit) >> 16)
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

func fromBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

// toFP16 returns the bits of the number of binary16 that is nearest to x.
func toFP16(x float32) uint16 {
	u := math.Float32bits(x)
	sign, u := uint16(u>>16)&0x8000, u&^signBit
	switch {
	case u > infinity:
		return sign | 0x7e00 | uint16(u>>13)&0x3ff
	case u >= 143<<23: // 2^16 and more
		return sign | 0x7c00
	case u < 113<<23: // below 2^-14: multiples of 2^-24, which are the last places of numbers from 1/2 on
		return sign | uint16(math.Float32bits(math.Float32frombits(u)+0.5)-math.Float32bits(0.5))
	}
	return sign | uint16((u+0xfff+u>>13&1)>>13-112<<10) // may carry into the exponent, up to infinity
}

// fromFP16 returns the number of binary16 with bits b; a NaN is made quiet.
func fromFP16(b uint16) float32 {
	sign, e, m := uint32(b)&0x8000<<16, uint32(b)>>10&0x1f, uint32(b)&0x3ff
	switch {
	case e == 0x1f && m != 0:
		return math.Float32frombits(sign | infinity | quietBit | m<<13)
	case e == 0x1f:
		return math.Float32frombits(sign | infinity)
	case e == 0:
		v := float32(float32(m) * (1.0 / (1 << 24)))
		return math.Float32frombits(sign | math.Float32bits(v))
	}
	return math.Float32frombits(sign | (e+112)<<23 | m<<13)
}
