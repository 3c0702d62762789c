package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
)

func peakKernels() {
	peakKernel(zmm)
	peakKernel(ymm)
}

// peakKernel emits the loop documented at FMALoop: 12 independent chains in registers.
func peakKernel(w width) {
	name := "peak" + w.name
	begin(function{name, "the loop of FMALoop"})
	for _, r := range w.regs[:14] {
		w.zero(r)
	}
	MOVQ(word(0), kCnt)
	Label("k")
	for _, r := range w.regs[:12] {
		VFMADD231PS(w.regs[12], w.regs[13], r)
	}
	DECQ(kCnt)
	JNZ(operand.LabelRef("k"))
	end()
}
