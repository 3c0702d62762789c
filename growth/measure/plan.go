package measure

import (
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// plans are the kernels of one site in one round.
type plans struct {
	update     *kernel.Covariance // covariance of [b1; V] over Second's output positions
	project    *kernel.Conv       // -dW* as a layer like Second; nil without an update
	weights    []float32          // weights of project, packed
	bias       []float32
	neurons    *kernel.Covariance // covariance of [b2; V_proj] over Second's output positions, nil where pooling lies between
	metric     *kernel.Covariance // covariance of b2 over Second's input positions, for a linear Second without pooling before it
	scratchLen int
}

// plan chooses the kernels of a site.
func (s *siteData) plan(neurons bool) {
	p := &s.plans
	if !neurons {
		p.update = kernel.NewCovariance(kernel.UnfoldOf(s.Outgoing.Geometry(s.c), s.Outgoing.Bias),
			kernel.Beside{C: s.c, W: s.Outgoing.OutW}, nil, nil)
		p.scratchLen = p.update.ScratchLen()
		return
	}
	if len(s.update) > 0 {
		p.project = kernel.NewConv(s.Outgoing.Geometry(s.c))
		weights, rows := s.Outgoing.Weights(), s.b
		flat := make([]float32, 0, s.c*weights)
		for o := range s.c {
			for _, v := range s.update[o*rows:][:weights] {
				flat = append(flat, -v)
			}
			if s.Outgoing.Bias {
				p.bias = append(p.bias, -s.update[o*rows+weights])
			}
		}
		p.weights = make([]float32, p.project.PackedLen())
		p.project.Pack(p.weights, flat)
		p.scratchLen = p.project.ScratchLen(1)
	}
	if !s.direct || s.a == 0 {
		return
	}
	switch {
	case !s.full && s.riding:
		s.planBands()
	case !s.full && s.metric:
		if u, v, ok := s.readThrough(part{0, 1}); ok {
			p.neurons = kernel.NewCovariance(u, v, nil, nil)
		}
	case s.full && s.metric && s.roots == nil: // every position is read once
		p.metric = kernel.NewCovariance(kernel.UnfoldOf(s.Incoming.Geometry(0), s.Incoming.Bias), kernel.Beside{}, nil, nil)
	}
	for _, c := range []*kernel.Covariance{p.neurons, p.metric} {
		if c != nil {
			p.scratchLen = max(p.scratchLen, c.ScratchLen())
		}
	}
}

// part is one of several parts of equal size, from 0.
type part struct{ index, of int }

// readThrough says what the products of V_proj and the unfold of First are at what
// each output position of Second reads at the centre of its kernel, for a part of the
// rows of these: an unfold of the product of the strides. Positions that read
// padding are left out; ok is false where none are left, or no unfold is like that.
func (s *siteData) readThrough(p part) (u kernel.Unfold, v kernel.Beside, ok bool) {
	f, w := s.Incoming, s.Outgoing
	inside := func(out, in, kernel int) (from, to int) {
		at := func(j int) int { return j*w.Stride - w.Pad + kernel/2 }
		for from < out && at(from) < 0 {
			from++
		}
		for to = from; to < out && at(to) < in; to++ {
		}
		return from, to
	}
	y0, y1 := inside(w.OutH, w.In.H, w.KernelH)
	y0, y1 = y0+(y1-y0)*p.index/p.of, y0+(y1-y0)*(p.index+1)/p.of
	x0, x1 := inside(w.OutW, w.In.W, w.KernelW)
	if y0 == y1 || x0 == x1 {
		return u, v, false
	}
	pad := func(first, kernel int) int { return f.Pad - (first*w.Stride-w.Pad+kernel/2)*f.Stride }
	u = kernel.Unfold{InC: f.In.C, InH: f.In.H, InW: f.In.W, KH: f.KernelH, KW: f.KernelW, Stride: f.Stride * w.Stride,
		PadH: pad(y0, w.KernelH), PadW: pad(x0, w.KernelW), OutH: y1 - y0, OutW: x1 - x0, Ones: f.Bias}
	if u.PadH+u.InH < 0 || u.PadW+u.InW < 0 {
		return u, v, false
	}
	return u, kernel.Beside{C: s.c, W: w.OutW, Y: y0, X: x0}, true
}
