package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Words of laneProductArgs.
const (
	lpC = iota
	lpA
	lpB
	lpK
	lpCRow
	lpCCol
	lpARow
	lpAStep
	lpBCol
	lpBStep
	lpFresh
)

func laneProductKernels() {
	for _, cols := range []int{1, 2, 4, 6} {
		for rows := 1; rows <= 4; rows++ {
			laneProductKernel(zmm, rows, cols)
		}
	}
	for _, cols := range []int{1, 2, 4} {
		for rows := 1; rows <= 3; rows++ {
			laneProductKernel(ymm, rows, cols)
		}
	}
}

// laneProductKernel emits the loop documented at type laneProduct for a tile of rows x
// cols, a vector of lanes at a time: a row of a is read once for all columns, and a column
// of b once for all rows.
func laneProductKernel(t width, rows, cols int) {
	begin(function{fmt.Sprintf("laneProduct%sx%dc%d", t.name, rows, cols),
		fmt.Sprintf("the loop of type laneProduct for %d x %d", rows, cols)})
	acc := func(r, c int) reg.VecPhysical { return t.regs[r*cols+c] }
	row := func(r int) reg.VecPhysical { return t.regs[rows*cols+r] }
	col := t.regs[rows*cols+rows]
	each := func(f func(r, c int)) {
		for r := range rows {
			for c := range cols {
				f(r, c)
			}
		}
	}
	// past addresses element i of a list whose elements are step apart: 0 to 2 behind base, 3 to 5 behind third.
	past := func(base, third, step reg.Register, i int) operand.Mem {
		m := at([]reg.Register{base, third}[i/3], 0)
		if i%3 > 0 {
			m.Index, m.Scale = step, uint8(i%3)
		}
		return m
	}
	third := list
	aRow, aThird, bCol, aStep, bStep, parts := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13
	MOVQ(word(lpARow), aRow)
	MOVQ(word(lpBCol), bCol)
	MOVQ(word(lpAStep), aStep)
	MOVQ(word(lpBStep), bStep)
	MOVQ(operand.U32(uint32(rowBytes/t.bytes)), parts)
	// onC calls f for the place of every accumulator.
	onC := func(f func(r, c int, m operand.Mem)) {
		MOVQ(word(lpC), dst)
		for r := range rows {
			MOVQ(dst, bPtr)
			for c := range cols {
				f(r, c, at(bPtr, 0))
				if c < cols-1 {
					ADDQ(word(lpCCol), bPtr)
				}
			}
			if r < rows-1 {
				ADDQ(word(lpCRow), dst)
			}
		}
	}

	Label("part")
	MOVQ(word(lpFresh), kCnt)
	TESTQ(kCnt, kCnt)
	JNZ(operand.LabelRef("fresh"))
	onC(func(r, c int, m operand.Mem) { VMOVUPS(m, acc(r, c)) })
	JMP(operand.LabelRef("sum"))
	Label("fresh")
	each(func(r, c int) { t.zero(acc(r, c)) })
	Label("sum")
	MOVQ(word(lpA), aPtr)
	LEAQ(operand.Mem{Base: aRow, Index: aRow, Scale: 2}, aThird)
	ADDQ(aPtr, aThird)
	MOVQ(word(lpB), bPtr)
	LEAQ(operand.Mem{Base: bCol, Index: bCol, Scale: 2}, third)
	ADDQ(bPtr, third)
	MOVQ(word(lpK), kCnt)
	Label("step")
	for r := range rows {
		VMOVUPS(past(aPtr, aThird, aRow, r), row(r))
	}
	for c := range cols {
		VMOVUPS(past(bPtr, third, bCol, c), col)
		for r := range rows {
			VFMADD231PS(col, row(r), acc(r, c))
		}
	}
	ADDQ(aStep, aPtr)
	ADDQ(aStep, aThird)
	ADDQ(bStep, bPtr)
	ADDQ(bStep, third)
	DECQ(kCnt)
	JNZ(operand.LabelRef("step"))
	onC(func(r, c int, m operand.Mem) { VMOVUPS(acc(r, c), m) })
	for _, p := range []int{lpA, lpB, lpC} {
		ADDQ(operand.Imm(uint64(t.bytes)), word(p))
	}
	DECQ(parts)
	JNZ(operand.LabelRef("part"))
	end()
}
