package main

import (
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The columns of the coefficient table, as in norm.go of package kernel.
const (
	colRef = 4 * iota
	colScale
	colShift
	colA
	colB
	colC
	coefBytes = 32
)

// affine returns x scale + shift, rounded twice.
func (t target) affine(x, scale, shift Op) VecVirtual {
	v := t.vec()
	VMULPS(scale, x, v)
	VADDPS(shift, v, v)
	return v
}

// overChannels emits body for each row of each pixel: pointers in rows advance
// by a row, k by a table row, and k starts anew with each pixel.
func (t target) overChannels(rows []Register, k, pixels, channels Register, body func()) {
	first, n := GP64(), GP64()
	MOVQ(k, first)
	loop("pixel", pixels, func() {
		MOVQ(first, k)
		MOVQ(channels, n)
		loop("channel", n, func() {
			body()
			for _, p := range rows {
				ADDQ(Imm(rowBytes), p)
			}
			ADDQ(Imm(coefBytes), k)
		})
	})
}

// norm emits Norm and NormAdd, each with and without ReLU.
func (t target) norm(name string, skip bool) {
	for _, relu := range []bool{false, true} {
		full, signature := name, "(y, x, k *float32, pixels, channels int)"
		if relu {
			full += "ReLU"
		}
		if skip {
			signature = "(y, x, skip, k *float32, pixels, channels int)"
		}
		t.function(full + signature)
		y, x, k := pointer("y"), pointer("x"), pointer("k")
		rows := []Register{y, x}
		var other Register
		if skip {
			other = pointer("skip")
			rows = append(rows, other)
		}
		pixels, channels := pointer("pixels"), pointer("channels")
		zero := t.zero()
		t.overChannels(rows, k, pixels, channels, func() {
			scale, shift := t.broadcast(Mem{Base: k, Disp: colScale}), t.broadcast(Mem{Base: k, Disp: colShift})
			for i := range t.vecs() {
				v := t.affine(t.load(Mem{Base: x, Disp: i * t.size}), scale, shift)
				if skip {
					VADDPS(Mem{Base: other, Disp: i * t.size}, v, v)
				}
				if relu {
					t.rectify(v, zero)
				}
				VMOVUPS(v, Mem{Base: y, Disp: i * t.size})
			}
		})
		leave()
	}
}

// group is the number of channels whose sums are kept in registers at once.
func (t target) groups() []int {
	if t.size == 64 {
		return []int{4, 1}
	}
	return []int{1}
}

// sums emits a function that keeps the sums s and q of a group of channels in
// registers while it walks over the pixels, stride bytes apart.
func (t target) sums(name string, rows []string, coefs []int, term func(at func(p string) Mem, k []VecVirtual, zero, s, q VecVirtual)) {
	for _, group := range t.groups() {
		suffix := ""
		if group > 1 {
			suffix = "Group"
		}
		t.function(name + suffix + "(s, q, " + strings.Join(rows, ", ") + ", k *float32, pixels, stride int)")
		base := map[string]Register{}
		for _, p := range slices.Backward(rows) {
			base[p] = pointer(p)
		}
		k, pixels, stride := pointer("k"), pointer("pixels"), pointer("stride")
		zero := t.zero()
		var table [][]VecVirtual
		var s, q []VecVirtual
		for c := range group {
			var row []VecVirtual
			for _, col := range coefs {
				row = append(row, t.broadcast(Mem{Base: k, Disp: c*coefBytes + col}))
			}
			table = append(table, row)
			for range t.vecs() {
				s, q = append(s, t.zero()), append(q, t.zero())
			}
		}
		loop("pixel", pixels, func() {
			for j := range s {
				term(func(p string) Mem { return Mem{Base: base[p], Disp: j * t.size} }, table[j/t.vecs()], zero, s[j], q[j])
			}
			for _, p := range slices.Backward(rows) {
				ADDQ(stride, base[p])
			}
		})
		sp, qp := pointer("s"), pointer("q")
		for j := range s {
			VMOVUPS(s[j], Mem{Base: sp, Disp: j * t.size})
			VMOVUPS(q[j], Mem{Base: qp, Disp: j * t.size})
		}
		leave()
	}
}

// moments emits Moments.
func (t target) moments() {
	t.sums("moments", []string{"x"}, []int{colRef}, func(at func(string) Mem, k []VecVirtual, zero, s, q VecVirtual) {
		d := t.load(at("x"))
		VSUBPS(k[0], d, d)
		VADDPS(d, s, s)
		VMULPS(d, d, d)
		VADDPS(d, q, q)
	})
}

// normSums emits NormSums, with and without ReLU.
func (t target) normSums() {
	product := func(x, d, ref, s, q VecVirtual) {
		VADDPS(d, s, s)
		VSUBPS(ref, x, x)
		VMULPS(x, d, d)
		VADDPS(d, q, q)
	}
	dyX := []string{"dy", "x"}
	t.sums("normSums", dyX, []int{colRef}, func(at func(string) Mem, k []VecVirtual, zero, s, q VecVirtual) {
		product(t.load(at("x")), t.load(at("dy")), k[0], s, q)
	})
	t.sums("normSumsReLU", dyX, []int{colRef, colScale, colShift}, func(at func(string) Mem, k []VecVirtual, zero, s, q VecVirtual) {
		x := t.load(at("x"))
		d := t.affine(x, k[1], k[2])
		if t.size == 64 {
			mask := K()
			VCMPPS(Imm(greaterOrdered), zero, d, mask)
			VMOVUPS_Z(at("dy"), mask, d)
		} else {
			VCMPPS(Imm(greaterOrdered), zero, d, d)
			VANDPS(at("dy"), d, d)
		}
		product(x, d, k[0], s, q)
	})
}

// backward returns A g + (B (x - Ref) + C) of the channel whose table row is at k.
func (t target) backward(g, x VecVirtual, k Register) VecVirtual {
	VSUBPS(t.broadcast(Mem{Base: k, Disp: colRef}), x, x)
	VMULPS(t.broadcast(Mem{Base: k, Disp: colB}), x, x)
	VADDPS(t.broadcast(Mem{Base: k, Disp: colC}), x, x)
	VMULPS(t.broadcast(Mem{Base: k, Disp: colA}), g, g)
	VADDPS(x, g, g)
	return g
}

// normBackward emits NormBackward, with and without ReLU.
func (t target) normBackward() {
	for _, relu := range []bool{false, true} {
		name := "normBackward"
		if relu {
			name += "ReLU"
		}
		t.function(name + "(dx, dy, x, k *float32, pixels, channels int)")
		dx, dy, x, k := pointer("dx"), pointer("dy"), pointer("x"), pointer("k")
		pixels, channels := pointer("pixels"), pointer("channels")
		zero := t.zero()
		t.overChannels([]Register{dx, dy, x}, k, pixels, channels, func() {
			for i := range t.vecs() {
				v := t.load(Mem{Base: x, Disp: i * t.size})
				g := t.load(Mem{Base: dy, Disp: i * t.size})
				if relu {
					scale, shift := t.broadcast(Mem{Base: k, Disp: colScale}), t.broadcast(Mem{Base: k, Disp: colShift})
					t.keep(t.above(t.affine(v, scale, shift), zero), g)
				}
				VMOVUPS(t.backward(g, v, k), Mem{Base: dx, Disp: i * t.size})
			}
		})
		leave()
	}
}
