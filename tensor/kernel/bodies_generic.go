//go:build !amd64 && !arm64

package kernel

func (t *tap) do(ISA) {
	t.check()
	t.doGeneric()
}

func (s *sum) do(ISA) {
	s.check()
	s.doGeneric()
}
