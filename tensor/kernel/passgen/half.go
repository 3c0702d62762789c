package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const nearestEven = 0 // rounding of VCVTPS2PH

// half emits what rounds to formats of 16 bits, ties to even, and what packs and
// unpacks them. coefs is the scale and its inverse for fp16, and for bf16 what is added
// to round and the bit of a quiet NaN.
func (t target) half() {
	for _, format := range []struct {
		name    string
		rounder func(coefs Register) func(v VecVirtual) // sets v to the float32 nearest in the format
		pack    func(v VecVirtual, out Mem, coefs Register)
		unpack  func(in Mem, coefs Register) VecVirtual
	}{
		{name: "FP16", rounder: t.roundFP16, pack: t.packFP16, unpack: t.unpackFP16},
		{name: "BF16", rounder: t.roundBF16, pack: t.packBF16, unpack: t.unpackBF16},
	} {
		t.function("round" + format.name + "(out, x, coefs *float32, vectors int)")
		out, x, n := pointer("out"), pointer("x"), pointer("vectors")
		round := format.rounder(pointer("coefs"))
		loop("vector", n, func() {
			v := t.load(Mem{Base: x})
			round(v)
			VMOVUPS(v, Mem{Base: out})
			t.advance(t.size, out, x)
		})
		leave()

		t.function("add" + format.name + "(out, a, b, coefs *float32, vectors int)")
		out, a, b, n := pointer("out"), pointer("a"), pointer("b"), pointer("vectors")
		round = format.rounder(pointer("coefs"))
		loop("vector", n, func() {
			v := t.load(Mem{Base: a})
			VADDPS(Mem{Base: b}, v, v)
			round(v)
			VMOVUPS(v, Mem{Base: out})
			t.advance(t.size, out, a, b)
		})
		leave()

		t.function("pack" + format.name + "(out *uint16, x, coefs *float32, vectors int)")
		out, x, coefs, n := pointer("out"), pointer("x"), pointer("coefs"), pointer("vectors")
		loop("vector", n, func() {
			format.pack(t.load(Mem{Base: x}), Mem{Base: out}, coefs)
			t.advance(t.size, x)
			t.advance(t.size/2, out)
		})
		leave()

		t.function("unpack" + format.name + "(out *float32, x *uint16, coefs *float32, vectors int)")
		out, x, coefs, n = pointer("out"), pointer("x"), pointer("coefs"), pointer("vectors")
		loop("vector", n, func() {
			VMOVUPS(format.unpack(Mem{Base: x}, coefs), Mem{Base: out})
			t.advance(t.size, out)
			t.advance(t.size/2, x)
		})
		leave()
	}
}

// advance moves pointers by so many bytes.
func (t target) advance(bytes int, pointers ...Op) {
	for _, p := range pointers {
		ADDQ(Imm(uint64(bytes)), p)
	}
}

// small returns a register of half the size.
func (t target) small() VecVirtual {
	if t.size == 64 {
		return YMM()
	}
	return XMM()
}

func (t target) roundFP16(coefs Register) func(v VecVirtual) {
	scale, inverse := t.broadcast(Mem{Base: coefs}), t.broadcast(Mem{Base: coefs, Disp: 4})
	return func(v VecVirtual) {
		h := t.small()
		VMULPS(scale, v, v)
		VCVTPS2PH(Imm(nearestEven), v, h)
		VCVTPH2PS(h, v)
		VMULPS(inverse, v, v)
	}
}

func (t target) packFP16(v VecVirtual, out Mem, coefs Register) {
	h := t.small()
	VMULPS(t.broadcast(Mem{Base: coefs}), v, v)
	VCVTPS2PH(Imm(nearestEven), v, h)
	VMOVUPS(h, out)
}

func (t target) unpackFP16(in Mem, coefs Register) VecVirtual {
	v := t.vec()
	VCVTPH2PS(in, v)
	VMULPS(t.broadcast(Mem{Base: coefs, Disp: 4}), v, v)
	return v
}

// roundBF16 adds to the bits of v almost half a step, and the rest of it where the last
// bit that stays is odd. What is added must not turn a NaN into a number.
func (t target) roundBF16(coefs Register) func(v VecVirtual) {
	half, quiet := t.broadcast(Mem{Base: coefs}), t.broadcast(Mem{Base: coefs, Disp: 4})
	return func(v VecVirtual) {
		nan, none := t.vec(), t.compare(unordered, v, v)
		if t.size == 64 {
			VPORD(quiet, v, nan)
		} else {
			VORPS(quiet, v, nan)
		}
		odd := t.vec()
		VPSLLD(Imm(15), v, odd)
		VPSRLD(Imm(31), odd, odd)
		VPADDD(half, v, v)
		VPADDD(odd, v, v)
		t.choose(none, nan, v)
		VPSRLD(Imm(16), v, v)
		VPSLLD(Imm(16), v, v)
	}
}

func (t target) packBF16(v VecVirtual, out Mem, coefs Register) {
	t.roundBF16(coefs)(v)
	VPSRLD(Imm(16), v, v)
	if t.size == 64 {
		h := YMM()
		VPMOVDW(v, h)
		VMOVUPS(h, out)
		return
	}
	VPACKUSDW(v, v, v) // within each half of the register
	VPERMQ(Imm(0x08), v, v)
	VMOVUPS(v.AsX(), out)
}

func (t target) unpackBF16(in Mem, _ Register) VecVirtual {
	v := t.vec()
	VPMOVZXWD(in, v)
	VPSLLD(Imm(16), v, v)
	return v
}
