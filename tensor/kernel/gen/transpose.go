package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Words of transposeArgs.
const (
	trDst = iota
	trSrc
	trDstStep
	trSrcStep
	trCols
	trRows
	trSize
)

func transposeKernels() {
	transposeKernel(zmm, 16)
	transposeKernel(ymm, 8)
	transposeKernel(xmm, 4)
}

// transposeKernel emits the loop documented at type transpose in tiles of size
// rows x 16 columns. Registers are filled by quarters of 4 columns, so that
// two rounds of unpacking within 128 bits finish the job.
func transposeKernel(w width, size int) {
	name := "transpose" + w.name
	begin(function{name, "the loop of type transpose; columns are read four at a time"})
	in, rows, srcStep, dstStep, srcRow, dstRow, cols := reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.RCX
	MOVQ(word(trSrcStep), srcStep)
	MOVQ(word(trDstStep), dstStep)
	MOVQ(word(trSrc), srcRow)
	MOVQ(word(trDst), dstRow)
	MOVQ(word(trRows), rows)

	Label("rows")
	MOVQ(srcRow, in)
	MOVQ(dstRow, dst)
	MOVQ(word(trCols), cols)
	Label("cols")
	// Four columns: register j gets row 4i+j in its i-th 128 bits.
	LEAQ(operand.Mem{Base: srcStep, Index: srcStep, Scale: 2}, list)
	MOVQ(in, aPtr)
	for i := range size / 4 {
		for j := range 4 {
			m := operand.Mem{Base: aPtr, Index: srcStep, Scale: uint8(j)}
			if j == 0 {
				m = at(aPtr, 0)
			}
			if j == 3 {
				m.Index, m.Scale = list, 1
			}
			r := w.regs[j]
			switch {
			case i == 0:
				VMOVUPS(m, []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3}[j])
			case w.bytes == 64:
				VINSERTF32X4(operand.U8(i), m, r, r)
			default:
				VINSERTF128(operand.U8(i), m, r, r)
			}
		}
		if i < size/4-1 {
			LEAQ(operand.Mem{Base: aPtr, Index: srcStep, Scale: 4}, aPtr)
		}
	}
	a, t := w.regs[0:4], w.regs[4:8]
	VUNPCKLPS(a[1], a[0], t[0])
	VUNPCKHPS(a[1], a[0], t[1])
	VUNPCKLPS(a[3], a[2], t[2])
	VUNPCKHPS(a[3], a[2], t[3])
	VUNPCKLPD(t[2], t[0], a[0])
	VUNPCKHPD(t[2], t[0], a[1])
	VUNPCKLPD(t[3], t[1], a[2])
	VUNPCKHPD(t[3], t[1], a[3])
	for j := range 4 {
		VMOVUPS(a[j], at(dst, 0))
		ADDQ(dstStep, dst)
		DECQ(cols)
		JZ(operand.LabelRef("next"))
	}
	ADDQ(operand.Imm(16), in)
	JMP(operand.LabelRef("cols"))
	Label("next")
	// The next tile of rows; the last one overlaps its predecessor.
	SUBQ(operand.Imm(uint64(size)), rows)
	JLE(operand.LabelRef("done"))
	MOVQ(operand.U32(uint32(size)), kCnt)
	CMPQ(rows, kCnt)
	CMOVQLT(rows, kCnt)
	LEAQ(operand.Mem{Base: dstRow, Index: kCnt, Scale: 4}, dstRow)
	IMULQ(srcStep, kCnt)
	ADDQ(kCnt, srcRow)
	JMP(operand.LabelRef("rows"))
	Label("done")
	end()
}
