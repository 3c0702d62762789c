package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// benchGeometries are 3x3 layers as networks have them, at powers of two and at grown widths.
var benchGeometries = []Geometry{
	conv3(46, 88, 4), conv3(48, 96, 4), // a width that is no multiple of a vector, and one that is
	conv3(3, 16, 32), conv3(5, 5, 32), conv3(8, 8, 32), conv3(16, 16, 32), conv3(27, 27, 32), conv3(32, 32, 32), conv3(64, 64, 32),
	conv3(64, 64, 16), conv3(128, 128, 16), conv3(37, 37, 16), conv3(256, 256, 8), conv3(512, 512, 4),
	{InC: 64, InH: 32, InW: 32, OutC: 128, KH: 3, KW: 3, Stride: 2, Pad: 1},
	{InC: 64, InH: 32, InW: 32, OutC: 128, KH: 1, KW: 1, Stride: 2},
	{InC: 3072, InH: 1, InW: 1, OutC: 512, KH: 1, KW: 1, Stride: 1},
	{InC: 512, InH: 1, InW: 1, OutC: 512, KH: 1, KW: 1, Stride: 1},
	{InC: 3, InH: 32, InW: 32, OutC: 512, KH: 32, KW: 32, Stride: 1},
}

func conv3(in, out, size int) Geometry {
	return Geometry{InC: in, InH: size, InW: size, OutC: out, KH: 3, KW: 3, Stride: 1, Pad: 1}
}

func (g Geometry) name() string {
	return fmt.Sprintf("%dx%d-%d-k%ds%d-%d", g.InH, g.InW, g.InC, g.KH, g.Stride, g.OutC)
}

// usefulFLOPs counts only taps inside the image.
func (g Geometry) usefulFLOPs() float64 {
	count := func(s slide) int {
		taps := 0
		for _, r := range s.forward().at {
			taps += r.hi - r.lo
		}
		return taps
	}
	return 2 * float64(g.InC*g.OutC) * float64(count(g.down())) * float64(count(g.across()))
}

func benchConv(b *testing.B, body func(c *Conv, y, x, w, packed, scratch []float32)) {
	for _, g := range benchGeometries {
		b.Run(g.name(), func(b *testing.B) {
			c := NewConv(g)
			r := rand.New(rand.NewPCG(1, 1))
			x, y, w := make([]float32, g.inputLen()), make([]float32, g.outputLen()), make([]float32, g.weights())
			fill(r, x)
			fill(r, y)
			fill(r, w)
			packed, scratch := make([]float32, c.PackedLen()), make([]float32, c.ScratchLen(1))
			c.Pack(packed, w)
			b.ReportAllocs()
			measure(b, g.usefulFLOPs()*32, func() { body(c, y, x, w, packed, scratch) })
		})
	}
}

// measure runs body as a benchmark and reports the GFLOP/s of its best
// iteration, flops each, and their share of the FMA peak of the same minute: on
// a shared machine the best is repeatable where the mean is not.
func measure(b *testing.B, flops float64, body func()) {
	best := time.Duration(1 << 62)
	for b.Loop() {
		begin := time.Now()
		body()
		best = min(best, time.Since(begin))
	}
	peak := 0.0
	for range 20 {
		begin := time.Now()
		done := FMALoop(20_000)
		peak = max(peak, done/time.Since(begin).Seconds()/1e9)
	}
	rate := flops / best.Seconds() / 1e9
	b.ReportMetric(rate, "GFLOP/s")
	b.ReportMetric(100*rate/peak, "%peak")
}

func BenchmarkConvForward(b *testing.B) {
	benchConv(b, func(c *Conv, y, x, w, packed, scratch []float32) { c.Forward(y, x, packed, nil, 1, scratch) })
}

func BenchmarkConvBackwardData(b *testing.B) {
	benchConv(b, func(c *Conv, y, x, w, packed, scratch []float32) { c.BackwardData(x, y, packed, 1, scratch) })
}

func BenchmarkConvBackwardWeights(b *testing.B) {
	benchConv(b, func(c *Conv, y, x, w, packed, scratch []float32) { c.BackwardWeights(w, nil, x, y, 1, scratch) })
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct {
		m, n, k        int
		transA, transB bool
	}{
		{512, 512, 512, false, false}, {512, 512, 512, true, false}, {512, 512, 512, false, true}, {512, 512, 512, true, true},
		{64, 64, 64, false, false}, {65, 67, 63, false, false}, {127, 129, 255, false, false}, {5, 512, 512, false, false},
		{512, 10, 512, false, false}, {577, 577, 4096, false, true}, {577, 577, 32768, false, true}, {577, 64, 4096, false, true},
	} {
		b.Run(fmt.Sprint(s), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			x, y, z := make([]float32, s.m*s.k), make([]float32, s.n*s.k), make([]float32, s.m*s.n)
			fill(r, x)
			fill(r, y)
			lda, ldb := s.k, s.n
			if s.transA {
				lda = s.m
			}
			if s.transB {
				ldb = s.k
			}
			a, c := Matrix[float32]{s.m, s.k, x, lda, s.transA}, Matrix[float32]{Rows: s.m, Cols: s.n, Data: z, Stride: s.n}
			scratch := make([]float32, GemmScratchLen(ProductShape{s.m, s.n, s.k}))
			b.ReportAllocs()
			measure(b, 2*float64(s.m)*float64(s.n)*float64(s.k), func() {
				Gemm(c, a, Matrix[float32]{s.k, s.n, y, ldb, s.transB}, false, scratch)
			})
		})
	}
}

// BenchmarkSyrk counts the operations of one triangle.
func BenchmarkSyrk(b *testing.B) {
	for _, n := range []int{64, 65, 145, 577, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			const k = 512
			x, z := make([]float32, n*k), make([]float32, n*n)
			fill(rand.New(rand.NewPCG(1, 1)), x)
			a, c := Matrix[float32]{Rows: n, Cols: k, Data: x, Stride: k}, Matrix[float32]{Rows: n, Cols: n, Data: z, Stride: n}
			scratch := make([]float32, GemmScratchLen(ProductShape{n, n, k}))
			measure(b, float64(n)*float64(n+1)*k, func() { Syrk(c, a, false, scratch) })
		})
	}
}

func BenchmarkDepthwise(b *testing.B) {
	for _, w := range []Window{
		{C: 32, H: 32, W: 32, KH: 3, KW: 3, Stride: 1, Pad: 1}, {C: 128, H: 16, W: 16, KH: 3, KW: 3, Stride: 1, Pad: 1},
		{C: 101, H: 16, W: 16, KH: 3, KW: 3, Stride: 2, Pad: 1}, {C: 256, H: 8, W: 8, KH: 5, KW: 5, Stride: 1, Pad: 2},
	} {
		d := NewDepthwise(w)
		x, y := make([]float32, w.H*w.W*w.C*lanes), make([]float32, w.OutH()*w.OutW()*w.C*lanes)
		weight, scratch := make([]float32, w.C*w.KH*w.KW), make([]float32, d.ScratchLen())
		taps := 0
		w.reads(func(_, _, _, _, _, _ int) { taps++ })
		name, flops := fmt.Sprintf("%dx%d-%d-k%ds%d", w.H, w.W, w.C, w.KH, w.Stride), 2*float64(taps*w.C*lanes)
		b.Run(name+"/forward", func(b *testing.B) { measure(b, flops, func() { d.Forward(y, x, weight, nil, 1) }) })
		b.Run(name+"/data", func(b *testing.B) { measure(b, flops, func() { d.BackwardData(x, y, weight, 1) }) })
		b.Run(name+"/weights", func(b *testing.B) { measure(b, flops, func() { d.BackwardWeights(weight, nil, x, y, 1, scratch) }) })
	}
}
