package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Words of filterArgs.
const (
	filterDst = iota
	filterSrc
	filterW
	filterBias
	filterTaps
	filterTapsLen
	filterChannels
	filterWStep
	filterBiasStep
	filterDstStep
	filterSrcStep
)

// Words of filterSumArgs.
const (
	fsSums = iota
	fsX
	fsDy
	fsChannels
	fsCount
	fsSumsStep
	fsTapStep
	fsXStep
	fsDyStep
)

func filterKernels() {
	for pixels := 1; pixels <= 4; pixels++ {
		filterKernel(zmm, pixels)
	}
	for pixels := 1; pixels <= 3; pixels++ {
		filterKernel(ymm, pixels)
	}
	for taps := 1; taps <= 7; taps++ {
		filterSumKernel(zmm, taps)
		filterSumKernel(ymm, taps)
	}
}

// filterKernel emits the loop documented at type filter for neighbouring pixels, all
// lanes of which are accumulators: a weight is broadcast once for all of them.
func filterKernel(t width, pixels int) {
	name := fmt.Sprintf("filter%sx%d", t.name, pixels)
	begin(function{name, fmt.Sprintf("the loop of type filter for %d pixels", pixels)})
	vecs := rowBytes / t.bytes
	acc := func(p, v int) reg.VecPhysical { return t.regs[p*vecs+v] }
	weight := t.regs[pixels*vecs]
	each := func(f func(p, v int)) {
		for p := range pixels {
			for v := range vecs {
				f(p, v)
			}
		}
	}
	src, w, srcStep, thrice, dstStep, channels := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	// pixel addresses vector v of pixel p behind base.
	pixel := func(base, step, thrice reg.Register, p, v int) operand.Mem {
		m := at(base, v*t.bytes)
		switch p {
		case 1, 2:
			m.Index, m.Scale = step, uint8(p)
		case 3:
			m.Index, m.Scale = thrice, 1
		}
		return m
	}
	MOVQ(word(filterDst), dst)
	MOVQ(word(filterSrc), src)
	MOVQ(word(filterW), w)
	MOVQ(word(filterDstStep), dstStep)
	MOVQ(word(filterSrcStep), srcStep)
	LEAQ(operand.Mem{Base: srcStep, Index: srcStep, Scale: 2}, thrice)
	MOVQ(word(filterChannels), channels)

	Label("channel")
	MOVQ(word(filterBias), bPtr)
	VBROADCASTSS(at(bPtr, 0), acc(0, 0))
	each(func(p, v int) {
		if p+v > 0 {
			VMOVAPS(acc(0, 0), acc(p, v))
		}
	})
	ADDQ(word(filterBiasStep), bPtr)
	MOVQ(bPtr, word(filterBias))
	MOVQ(word(filterTaps), list)
	MOVQ(word(filterTapsLen), kCnt)
	TESTQ(kCnt, kCnt)
	JZ(operand.LabelRef("store"))
	Label("tap")
	MOVQ(at(list, 0), bPtr)
	MOVQ(at(list, 8), aPtr)
	LEAQ(operand.Mem{Base: src, Index: bPtr, Scale: 4}, bPtr)
	VBROADCASTSS(operand.Mem{Base: w, Index: aPtr, Scale: 4}, weight)
	each(func(p, v int) { VFMADD231PS(pixel(bPtr, srcStep, thrice, p, v), weight, acc(p, v)) })
	ADDQ(operand.Imm(16), list)
	DECQ(kCnt)
	JNZ(operand.LabelRef("tap"))
	Label("store")
	LEAQ(operand.Mem{Base: dstStep, Index: dstStep, Scale: 2}, bPtr)
	each(func(p, v int) { VMOVUPS(acc(p, v), pixel(dst, dstStep, bPtr, p, v)) })
	ADDQ(operand.Imm(rowBytes), dst)
	ADDQ(operand.Imm(rowBytes), src)
	ADDQ(word(filterWStep), w)
	DECQ(channels)
	JNZ(operand.LabelRef("channel"))
	end()
}

// filterSumKernel emits the loop documented at type filterSum for some taps. An AVX2
// body takes half of the lanes at a time, so that the sums of seven taps, dy and nothing
// else fill the registers.
func filterSumKernel(t width, taps int) {
	name := fmt.Sprintf("filterSum%sx%d", t.name, taps)
	begin(function{name, fmt.Sprintf("the loop of type filterSum for %d taps", taps)})
	const vecs = 2
	half := vecs * t.bytes
	acc := func(tap, v int) reg.VecPhysical { return t.regs[tap*vecs+v] }
	grad := func(v int) reg.VecPhysical { return t.regs[taps*vecs+v] }
	each := func(f func(tap, v int)) {
		for tap := range taps {
			for v := range vecs {
				f(tap, v)
			}
		}
	}
	x, dy, first, firstDy, tapStep, parts := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	MOVQ(word(fsSums), dst)
	MOVQ(word(fsX), first)
	MOVQ(word(fsDy), firstDy)
	MOVQ(word(fsTapStep), tapStep)
	Label("channel")
	MOVQ(operand.U32(uint32(rowBytes/half)), parts)
	Label("part")
	MOVQ(first, x)
	MOVQ(firstDy, dy)
	MOVQ(word(fsCount), kCnt)
	each(func(tap, v int) { VMOVUPS(at(dst, tap*rowBytes+v*t.bytes), acc(tap, v)) })
	Label("pixel")
	for v := range vecs {
		VMOVUPS(at(dy, v*t.bytes), grad(v))
	}
	// Taps 0 to 2 are read behind x, 3 to 5 behind aPtr, 6 behind bPtr.
	if taps > 3 {
		LEAQ(operand.Mem{Base: tapStep, Index: tapStep, Scale: 2}, bPtr)
		LEAQ(operand.Mem{Base: x, Index: bPtr, Scale: 1}, aPtr)
	}
	if taps > 6 {
		LEAQ(operand.Mem{Base: aPtr, Index: bPtr, Scale: 1}, bPtr)
	}
	each(func(tap, v int) {
		m := at([]reg.Register{x, aPtr, bPtr}[tap/3], v*t.bytes)
		if tap%3 > 0 {
			m.Index, m.Scale = tapStep, uint8(tap%3)
		}
		VFMADD231PS(m, grad(v), acc(tap, v))
	})
	ADDQ(word(fsXStep), x)
	ADDQ(word(fsDyStep), dy)
	DECQ(kCnt)
	JNZ(operand.LabelRef("pixel"))
	each(func(tap, v int) { VMOVUPS(acc(tap, v), at(dst, tap*rowBytes+v*t.bytes)) })
	ADDQ(operand.Imm(uint64(half)), dst)
	ADDQ(operand.Imm(uint64(half)), first)
	ADDQ(operand.Imm(uint64(half)), firstDy)
	DECQ(parts)
	JNZ(operand.LabelRef("part"))
	MOVQ(word(fsSumsStep), bPtr)
	LEAQ(operand.Mem{Base: dst, Index: bPtr, Scale: 1, Disp: -rowBytes}, dst)
	DECQ(word(fsChannels))
	JNZ(operand.LabelRef("channel"))
	end()
}
