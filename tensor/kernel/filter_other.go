//go:build !amd64

package kernel

func (f *filter) do(ISA) {
	f.check()
	f.doGeneric()
}

func (f *filterSum) do(ISA) {
	f.check()
	f.doGeneric()
}

func (p *laneProduct) do(ISA) {
	p.check()
	p.doGeneric()
}
