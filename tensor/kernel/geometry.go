package kernel

import "github.com/tinygrow/tinygrow/tensor"

// Geometry is the shape of a convolution. A linear layer of out features on
// (C, H, W) is Geometry{C, H, W, out, H, W, 1, 0}. InC and OutC may be zero.
type Geometry struct {
	InC, InH, InW int
	OutC          int
	KH, KW        int
	Stride, Pad   int
}

// OutH returns the number of output rows.
func (g Geometry) OutH() int { return g.down().outputs() }

// OutW returns the number of output columns.
func (g Geometry) OutW() int { return g.across().outputs() }

// down and across return the steps of the kernel over rows and over columns.
func (g Geometry) down() slide   { return slide{g.InH, g.KH, g.Stride, g.Pad} }
func (g Geometry) across() slide { return slide{g.InW, g.KW, g.Stride, g.Pad} }

// FLOPs returns twice the number of multiply-adds of one sample's forward pass,
// padding counted.
func (g Geometry) FLOPs() int64 {
	return 2 * int64(g.OutC) * int64(g.InC) * int64(g.KH*g.KW) * int64(g.OutH()*g.OutW())
}

// A slide is the steps of k taps over the n positions of one image axis.
type slide struct{ n, k, stride, pad int }

// outputs returns the number of steps.
func (s slide) outputs() int {
	if s.n+2*s.pad < s.k {
		return 0
	}
	return (s.n+2*s.pad-s.k)/s.stride + 1
}

func (g Geometry) check() {
	if g.InC < 0 || g.OutC < 0 || g.InH < 1 || g.InW < 1 || g.KH < 1 || g.KW < 1 || g.Stride < 1 || g.Pad < 0 {
		panic("kernel: impossible convolution geometry")
	}
	if g.OutH() < 1 || g.OutW() < 1 {
		panic("kernel: convolution kernel larger than its padded input")
	}
}

func (g Geometry) inputLen() int  { return g.InH * g.InW * g.InC * tensor.Lanes }
func (g Geometry) outputLen() int { return g.OutH() * g.OutW() * g.OutC * tensor.Lanes }
func (g Geometry) weights() int   { return g.OutC * g.InC * g.KH * g.KW }
