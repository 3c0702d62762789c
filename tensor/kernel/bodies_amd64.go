package kernel

import "unsafe"

// do runs the call by the bodies of isa.
func (t *tap) do(isa ISA) {
	t.check()
	if isa == Generic {
		t.doGeneric()
		return
	}
	args := tapArgs{
		dst: start(t.dst), src: start(t.src), w: start(t.w), bias: start(t.bias),
		runs: unsafe.Pointer(unsafe.SliceData(t.runs)), runsLen: len(t.runs),
		count: t.count, dstStep: 4 * t.dstStep, srcStep: 4 * t.srcStep,
	}
	words := (*uintptr)(unsafe.Pointer(&args))
	if isa == AVX2 {
		tapAVX2Rows(t.rows, words)
		return
	}
	if t.rows <= pairRows && t.count > 1 {
		args.count = t.count / 2
		tapPairAVX512Rows(t.rows, words)
		if t.count%2 == 0 {
			return
		}
		args.count = 1
		args.dst = start(t.dst[(t.count-1)*t.dstStep:])
		args.src = start(t.src[(t.count-1)*t.srcStep:])
	}
	tapAVX512Rows(t.rows, words)
}

// pairRows is the most rows for which two pixels share a tile.
const pairRows = 6

// do runs the call by the bodies of isa, tile by tile.
func (s *sum) do(isa ISA) {
	s.check()
	if isa == Generic {
		s.doGeneric()
		return
	}
	args := sumArgs{
		cStep: 4 * s.cStep,
		segs:  unsafe.Pointer(unsafe.SliceData(s.segs)), segsLen: len(s.segs),
		n: s.n, aLane: 4 * s.aLane, bLane: 4 * s.bLane, k: s.k, aStep: 4 * s.aStep, bStep: 4 * s.bStep,
	}
	if s.fresh {
		args.fresh = 1
	}
	words := (*uintptr)(unsafe.Pointer(&args))
	var vecs int
	for v := 0; v < s.vecs; v += vecs {
		vecs = s.tileVecs(isa, s.vecs-v)
		limit := sumRows(isa, vecs)
		count := (s.rows + limit - 1) / limit
		args.b = unsafe.Add(start(s.b), 4*v*vec)
		for i := range count {
			first, last := s.rows*i/count, s.rows*(i+1)/count
			if s.upper && first >= (v+vecs)*vec {
				break
			}
			args.a = unsafe.Add(start(s.a), 4*first)
			args.c = unsafe.Add(start(s.c), 4*(first*s.cStep+v*vec))
			switch {
			case isa == AVX2:
				sumAVX2x1Rows(last-first, words)
			case vecs == 1:
				sumAVX512x1Rows(last-first, words)
			case vecs == 2:
				sumAVX512x2Rows(last-first, words)
			default:
				sumAVX512x3Rows(last-first, words)
			}
		}
	}
}

// doTriples is do for segments whose three vectors lie apart.
func (s *sum) doTriples(isa ISA, segs []triple) {
	s.checkTriples(segs)
	if isa != AVX512 {
		s.doTriplesGeneric(segs)
		return
	}
	args := sumArgs{
		cStep: 4 * s.cStep, b: start(s.b),
		segs: unsafe.Pointer(unsafe.SliceData(segs)), segsLen: len(segs),
		n: s.n, aLane: 4 * s.aLane, bLane: 4 * s.bLane, k: s.k, aStep: 4 * s.aStep, bStep: 4 * s.bStep,
	}
	if s.fresh {
		args.fresh = 1
	}
	limit := sumRows(isa, 3)
	count := (s.rows + limit - 1) / limit
	for i := range count {
		first, last := s.rows*i/count, s.rows*(i+1)/count
		args.a = unsafe.Add(start(s.a), 4*first)
		args.c = unsafe.Add(start(s.c), 4*first*s.cStep)
		tripleAVX512Rows(last-first, (*uintptr)(unsafe.Pointer(&args)))
	}
}

// do runs the call by the bodies of isa.
func (s *sum64) do(isa ISA) {
	s.check()
	if isa == Generic {
		s.doGeneric()
		return
	}
	segs := [1]seg{}
	args := sumArgs{
		c: unsafe.Pointer(unsafe.SliceData(s.c)), cStep: 8 * s.cStep,
		a: unsafe.Pointer(unsafe.SliceData(s.a)), b: unsafe.Pointer(unsafe.SliceData(s.b)),
		segs: unsafe.Pointer(&segs), segsLen: 1, n: 1, k: s.k, aStep: 8 * s.rows, bStep: 8 * width64,
	}
	if s.fresh {
		args.fresh = 1
	}
	words := (*uintptr)(unsafe.Pointer(&args))
	if isa == AVX512 {
		doubleAVX512Rows(s.rows, words)
		return
	}
	doubleAVX2Rows(s.rows, words)
	args.c, args.b = unsafe.Add(args.c, 4*width64), unsafe.Add(args.b, 4*width64)
	doubleAVX2Rows(s.rows, words)
}

// do runs the call by the bodies of isa.
func (t *transpose) do(isa ISA) {
	t.check()
	// Columns are read four at a time: the last ones only if there is something to read.
	cols := t.cols
	if len(t.src) < (t.rows-1)*t.srcStep+(cols+3)&^3 {
		cols &^= 3
	}
	if isa == Generic || t.rows < 4 || cols == 0 {
		t.doGeneric()
		return
	}
	args := transposeArgs{
		dst: start(t.dst), src: start(t.src), dstStep: 4 * t.dstStep, srcStep: 4 * t.srcStep, cols: cols, rows: t.rows,
	}
	words := (*uintptr)(unsafe.Pointer(&args))
	switch {
	case t.rows < 8:
		transposeAVX(words)
	case t.rows < 16 || isa == AVX2:
		transposeAVX2(words)
	default:
		transposeAVX512(words)
	}
	if cols < t.cols {
		rest := *t
		rest.dst, rest.src, rest.cols = t.dst[cols*t.dstStep:], t.src[cols:], t.cols-cols
		rest.doGeneric()
	}
}

func laneSumsISA(isa ISA, acc, src []float32, channels int) {
	if isa == Generic {
		laneSumsGeneric(acc, src, channels)
		return
	}
	args := laneSumArgs{acc: start(acc), src: start(src), channels: channels, pixels: len(src) / (channels * lanes)}
	words := (*uintptr)(unsafe.Pointer(&args))
	if isa == AVX2 {
		laneSumAVX2(words)
	} else {
		laneSumAVX512(words)
	}
}

func fmaLoop(isa ISA, n int) float64 {
	const chains = 12
	words := uintptr(n)
	switch isa {
	case AVX512:
		peakAVX512(&words)
		return float64(2 * 16 * chains * float64(n))
	case AVX2:
		peakAVX2(&words)
		return float64(2 * 8 * chains * float64(n))
	}
	return fmaLoopGeneric(n)
}
