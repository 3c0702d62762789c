//go:build amd64 || arm64

package kernel

import "unsafe"

// The structs below are what the assembly reads: words in this order, steps in bytes.

type tapArgs struct {
	dst, src, w, bias unsafe.Pointer
	runs              unsafe.Pointer
	runsLen           int
	count             int
	dstStep, srcStep  int
}

type sumArgs struct {
	c            unsafe.Pointer
	cStep        int
	fresh        int
	a, b         unsafe.Pointer
	segs         unsafe.Pointer
	segsLen      int
	n            int
	aLane, bLane int
	k            int
	aStep, bStep int
}

type transposeArgs struct {
	dst, src         unsafe.Pointer
	dstStep, srcStep int
	cols, rows       int
}

type laneSumArgs struct {
	acc, src         unsafe.Pointer
	channels, pixels int
}

type filterArgs struct {
	dst, src, w, bias unsafe.Pointer
	taps              unsafe.Pointer
	tapsLen           int
	channels          int
	wStep, biasStep   int
	dstStep, srcStep  int
}

type filterSumArgs struct {
	sums, x, dy       unsafe.Pointer
	channels, count   int
	sumsStep, tapStep int
	xStep, dyStep     int
}

type laneProductArgs struct {
	c, a, b     unsafe.Pointer
	k           int
	cRow, cCol  int
	aRow, aStep int
	bCol, bStep int
	fresh       int
}

func start(x []float32) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(x)) }
