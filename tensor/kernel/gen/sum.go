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
			sumKernel(tile{width: zmm, rows: r, vecs: i + 1}, i+1, false)
		}
	}
	for r := 1; r <= 9; r++ {
		sumKernel(tile{width: zmm, rows: r, vecs: 3}, 3, true)
	}
	for r := 1; r <= 6; r++ {
		sumKernel(tile{width: ymm, rows: r, vecs: 2}, 1, false)
	}
	for r := 1; r <= 14; r++ {
		sumKernel(tile{width: zmm, rows: r, vecs: 2, double: true}, 1, false)
	}
	for r := 1; r <= 6; r++ {
		sumKernel(tile{width: ymm, rows: r, vecs: 2, double: true}, 1, false)
	}
}

// sumKernel emits the loop documented at type sum: a tile of rows x 16 vecs
// columns that starts from C and adds the outer products of all segments. With
// apart set, segments are triples, which place each vector of b on its own.
func sumKernel(t tile, vecs int, apart bool) {
	name := fmt.Sprintf("sum%sx%dx%d", t.name, t.rows, vecs)
	if apart {
		name = fmt.Sprintf("triple%sx%d", t.name, t.rows)
	}
	if t.double {
		name = fmt.Sprintf("double%sx%d", t.name, t.rows)
	}
	begin(function{name, fmt.Sprintf("the loop of type sum for %d rows and %d columns", t.rows, t.vecs*t.bytes/t.elem())})
	second, third := dst, reg.R14
	segBytes := uint64(16)
	if apart {
		segBytes = 32
	}
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
	IMUL3Q(operand.Imm(segBytes), segsEnd, segsEnd)
	ADDQ(list, segsEnd)
	MOVQ(word(sumAStep), aStep)
	MOVQ(word(sumBStep), step)
	Label("seg")
	CMPQ(list, segsEnd)
	JEQ(operand.LabelRef("store"))
	for i, lane := range []reg.GPPhysical{aLane, bLane} {
		MOVQ(at(list, 8*i), bPtr)
		MOVQ(word(sumA+i), lane)
		LEAQ(operand.Mem{Base: lane, Index: bPtr, Scale: uint8(t.elem())}, lane)
	}
	if apart {
		MOVQ(at(list, 16), second)
		MOVQ(at(list, 24), third)
		SHLQ(operand.Imm(2), second)
		SHLQ(operand.Imm(2), third)
	}
	ADDQ(operand.Imm(segBytes), list)
	MOVQ(word(sumN), n)
	Label("lane")
	MOVQ(aLane, aPtr)
	MOVQ(bLane, bPtr)
	MOVQ(word(sumK), kCnt)
	Label("k")
	t.step(func(r int) operand.Mem { return at(aPtr, t.elem()*r) }, func(v int) operand.Mem {
		if apart && v > 0 {
			return operand.Mem{Base: bPtr, Index: []reg.Register{second, third}[v-1], Scale: 1}
		}
		return at(bPtr, v*t.bytes)
	})
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
