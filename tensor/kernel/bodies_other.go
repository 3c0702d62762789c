//go:build !amd64

package kernel

func (s *sum) doTriples(_ ISA, segs []triple) {
	s.checkTriples(segs)
	s.doTriplesGeneric(segs)
}

func (s *sum64) do(ISA) {
	s.check()
	s.doGeneric()
}

func (t *transpose) do(ISA) {
	t.check()
	t.doGeneric()
}

func laneSumsISA(_ ISA, acc, src []float32, channels int) {
	laneSumsGeneric(acc, src, channels)
}

func fmaLoop(_ ISA, n int) float64 { return fmaLoopGeneric(n) }
