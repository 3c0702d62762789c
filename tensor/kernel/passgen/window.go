package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// window emits what the poolings do with all channels of a pixel.
func (t target) window() {
	rowLoop := func(name, signature string, pointers []string, body func(at []Mem)) {
		t.function(name + signature)
		var from []Register
		for _, p := range pointers {
			from = append(from, pointer(p))
		}
		n := pointer("rows")
		loop("row", n, func() {
			for i := range t.vecs() {
				var at []Mem
				for _, p := range from {
					at = append(at, Mem{Base: p, Disp: i * t.size})
				}
				body(at)
			}
			for _, p := range from {
				ADDQ(Imm(rowBytes), p)
			}
		})
		leave()
	}
	rowLoop("raise", "(m, v *float32, rows int)", []string{"m", "v"}, func(at []Mem) {
		v := t.load(at[1])
		VMAXPS(at[0], v, v) // v where v > m, else m
		VMOVUPS(v, at[0])
	})
	rowLoop("claim", "(dx, rest, x, m *float32, rows int)", []string{"dx", "rest", "x", "m"}, func(at []Mem) {
		rest, d, zero := t.load(at[1]), t.zero(), t.zero()
		equal := t.equal(t.load(at[2]), t.load(at[3]))
		t.choose(equal, rest, d)
		t.choose(equal, zero, rest)
		VADDPS(at[0], d, d)
		VMOVUPS(d, at[0])
		VMOVUPS(rest, at[1])
	})
	t.function("addScaled(y, x, scale *float32, rows int)")
	y, x, scale, n := pointer("y"), pointer("x"), t.broadcast(Mem{Base: pointer("scale")}), pointer("rows")
	loop("row", n, func() {
		for i := range t.vecs() {
			v := t.vec()
			VMULPS(Mem{Base: x, Disp: i * t.size}, scale, v)
			VADDPS(Mem{Base: y, Disp: i * t.size}, v, v)
			VMOVUPS(v, Mem{Base: y, Disp: i * t.size})
		}
		ADDQ(Imm(rowBytes), x)
		ADDQ(Imm(rowBytes), y)
	})
	leave()
}
