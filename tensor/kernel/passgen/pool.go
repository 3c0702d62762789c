package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A tiling is the walk over one row of 2 x 2 windows: x points at the upper
// left pixel of a window and low at the lower left one; the pixels on their
// right lie pixel bytes further on.
type tiling struct {
	x, low, pixel Register
	k, n          Register
}

// tiles emits body for each channel of each of the windows of one output row.
// Pointers in pairs advance with x and low, those in singles by one row a
// channel. below is the distance of two input rows, in bytes, pixel that of
// two pixels.
func (t target) tiles(pairs, singles []Register, body func(w tiling)) {
	w := tiling{x: pointer("x"), low: pointer("below"), pixel: pointer("pixel"), k: pointer("k"), n: GP64()}
	first, windows, channels := GP64(), pointer("windows"), pointer("channels")
	ADDQ(w.x, w.low)
	MOVQ(w.k, first)
	pairs = append([]Register{w.x, w.low}, pairs...)
	loop("window", windows, func() {
		MOVQ(first, w.k)
		MOVQ(channels, w.n)
		loop("channel", w.n, func() {
			body(w)
			for _, p := range append(singles, pairs...) {
				ADDQ(Imm(rowBytes), p)
			}
			ADDQ(Imm(coefBytes), w.k)
		})
		for _, p := range pairs {
			ADDQ(w.pixel, p)
		}
	})
	leave()
}

// corners returns the addresses at disp of the four pixels of the window whose
// left pixels are at upper and lower, in window order.
func (w tiling) corners(upper, lower Register, disp int) []Mem {
	var at []Mem
	for _, p := range []Register{upper, lower} {
		at = append(at, Mem{Base: p, Disp: disp}, Mem{Base: p, Index: w.pixel, Scale: 1, Disp: disp})
	}
	return at
}

const poolSizes = ", windows, channels, pixel, below int)"

// pool emits NormMaxPool, NormMaxPoolSums and NormMaxPoolBackward for one
// output row of 2 x 2 windows.
func (t target) pool() {
	t.function("normMaxPool2(y, x, k *float32" + poolSizes)
	y := pointer("y")
	zero := t.zero()
	t.tiles(nil, []Register{y}, func(w tiling) {
		scale, shift := t.broadcast(Mem{Base: w.k, Disp: colScale}), t.broadcast(Mem{Base: w.k, Disp: colShift})
		for i := range t.vecs() {
			var m VecVirtual
			for j, at := range w.corners(w.x, w.low, i*t.size) {
				v := t.affine(t.load(at), scale, shift)
				if j == 0 {
					m = v
				} else {
					VMAXPS(m, v, m) // v where v > m, else m
				}
			}
			t.rectify(m, zero)
			VMOVUPS(m, Mem{Base: y, Disp: i * t.size})
		}
	})

	t.function("normMaxPoolSums2(s, q, dy, x, k *float32" + poolSizes)
	s, q, dy := pointer("s"), pointer("q"), pointer("dy")
	step := GP64() // distance of the sums of the current channel from those of channel 0
	zero = t.zero()
	XORQ(step, step)
	t.tiles(nil, []Register{dy}, func(w tiling) {
		scale, shift := t.broadcast(Mem{Base: w.k, Disp: colScale}), t.broadcast(Mem{Base: w.k, Disp: colShift})
		ref := t.broadcast(Mem{Base: w.k, Disp: colRef})
		for i := range t.vecs() {
			var m, best VecVirtual
			for j, at := range w.corners(w.x, w.low, i*t.size) {
				x := t.load(at)
				v := t.affine(x, scale, shift)
				if j == 0 {
					m, best = v, x
					continue
				}
				mask := t.above(v, m)
				t.choose(mask, v, m)
				t.choose(mask, x, best)
			}
			g := t.load(Mem{Base: dy, Disp: i * t.size})
			t.keep(t.above(m, zero), g)
			at := func(p Register) Mem { return Mem{Base: p, Index: step, Scale: 1, Disp: i * t.size} }
			sum := t.vec()
			VADDPS(at(s), g, sum)
			VMOVUPS(sum, at(s))
			VSUBPS(ref, best, best)
			VMULPS(best, g, g)
			VADDPS(at(q), g, g)
			VMOVUPS(g, at(q))
		}
		ADDQ(Imm(rowBytes), step)
		last := GP64()
		XORQ(last, last)
		CMPQ(w.n, Imm(1))
		CMOVQEQ(last, step) // the last channel: start anew
	})

	t.function("normMaxPoolBackward2(dx, dy, x, k *float32" + poolSizes)
	dx, dy, dxLow := pointer("dx"), pointer("dy"), pointer("below")
	zero = t.zero()
	ADDQ(dx, dxLow)
	t.tiles([]Register{dx, dxLow}, []Register{dy}, func(w tiling) {
		scale, shift := t.broadcast(Mem{Base: w.k, Disp: colScale}), t.broadcast(Mem{Base: w.k, Disp: colShift})
		for i := range t.vecs() {
			var m VecVirtual
			wins := make([]Register, 4) // wins[j]: pixel j is above all before it
			for j, at := range w.corners(w.x, w.low, i*t.size) {
				v := t.affine(t.load(at), scale, shift)
				if j == 0 {
					m = v
					continue
				}
				wins[j] = t.above(v, m)
				VMAXPS(m, v, m)
			}
			positive := t.above(m, zero)
			// The last pixel that was above all before it has won.
			masks := make([]Register, 4)
			open := positive
			for j := 3; j >= 1; j-- {
				masks[j] = t.and(wins[j], open)
				open = t.notAnd(wins[j], open)
			}
			masks[0] = open
			to := w.corners(dx, dxLow, i*t.size)
			for j, at := range w.corners(w.x, w.low, i*t.size) {
				g := t.load(Mem{Base: dy, Disp: i * t.size})
				t.keep(masks[j], g)
				VMOVUPS(t.backward(g, t.load(at), w.k), to[j])
			}
		}
	})
}

// and returns the lanes in both masks.
func (t target) and(a, b Register) Register {
	if t.size == 64 {
		k := K()
		KANDW(a, b, k)
		return k
	}
	y := YMM()
	VANDPS(a, b, y)
	return y
}
