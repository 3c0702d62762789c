package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Words of laneSumArgs.
const (
	lsAcc = iota
	lsSrc
	lsChannels
	lsPixels
)

func laneSumKernels() {
	laneSumKernel(zmm)
	laneSumKernel(ymm)
}

// laneSumKernel emits the loop documented at laneSums.
func laneSumKernel(w width) {
	name := "laneSum" + w.name
	begin(function{name, "the loop of laneSums"})
	src, pixels := reg.R8, reg.R9
	MOVQ(word(lsSrc), src)
	MOVQ(word(lsPixels), pixels)
	Label("pixel")
	MOVQ(word(lsAcc), dst)
	MOVQ(word(lsChannels), kCnt)
	Label("channel")
	for v := range 64 / w.bytes {
		r := w.regs[v]
		VMOVUPS(at(dst, v*w.bytes), r)
		VADDPS(at(src, v*w.bytes), r, r)
		VADDPS(at(src, 64+v*w.bytes), r, r)
		VMOVUPS(r, at(dst, v*w.bytes))
	}
	ADDQ(operand.Imm(64), dst)
	ADDQ(operand.Imm(rowBytes), src)
	DECQ(kCnt)
	JNZ(operand.LabelRef("channel"))
	DECQ(pixels)
	JNZ(operand.LabelRef("pixel"))
	end()
}
