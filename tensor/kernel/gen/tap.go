package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Words of tapArgs.
const (
	tapDst = iota
	tapSrc
	tapW
	tapBias
	tapRuns
	tapRunsLen
	tapCount
	tapDstStep
	tapSrcStep
)

const rowBytes = 128 // 32 lanes

func tapKernels() {
	for rows := 1; rows <= 14; rows++ {
		tapKernel(tile{width: zmm, rows: rows, vecs: 2}, 1)
	}
	for rows := 1; rows <= 6; rows++ {
		tapKernel(tile{width: zmm, rows: rows, vecs: 4}, 2)
	}
	for rows := 1; rows <= 6; rows++ {
		tapKernel(tile{width: ymm, rows: rows, vecs: 2}, 1)
	}
}

// tapKernel emits the loop documented at type tap: a tile of rows x 32 lanes
// for each of count pixels, or for two pixels at a time. An AVX2 tile
// is half a row of lanes wide, and each pixel takes two of them.
func tapKernel(t tile, pixels int) {
	name := fmt.Sprintf("tap%sx%d", t.name, t.rows)
	if pixels == 2 {
		name = fmt.Sprintf("tapPair%sx%d", t.name, t.rows)
	}
	begin(function{name, fmt.Sprintf("the loop of type tap for %d rows", t.rows)})
	src, w, runs, runsEnd, count, step, half := reg.R8, reg.R9, reg.R11, reg.R12, reg.R13, reg.R10, reg.R10
	MOVQ(word(tapDst), dst)
	MOVQ(word(tapSrc), src)
	MOVQ(word(tapW), w)
	MOVQ(word(tapRuns), runs)
	IMUL3Q(operand.Imm(24), word(tapRunsLen), runsEnd)
	ADDQ(runs, runsEnd)
	MOVQ(word(tapCount), count)
	perPixel := t.vecs / pixels
	if pixels == 2 {
		MOVQ(word(tapSrcStep), step)
	}

	Label("pixel")
	if t.bytes == 32 {
		MOVQ(operand.U32(2), half)
	}
	Label("tile")
	MOVQ(word(tapBias), bPtr)
	TESTQ(bPtr, bPtr)
	JZ(operand.LabelRef("plain"))
	t.each(func(r, v int) { VBROADCASTSS(at(bPtr, 4*r), t.acc(r, v)) })
	JMP(operand.LabelRef("sum"))
	Label("plain")
	t.each(func(r, v int) { t.zero(t.acc(r, v)) })

	Label("sum")
	MOVQ(runs, list)
	Label("run")
	CMPQ(list, runsEnd)
	JEQ(operand.LabelRef("store"))
	MOVQ(at(list, 0), bPtr)
	LEAQ(operand.Mem{Base: src, Index: bPtr, Scale: 4}, bPtr)
	MOVQ(at(list, 8), aPtr)
	IMUL3Q(operand.Imm(uint64(4*t.rows)), aPtr, aPtr)
	ADDQ(w, aPtr)
	MOVQ(at(list, 16), kCnt)
	ADDQ(operand.Imm(24), list)
	Label("k")
	t.step(func(r int) operand.Mem { return at(aPtr, 4*r) }, func(v int) operand.Mem {
		m := at(bPtr, v%perPixel*t.bytes)
		if v >= perPixel {
			m.Index, m.Scale = step, 1
		}
		return m
	})
	ADDQ(operand.Imm(rowBytes), bPtr)
	ADDQ(operand.Imm(uint64(4*t.rows)), aPtr)
	DECQ(kCnt)
	JNZ(operand.LabelRef("k"))
	JMP(operand.LabelRef("run"))

	Label("store")
	if pixels == 2 {
		MOVQ(word(tapDstStep), bPtr)
	}
	t.each(func(r, v int) {
		m := at(dst, r*rowBytes+v%perPixel*t.bytes)
		if v >= perPixel {
			m.Index, m.Scale = bPtr, 1
		}
		VMOVUPS(t.acc(r, v), m)
	})
	if t.bytes == 32 {
		ADDQ(operand.Imm(rowBytes/2), dst)
		ADDQ(operand.Imm(rowBytes/2), src)
		DECQ(half)
		JNZ(operand.LabelRef("tile"))
		SUBQ(operand.Imm(rowBytes), dst)
		SUBQ(operand.Imm(rowBytes), src)
	}
	for range pixels {
		ADDQ(word(tapDstStep), dst)
		ADDQ(word(tapSrcStep), src)
	}
	DECQ(count)
	JNZ(operand.LabelRef("pixel"))
	end()
}
