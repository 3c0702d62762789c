package kernel

import "unsafe"

// do runs the call by the bodies of isa, tile by tile.
func (p *laneProduct) do(isa ISA) {
	p.check()
	if isa == Generic {
		p.doGeneric()
		return
	}
	height, wide := 4, 6
	if isa == AVX2 {
		height, wide = 3, 4
	}
	for j := 0; j < p.cols; {
		cols := tileCols(wide, p.cols-j)
		for i := 0; i < p.rows; i += height {
			args := laneProductArgs{
				c: start(p.c[i*p.cRow+j*p.cCol:]), a: start(p.a[i*p.aRow:]), b: start(p.b[j*p.bCol:]), k: p.depth,
				cRow: 4 * p.cRow, cCol: 4 * p.cCol, aRow: 4 * p.aRow, aStep: 4 * p.aStep, bCol: 4 * p.bCol, bStep: 4 * p.bStep,
			}
			if p.fresh {
				args.fresh = 1
			}
			laneProductTile(isa, min(height, p.rows-i), cols, (*uintptr)(unsafe.Pointer(&args)))
		}
		j += cols
	}
}

// tileCols returns how many of the columns that are left the next tile takes: 6, 4, 2 or 1, at most wide.
func tileCols(wide, left int) int {
	switch left = min(wide, left); left {
	case 3, 5:
		return left - 1
	}
	return left
}

func laneProductTile(isa ISA, rows, cols int, words *uintptr) {
	switch {
	case isa == AVX2 && cols == 4:
		laneProduct4AVX2Rows(rows, words)
	case isa == AVX2 && cols == 2:
		laneProduct2AVX2Rows(rows, words)
	case isa == AVX2:
		laneProduct1AVX2Rows(rows, words)
	case cols == 6:
		laneProduct6AVX512Rows(rows, words)
	case cols == 4:
		laneProduct4AVX512Rows(rows, words)
	case cols == 2:
		laneProduct2AVX512Rows(rows, words)
	default:
		laneProduct1AVX512Rows(rows, words)
	}
}
