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
	tapNEONRows(t.rows, (*uintptr)(unsafe.Pointer(&args)))
}

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
	limit := sumRows(isa, 1)
	count := (s.rows + limit - 1) / limit
	for v := range s.vecs {
		args.b = unsafe.Add(start(s.b), 4*v*vec)
		for i := range count {
			first, last := s.rows*i/count, s.rows*(i+1)/count
			if s.upper && first >= (v+1)*vec {
				break
			}
			args.a = unsafe.Add(start(s.a), 4*first)
			args.c = unsafe.Add(start(s.c), 4*(first*s.cStep+v*vec))
			sumNEONRows(last-first, (*uintptr)(unsafe.Pointer(&args)))
		}
	}
}
