package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
)

// Naive convolutions in the order of accumulation of the package comment.

func naiveForward(g Geometry, y, x, w, bias []float32, blocks int) {
	for p := range blocks * g.OutH() * g.OutW() {
		b, oh, ow := p/(g.OutH()*g.OutW()), p/g.OutW()%g.OutH(), p%g.OutW()
		for oc := range g.OutC {
			for l := range tensor.Lanes {
				var acc float32
				if bias != nil {
					acc = bias[oc]
				}
				for kh := range g.KH {
					for kw := range g.KW {
						ih, iw := oh*g.Stride+kh-g.Pad, ow*g.Stride+kw-g.Pad
						if ih < 0 || ih >= g.InH || iw < 0 || iw >= g.InW {
							continue
						}
						for ic := range g.InC {
							acc = FMA(w[((oc*g.InC+ic)*g.KH+kh)*g.KW+kw],
								x[(((b*g.InH+ih)*g.InW+iw)*g.InC+ic)*tensor.Lanes+l], acc)
						}
					}
				}
				y[(p*g.OutC+oc)*tensor.Lanes+l] = acc
			}
		}
	}
}

func naiveBackwardData(g Geometry, dx, dy, w []float32, blocks int) {
	for p := range blocks * g.InH * g.InW {
		b, ih, iw := p/(g.InH*g.InW), p/g.InW%g.InH, p%g.InW
		for ic := range g.InC {
			for l := range tensor.Lanes {
				var acc float32
				for oh := range g.OutH() {
					for ow := range g.OutW() {
						kh, kw := ih+g.Pad-oh*g.Stride, iw+g.Pad-ow*g.Stride
						if kh < 0 || kh >= g.KH || kw < 0 || kw >= g.KW {
							continue
						}
						for oc := range g.OutC {
							acc = FMA(w[((oc*g.InC+ic)*g.KH+kh)*g.KW+kw],
								dy[(((b*g.OutH()+oh)*g.OutW()+ow)*g.OutC+oc)*tensor.Lanes+l], acc)
						}
					}
				}
				dx[(p*g.InC+ic)*tensor.Lanes+l] = acc
			}
		}
	}
}

func naiveBackwardWeights(g Geometry, dw, db, x, dy []float32, blocks int) {
	for i := range dw {
		oc, ic, kh, kw := i/(g.InC*g.KH*g.KW), i/(g.KH*g.KW)%g.InC, i/g.KW%g.KH, i%g.KW
		var acc float32
		for row := range blocks * g.OutH() {
			b, oh := row/g.OutH(), row%g.OutH()
			ih := oh*g.Stride + kh - g.Pad
			if ih < 0 || ih >= g.InH {
				continue
			}
			for l := range tensor.Lanes {
				for ow := range g.OutW() {
					var v float32
					if iw := ow*g.Stride + kw - g.Pad; iw >= 0 && iw < g.InW {
						v = x[(((b*g.InH+ih)*g.InW+iw)*g.InC+ic)*tensor.Lanes+l]
					}
					acc = FMA(dy[((row*g.OutW()+ow)*g.OutC+oc)*tensor.Lanes+l], v, acc)
				}
			}
		}
		dw[i] = acc
	}
	for oc := range db {
		var part [16]float32
		for p := range blocks * g.OutH() * g.OutW() {
			for l := range tensor.Lanes {
				part[l%16] += dy[(p*g.OutC+oc)*tensor.Lanes+l]
			}
		}
		for n := 8; n > 0; n /= 2 {
			for j := range n {
				part[j] += part[j+n]
			}
		}
		db[oc] = part[0]
	}
}

// guarded returns n floats between guard words, off floats past any alignment,
// and a function that reports damage to the guards.
func guarded(n, off int) ([]float32, func() bool) {
	const words = 64
	const guard = -12345.5
	all := make([]float32, n+2*words+off)
	for i := range all {
		all[i] = guard
	}
	s := all[words+off : words+off+n : words+off+n]
	return s, func() bool {
		for i, v := range all {
			if (i < words+off || i >= words+off+n) && v != guard {
				return false
			}
		}
		return true
	}
}

func fill(r *rand.Rand, x []float32) {
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
}

// sameBits compares bit for bit, all NaNs equal.
func sameBits(got, want []float32) error {
	for i := range want {
		g, w := math.Float32bits(got[i]), math.Float32bits(want[i])
		if g != w && !(got[i] != got[i] && want[i] != want[i]) {
			return fmt.Errorf("element %d is %g (%08x), want %g (%08x)", i, got[i], g, want[i], w)
		}
	}
	return nil
}

// withISA runs body once under each instruction set of the machine.
func withISA(t *testing.T, body func(t *testing.T)) {
	before := Active()
	defer SetISA(before)
	for _, isa := range Supported() {
		t.Run(isa.String(), func(t *testing.T) {
			if err := SetISA(isa); err != nil {
				t.Fatal(err)
			}
			body(t)
		})
	}
}

var geometries = []Geometry{
	{InC: 1, InH: 1, InW: 1, OutC: 1, KH: 1, KW: 1, Stride: 1},
	{InC: 3, InH: 5, InW: 4, OutC: 5, KH: 3, KW: 3, Stride: 1, Pad: 1},
	{InC: 2, InH: 7, InW: 5, OutC: 17, KH: 3, KW: 3, Stride: 2, Pad: 1},
	{InC: 17, InH: 4, InW: 6, OutC: 3, KH: 3, KW: 2, Stride: 1, Pad: 0},
	{InC: 5, InH: 6, InW: 6, OutC: 7, KH: 1, KW: 1, Stride: 2, Pad: 0},
	{InC: 4, InH: 3, InW: 3, OutC: 2, KH: 5, KW: 5, Stride: 1, Pad: 2},
	{InC: 2, InH: 8, InW: 8, OutC: 3, KH: 2, KW: 2, Stride: 3, Pad: 1},
	{InC: 2, InH: 2, InW: 2, OutC: 2, KH: 1, KW: 1, Stride: 1, Pad: 2},
	{InC: 3, InH: 4, InW: 5, OutC: 19, KH: 4, KW: 5, Stride: 1, Pad: 0},
	{InC: 33, InH: 1, InW: 1, OutC: 31, KH: 1, KW: 1, Stride: 1, Pad: 0},
	{InC: 37, InH: 3, InW: 3, OutC: 29, KH: 3, KW: 3, Stride: 1, Pad: 1},
	{InC: 3, InH: 20, InW: 20, OutC: 5, KH: 20, KW: 20, Stride: 1},
	{InC: 7, InH: 3, InW: 5, OutC: 20, KH: 3, KW: 5, Stride: 2},
	{InC: 4, InH: 8, InW: 8, OutC: 11, KH: 3, KW: 3, Stride: 1, Pad: 1},
	{InC: 2, InH: 40, InW: 5, OutC: 3, KH: 3, KW: 3, Stride: 1, Pad: 1},
	{InC: 5, InH: 80, InW: 3, OutC: 2, KH: 3, KW: 3, Stride: 2, Pad: 2},
	{InC: 15, InH: 6, InW: 1, OutC: 2, KH: 1, KW: 2, Stride: 3, Pad: 2}, // whole columns in the padding
	{InC: 0, InH: 3, InW: 3, OutC: 2, KH: 3, KW: 3, Stride: 1, Pad: 1},
	{InC: 2, InH: 3, InW: 3, OutC: 0, KH: 3, KW: 3, Stride: 1, Pad: 1},
}

func TestConvAgainstNaive(t *testing.T) {
	withISA(t, func(t *testing.T) {
		for i, g := range geometries {
			for _, special := range []bool{false, true} {
				t.Run(fmt.Sprintf("%+v special=%v", g, special), func(t *testing.T) {
					checkConv(t, g, 1+i%2, special)
				})
			}
		}
	})
}

func checkConv(t *testing.T, g Geometry, blocks int, special bool) {
	r := rand.New(rand.NewPCG(7, uint64(g.InC*100+g.OutC)))
	c := NewConv(g)
	off := r.IntN(16)
	var intact []func() bool
	alloc := func(n int) []float32 {
		s, ok := guarded(n, off)
		intact = append(intact, ok)
		return s
	}
	x, w := alloc(blocks*g.inputLen()), alloc(g.weights())
	dy, bias := alloc(blocks*g.outputLen()), alloc(g.OutC)
	for _, s := range [][]float32{x, w, dy, bias} {
		fill(r, s)
		if special && len(s) > 0 {
			s[r.IntN(len(s))] = float32(math.Inf(1))
			s[r.IntN(len(s))] = float32(math.NaN())
			s[r.IntN(len(s))] = float32(math.Inf(-1))
			s[r.IntN(len(s))] = math.SmallestNonzeroFloat32
		}
	}
	packed, scratch := alloc(c.PackedLen()), alloc(c.ScratchLen(blocks))
	c.Pack(packed, w)
	y, dx, dw, db := alloc(len(dy)), alloc(len(x)), alloc(len(w)), alloc(g.OutC)
	wy, wdx, wdw, wdb := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w)), make([]float32, g.OutC)

	c.Forward(y, x, packed, bias, blocks, scratch)
	naiveForward(g, wy, x, w, bias, blocks)
	if err := sameBits(y, wy); err != nil {
		t.Errorf("forward: %v", err)
	}
	c.Forward(y, x, packed, nil, blocks, scratch)
	naiveForward(g, wy, x, w, nil, blocks)
	if err := sameBits(y, wy); err != nil {
		t.Errorf("forward without bias: %v", err)
	}
	c.BackwardData(dx, dy, packed, blocks, scratch)
	naiveBackwardData(g, wdx, dy, w, blocks)
	if err := sameBits(dx, wdx); err != nil {
		t.Errorf("backward data: %v", err)
	}
	c.BackwardWeights(dw, db, x, dy, blocks, scratch)
	naiveBackwardWeights(g, wdw, wdb, x, dy, blocks)
	if err := sameBits(dw, wdw); err != nil {
		t.Errorf("backward weights: %v", err)
	}
	if err := sameBits(db, wdb); err != nil {
		t.Errorf("backward bias: %v", err)
	}
	for _, ok := range intact {
		if !ok() {
			t.Error("a guard word was overwritten")
		}
	}
}

func TestConvOfRandomGeometriesAgainstNaive(t *testing.T) {
	cases := 60
	if testing.Short() {
		cases = 20
	}
	withISA(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for range cases {
			g := Geometry{InC: r.IntN(20), InH: 1 + r.IntN(9), InW: 1 + r.IntN(9), OutC: r.IntN(20),
				KH: 1 + r.IntN(4), KW: 1 + r.IntN(4), Stride: 1 + r.IntN(4), Pad: r.IntN(4)}
			if g.OutH() < 1 || g.OutW() < 1 {
				continue
			}
			t.Run(fmt.Sprintf("%+v", g), func(t *testing.T) { checkConv(t, g, 1+r.IntN(3), r.IntN(4) == 0) })
		}
	})
}
