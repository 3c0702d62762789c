package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Words of sumArgs.
const (
	sumC = iota
	sumCStep
	sumZero
	sumA
	sumB
	sumSegs
	sumSegsLen
	sumN
	sumALane
	sumBLane
	sumK
	sumAStep
	sumBStep
)

func sumKernels() {
	for i, rows := range []int{14, 14, 9} { // most rows for one, two and three vectors
		for r := 1; r <= rows; r++ {
			sumKernel(tile{zmm, r, i + 1}, i+1)
		}
	}
	for r := 1; r <= 6; r++ {
		sumKernel(tile{ymm, r, 2}, 1)
	}
}

// sumKernel emits the loop documented at type sum: a tile of rows x 16 vecs
// columns that starts from C and adds the outer products of all segments.
func sumKernel(t tile, vecs int) {
	name := fmt.Sprintf("sum%sx%dx%d", t.name, t.rows, vecs)
	begin(name, fmt.Sprintf("%s is the loop of type sum for %d rows and %d columns.", name, t.rows, 16*vecs))
	step, aLane, bLane, n, segsEnd, aStep := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	rows := func(move func(r, v int)) {
		MOVQ(word(sumC), dst)
		MOVQ(word(sumCStep), step)
		for r := range t.rows {
			for v := range t.vecs {
				move(r, v)
			}
			if r < t.rows-1 {
				ADDQ(step, dst)
			}
		}
	}
	MOVQ(word(sumZero), bPtr)
	TESTQ(bPtr, bPtr)
	JNZ(operand.LabelRef("zero"))
	rows(func(r, v int) { VMOVUPS(at(dst, v*t.bytes), t.acc(r, v)) })
	JMP(operand.LabelRef("sum"))
	Label("zero")
	t.each(func(r, v int) { t.zero(t.acc(r, v)) })

	Label("sum")
	MOVQ(word(sumSegs), list)
	MOVQ(word(sumSegsLen), segsEnd)
	SHLQ(operand.Imm(4), segsEnd)
	ADDQ(list, segsEnd)
	MOVQ(word(sumAStep), aStep)
	MOVQ(word(sumBStep), step)
	Label("seg")
	CMPQ(list, segsEnd)
	JEQ(operand.LabelRef("store"))
	for i, lane := range []reg.GPPhysical{aLane, bLane} {
		MOVQ(at(list, 8*i), bPtr)
		MOVQ(word(sumA+i), lane)
		LEAQ(operand.Mem{Base: lane, Index: bPtr, Scale: 4}, lane)
	}
	ADDQ(operand.Imm(16), list)
	MOVQ(word(sumN), n)
	Label("lane")
	MOVQ(aLane, aPtr)
	MOVQ(bLane, bPtr)
	MOVQ(word(sumK), kCnt)
	Label("k")
	t.step(func(r int) operand.Mem { return at(aPtr, 4*r) }, func(v int) operand.Mem { return at(bPtr, v*t.bytes) })
	ADDQ(step, bPtr)
	ADDQ(aStep, aPtr)
	DECQ(kCnt)
	JNZ(operand.LabelRef("k"))
	ADDQ(word(sumALane), aLane)
	ADDQ(word(sumBLane), bLane)
	DECQ(n)
	JNZ(operand.LabelRef("lane"))
	JMP(operand.LabelRef("seg"))

	Label("store")
	rows(func(r, v int) { VMOVUPS(t.acc(r, v), at(dst, v*t.bytes)) })
	end()
}
