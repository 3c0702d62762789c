package nn

import "github.com/tinygrow/tinygrow/tensor/kernel"

// Packed is one version of the parameters in the order the kernels read them:
// shared read-only by all workspaces.
type Packed struct {
	panels []float32 // weights of layers
	vector []float32 // parameters that kernels read as they are
}

// packedVector is a parameter that is copied to a Packed's vector, and its offset there.
type packedVector struct {
	Entry
	at int
}

// packPart is some of one layer's panels, or with a nil layer all vectors.
type packPart struct {
	*layer
	from   Entry // what is packed
	panels kernel.Range
}

// packPartLen is about how many weights a part packs.
const packPartLen = 1 << 18

// planPacking cuts the work of Pack into parts.
func (p *Program) planPacking() {
	p.packParts = []packPart{{}}
	for _, l := range p.layers {
		panels, forward := l.conv.Panels(), l.conv.ForwardPanels()
		step := max(1, panels*packPartLen/max(1, l.packedLen))
		cut := func(weight Entry, lo, hi int) {
			for ; lo < hi; lo += step {
				p.packParts = append(p.packParts, packPart{l, weight, kernel.Range{Lo: lo, Hi: min(lo+step, hi)}})
			}
		}
		switch {
		case l.forwardOnly:
			cut(l.weight, 0, forward)
		case l.feedback.Shape != nil:
			cut(l.weight, 0, forward)
			cut(l.feedback, forward, panels)
		default:
			cut(l.weight, 0, panels)
		}
	}
}

// NewPacked returns memory for packed parameters.
func (p *Program) NewPacked() *Packed {
	return &Packed{make([]float32, p.panels), make([]float32, p.vector)}
}

// Pack fills dst with params, which it does not keep; a nil dst is allocated.
func (p *Program) Pack(dst *Packed, params []float32) *Packed {
	if dst == nil {
		dst = p.NewPacked()
	}
	for part := range p.packParts {
		p.PackPart(dst, params, part)
	}
	return dst
}

// PackParts returns the number of parts of Pack's work.
func (p *Program) PackParts() int { return len(p.packParts) }

// PackPart does one part, 0 <= part < PackParts, of Pack's work. Parts may be
// done by several goroutines in any order.
func (p *Program) PackPart(dst *Packed, params []float32, part int) {
	if len(params) != p.numParams {
		panic("nn: wrong number of parameters")
	}
	if len(dst.panels) != p.panels || len(dst.vector) != p.vector {
		panic("nn: parameters packed for another program")
	}
	if l := p.packParts[part]; l.layer != nil {
		l.conv.PackPanels(dst.panels[l.panel:l.panel+l.packedLen], l.from.Of(params), l.panels)
		return
	}
	for _, v := range p.vectors {
		copy(dst.vector[v.at:], v.Of(params))
	}
}
