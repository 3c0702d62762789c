package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// Naive depthwise convolutions in the order of accumulation of the package comment.

func (w Window) inputAt(b, c, iy, ix, l int) int { return (((b*w.H+iy)*w.W+ix)*w.C+c)*lanes + l }

func (w Window) outputAt(b, c, oy, ox, l int) int {
	return (((b*w.OutH()+oy)*w.OutW()+ox)*w.C+c)*lanes + l
}

// reads calls f for every output position and tap inside the image, in order.
func (w Window) reads(f func(oy, ox, ky, kx, iy, ix int)) {
	for oy := range w.OutH() {
		for ox := range w.OutW() {
			for ky := range w.KH {
				for kx := range w.KW {
					iy, ix := oy*w.Stride+ky-w.Pad, ox*w.Stride+kx-w.Pad
					if iy >= 0 && iy < w.H && ix >= 0 && ix < w.W {
						f(oy, ox, ky, kx, iy, ix)
					}
				}
			}
		}
	}
}

// naiveDepthwise sets y, dx, dw and db, all of them zero, in the order of the package comment.
func naiveDepthwise(w Window, blocks int, y, dx, dw, db, x, dy, weight, bias []float32) {
	area := w.KH * w.KW
	for c := range w.C {
		var sums = make([][lanes]float32, area)
		var part [16]float32
		for b := range blocks {
			for oy := range w.OutH() {
				for ox := range w.OutW() {
					for l := range lanes {
						if bias != nil {
							y[w.outputAt(b, c, oy, ox, l)] = bias[c]
						}
						part[l%16] += dy[w.outputAt(b, c, oy, ox, l)]
					}
				}
			}
			w.reads(func(oy, ox, ky, kx, iy, ix int) {
				t := ky*w.KW + kx
				for l := range lanes {
					in, out := w.inputAt(b, c, iy, ix, l), w.outputAt(b, c, oy, ox, l)
					y[out] = FMA(weight[c*area+t], x[in], y[out])
					dx[in] = FMA(weight[c*area+t], dy[out], dx[in])
					sums[t][l] = FMA(dy[out], x[in], sums[t][l])
				}
			})
		}
		for t := range sums {
			var p [16]float32
			for l, v := range sums[t] {
				p[l%16] += v
			}
			dw[c*area+t] = combine(&p)
		}
		db[c] = combine(&part)
	}
}

var depthwiseWindows = []Window{
	{C: 1, H: 1, W: 1, KH: 1, KW: 1, Stride: 1},
	{C: 5, H: 5, W: 9, KH: 3, KW: 3, Stride: 1, Pad: 1},
	{C: 2, H: 7, W: 8, KH: 3, KW: 3, Stride: 2, Pad: 1},
	{C: 3, H: 6, W: 12, KH: 5, KW: 5, Stride: 1, Pad: 2},
	{C: 3, H: 9, W: 15, KH: 7, KW: 7, Stride: 1, Pad: 3},
	{C: 2, H: 9, W: 11, KH: 7, KW: 7, Stride: 2, Pad: 3},
	{C: 4, H: 3, W: 3, KH: 3, KW: 3, Stride: 1},
	{C: 2, H: 6, W: 7, KH: 2, KW: 2, Stride: 1, Pad: 1},
	{C: 2, H: 8, W: 8, KH: 2, KW: 2, Stride: 3, Pad: 1},
	{C: 2, H: 2, W: 2, KH: 1, KW: 1, Stride: 1, Pad: 2}, // whole pixels in the padding
	{C: 2, H: 4, W: 12, KH: 1, KW: 11, Stride: 1, Pad: 3},
	{C: 0, H: 3, W: 3, KH: 3, KW: 3, Stride: 1, Pad: 1},
}

func TestDepthwiseAgainstNaive(t *testing.T) {
	withISA(t, func(t *testing.T) {
		for i, w := range depthwiseWindows {
			for _, special := range []bool{false, true} {
				t.Run(fmt.Sprintf("%+v special=%v", w, special), func(t *testing.T) { checkDepthwise(t, w, 1+i%3, special) })
			}
		}
	})
}

func checkDepthwise(t *testing.T, w Window, blocks int, special bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, uint64(w.C*100+w.KH)))
	d := NewDepthwise(w)
	off := r.IntN(16)
	var intact []func() bool
	alloc := func(n int) []float32 {
		s, ok := guarded(n, off)
		intact = append(intact, ok)
		return s
	}
	inputs, outputs := blocks*w.H*w.W*w.C*lanes, blocks*w.OutH()*w.OutW()*w.C*lanes
	x, weight, dy, bias := alloc(inputs), alloc(w.C*w.KH*w.KW), alloc(outputs), alloc(w.C)
	for _, s := range [][]float32{x, weight, dy, bias} {
		fill(r, s)
		if special && len(s) > 0 {
			s[r.IntN(len(s))] = float32(math.Inf(1))
			s[r.IntN(len(s))] = float32(math.NaN())
			s[r.IntN(len(s))] = float32(math.Inf(-1))
			s[r.IntN(len(s))] = math.SmallestNonzeroFloat32
		}
	}
	y, dx, dw, db, scratch := alloc(outputs), alloc(inputs), alloc(len(weight)), alloc(w.C), alloc(d.ScratchLen())
	for _, b := range [][]float32{bias, nil} {
		wy, wdx, wdw, wdb := make([]float32, outputs), make([]float32, inputs), make([]float32, len(weight)), make([]float32, w.C)
		naiveDepthwise(w, blocks, wy, wdx, wdw, wdb, x, dy, weight, b)
		d.Forward(y, x, weight, b, blocks)
		d.BackwardData(dx, dy, weight, blocks)
		d.BackwardWeights(dw, db, x, dy, blocks, scratch)
		for _, c := range []struct {
			name      string
			got, want []float32
		}{{"forward", y, wy}, {"backward data", dx, wdx}, {"backward weights", dw, wdw}, {"backward bias", db, wdb}} {
			if err := sameBits(c.got, c.want); err != nil {
				t.Errorf("%s, bias %v: %v", c.name, b != nil, err)
			}
		}
	}
	d.BackwardWeights(dw, nil, x, dy, blocks, scratch)
	for _, ok := range intact {
		if !ok() {
			t.Error("a guard word was overwritten")
		}
	}
}

func FuzzDepthwise(f *testing.F) {
	f.Add(uint8(3), uint8(5), uint8(6), uint8(3), uint8(1), uint8(1))
	f.Add(uint8(1), uint8(9), uint8(20), uint8(7), uint8(2), uint8(3))
	f.Fuzz(func(t *testing.T, c, h, width, k, stride, pad uint8) {
		w := Window{C: int(c % 9), H: 1 + int(h%12), W: 1 + int(width%24), KH: 1 + int(k%9), Stride: 1 + int(stride%4), Pad: int(pad % 5)}
		w.KW = w.KH
		if w.H+2*w.Pad < w.KH || w.W+2*w.Pad < w.KW {
			return
		}
		withISA(t, func(t *testing.T) { checkDepthwise(t, w, 1+int(pad%2), h%4 == 0) })
	})
}

func TestDepthwiseOfRandomWindows(t *testing.T) {
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(21, 22))
		for range 30 {
			k := 1 + r.IntN(7)
			w := Window{C: r.IntN(20), H: 1 + r.IntN(9), W: 1 + r.IntN(17), KH: k, KW: k, Stride: 1 + r.IntN(3), Pad: r.IntN(4)}
			if w.H+2*w.Pad < k || w.W+2*w.Pad < k {
				continue
			}
			t.Run(fmt.Sprintf("%+v", w), func(t *testing.T) { checkDepthwise(t, w, 1+r.IntN(3), r.IntN(4) == 0) })
		}
	})
}

// A depthwise convolution is the convolution whose weights between different channels
// are zero.
func TestDepthwiseIsAConvolutionOfDiagonalWeights(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	for _, w := range depthwiseWindows {
		g := Geometry{InC: w.C, InH: w.H, InW: w.W, OutC: w.C, KH: w.KH, KW: w.KW, Stride: w.Stride, Pad: w.Pad}
		area := w.KH * w.KW
		x, dy := make([]float32, g.inputLen()), make([]float32, g.outputLen())
		weight, whole := make([]float32, w.C*area), make([]float32, g.weights())
		fill(r, x)
		fill(r, dy)
		fill(r, weight)
		for c := range w.C {
			copy(whole[(c*w.C+c)*area:], weight[c*area:][:area])
		}
		c := NewConv(g)
		packed, scratch := make([]float32, c.PackedLen()), make([]float32, c.ScratchLen(1))
		c.Pack(packed, whole)
		wy, wdx, wdw := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(whole))
		c.Forward(wy, x, packed, nil, 1, scratch)
		c.BackwardData(wdx, dy, packed, 1, scratch)
		c.BackwardWeights(wdw, nil, x, dy, 1, scratch)
		d := NewDepthwise(w)
		y, dx, dw := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(weight))
		d.Forward(y, x, weight, nil, 1)
		d.BackwardData(dx, dy, weight, 1)
		d.BackwardWeights(dw, nil, x, dy, 1, make([]float32, d.ScratchLen()))
		if err := sameBits(y, wy); err != nil {
			t.Errorf("%+v: forward: %v", w, err)
		}
		if err := sameBits(dx, wdx); err != nil {
			t.Errorf("%+v: backward data: %v", w, err)
		}
		for i, v := range dw {
			want := wdw[(i/area*w.C+i/area)*area+i%area]
			if math.Abs(float64(v-want)) > 1e-4*(1+math.Abs(float64(want))) {
				t.Errorf("%+v: gradient of weight %d is %v, want %v", w, i, v, want)
			}
		}
	}
}

func TestDepthwiseMisusePanics(t *testing.T) {
	w := Window{C: 2, H: 4, W: 4, KH: 3, KW: 3, Stride: 1, Pad: 1}
	d := NewDepthwise(w)
	x, weight, scratch := make([]float32, 2*16*lanes), make([]float32, 18), make([]float32, d.ScratchLen())
	for name, f := range map[string]func(){
		"no window":     func() { NewDepthwise(Window{C: 1, H: 2, W: 2, KH: 3, KW: 3, Stride: 1}) },
		"short output":  func() { d.Forward(x[1:], x, weight, nil, 1) },
		"short input":   func() { d.BackwardData(x, x[1:], weight, 1) },
		"few weights":   func() { d.Forward(x, x, weight[1:], nil, 1) },
		"short bias":    func() { d.Forward(x, x, weight, weight[:1], 1) },
		"short scratch": func() { d.BackwardWeights(weight, nil, x, x, 1, scratch[1:]) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestDepthwiseAllocatesNothing(t *testing.T) {
	withISA(t, func(t *testing.T) {
		w := Window{C: 3, H: 6, W: 7, KH: 3, KW: 3, Stride: 2, Pad: 1}
		d := NewDepthwise(w)
		x, y, weight := make([]float32, 3*42*lanes), make([]float32, 3*12*lanes), make([]float32, 27)
		bias, scratch := make([]float32, 3), make([]float32, d.ScratchLen())
		if n := testing.AllocsPerRun(1, func() {
			d.Forward(y, x, weight, bias, 1)
			d.BackwardData(x, y, weight, 1)
			d.BackwardWeights(weight, bias, x, y, 1, scratch)
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}
