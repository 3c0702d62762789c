package growth

import (
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// plans are the kernels of one site in one round.
type plans struct {
	update     *kernel.Covariance // of [b1; V] over Second's output positions
	project    *kernel.Conv       // -dW* as a layer like Second; nil without an update
	weights    []float32          // of project, packed
	bias       []float32
	neurons    *kernel.Covariance // of [b2; V_proj] over Second's output positions, nil where pooling lies between
	metric     *kernel.Covariance // of b2 over Second's input positions, for a linear Second without pooling before it
	scratchLen int
}

// geometry returns the window as a layer of out outputs.
func (w window) geometry(out int) kernel.Geometry {
	return kernel.Geometry{InC: w.in.C, InH: w.in.H, InW: w.in.W, OutC: out, KH: w.kh, KW: w.kw, Stride: w.stride, Pad: w.pad}
}

// plan chooses the kernels of a site.
func (s *siteData) plan(neurons bool) {
	p := &s.plans
	if !neurons {
		p.update = kernel.NewCovariance(kernel.UnfoldOf(s.second.geometry(s.c), s.second.bias), kernel.Beside{C: s.c, W: s.second.ow}, nil, nil)
		p.scratchLen = p.update.ScratchLen()
		return
	}
	if len(s.update) > 0 {
		p.project = kernel.NewConv(s.second.geometry(s.c))
		weights, rows := s.second.weights(), s.b
		flat := make([]float32, 0, s.c*weights)
		for o := range s.c {
			for _, v := range s.update[o*rows:][:weights] {
				flat = append(flat, -v)
			}
			if s.second.bias {
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
	case !s.full && s.metric:
		p.neurons = s.readThrough()
	case s.full && s.metric && s.roots == nil: // every position is read once
		p.metric = kernel.NewCovariance(kernel.UnfoldOf(s.first.geometry(0), s.first.bias), kernel.Beside{}, nil, nil)
	}
	for _, c := range []*kernel.Covariance{p.neurons, p.metric} {
		if c != nil {
			p.scratchLen = max(p.scratchLen, c.ScratchLen())
		}
	}
}

// readThrough plans the products of V_proj and the unfold of First at what
// each output position of Second reads at the centre of its kernel: an unfold
// of the product of the strides. Positions that read padding are left out.
func (s *siteData) readThrough() *kernel.Covariance {
	f, w := s.first, s.second
	inside := func(out, in, kernel int) (from, to int) {
		at := func(j int) int { return j*w.stride - w.pad + kernel/2 }
		for from < out && at(from) < 0 {
			from++
		}
		for to = from; to < out && at(to) < in; to++ {
		}
		return from, to
	}
	y0, y1 := inside(w.oh, w.in.H, w.kh)
	x0, x1 := inside(w.ow, w.in.W, w.kw)
	if y0 == y1 || x0 == x1 {
		return nil
	}
	pad := func(first, kernel int) int { return f.pad - (first*w.stride-w.pad+kernel/2)*f.stride }
	u := kernel.Unfold{InC: f.in.C, InH: f.in.H, InW: f.in.W, KH: f.kh, KW: f.kw, Stride: f.stride * w.stride,
		PadH: pad(y0, w.kh), PadW: pad(x0, w.kw), OutH: y1 - y0, OutW: x1 - x0, Ones: f.bias}
	if u.PadH+u.InH < 0 || u.PadW+u.InW < 0 {
		return nil
	}
	return kernel.NewCovariance(u, kernel.Beside{C: s.c, W: w.ow, Y: y0, X: x0}, nil, nil)
}
