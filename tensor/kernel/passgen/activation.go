package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Places of the constants in activationCoefs of package kernel.
const (
	one = iota
	half
	minusHalf
	minusTwo
	expLow
	log2E
	magic
	ln2Hi
	ln2Lo
	invSqrt2
	invSqrt2Pi
	tanhSplit
	expC
	erfcC    = expC + 6
	tanhC    = erfcC + 10
	absMask  = tanhC + 5 // bit patterns that only the bodies need
	signMask = absMask + 1
	oneBits  = signMask + 1
)

// activations emits GELU, tanh and their gradients over rows.
func (t target) activations() {
	t.constRows("gelu", []string{"x"}, func(k consts, in []Mem) VecVirtual {
		x := t.load(in[0])
		y := k.normalCDF(x)
		VMULPS(y, x, y)
		return y
	})
	t.constRows("geluBackward", []string{"dy", "x"}, func(k consts, in []Mem) VecVirtual {
		x := t.load(in[1])
		bell := t.vec()
		VMULPS(x, x, bell)
		VMULPS(k.get(minusHalf), bell, bell)
		bell = k.expNegative(bell)
		VMULPS(k.get(invSqrt2Pi), bell, bell)
		VMULPS(bell, x, bell)
		y := k.normalCDF(x)
		VADDPS(bell, y, y)
		VMULPS(in[0], y, y)
		return y
	})
	t.constRows("tanh", []string{"x"}, func(k consts, in []Mem) VecVirtual {
		x := t.load(in[0])
		z := t.bitAnd(x, k.get(absMask))
		e := t.vec()
		VMULPS(k.get(minusTwo), z, e)
		e = k.expNegative(e)
		sum, large := t.vec(), t.vec()
		VADDPS(k.get(one), e, sum)
		VSUBPS(e, k.get(one), large)
		VDIVPS(sum, large, large)
		large = t.bitOr(large, t.bitAnd(x, k.get(signMask)))
		s := t.vec()
		VMULPS(x, x, s)
		y := k.polynomial(tanhC, 5, s)
		VMULPS(s, y, y)
		VMULPS(x, y, y)
		VADDPS(x, y, y)
		t.choose(t.above(z, k.get(tanhSplit)), large, y)
		return y
	})
	t.constRows("tanhBackward", []string{"dy", "y"}, func(k consts, in []Mem) VecVirtual {
		y := t.load(in[1])
		VMULPS(y, y, y)
		VSUBPS(y, k.get(one), y)
		VMULPS(in[0], y, y)
		return y
	})
}

// constRows emits a function over rows that reads activationCoefs.
func (t target) constRows(name string, inputs []string, body func(k consts, in []Mem) VecVirtual) {
	signature := "(out"
	for _, in := range inputs {
		signature += ", " + in
	}
	t.function(name, signature+", coefs *float32, rows int)")
	out := pointer("out")
	var from []Register
	for _, in := range inputs {
		from = append(from, pointer(in))
	}
	k := consts{t, pointer("coefs")}
	n := pointer("rows")
	loop("row", n, func() {
		for i := range t.vecs() {
			var in []Mem
			for _, p := range from {
				in = append(in, Mem{Base: p, Disp: i * t.size})
			}
			VMOVUPS(body(k, in), Mem{Base: out, Disp: i * t.size})
		}
		for _, p := range append(from, out) {
			ADDQ(Imm(rowBytes), p)
		}
	})
	leave()
}

// consts is a table of constants; they are broadcast where they are used.
type consts struct {
	target
	base Register
}

func (k consts) get(i int) VecVirtual { return k.broadcast(Mem{Base: k.base, Disp: 4 * i}) }

// polynomial evaluates n coefficients from place at on, highest power first.
func (k consts) polynomial(at, n int, x VecVirtual) VecVirtual {
	y := k.get(at)
	for i := 1; i < n; i++ {
		VMULPS(x, y, y)
		VADDPS(k.get(at+i), y, y)
	}
	return y
}

// expNegative returns exp(x); x is overwritten.
func (k consts) expNegative(x VecVirtual) VecVirtual {
	VMAXPS(x, k.get(expLow), x)
	shifted, n, part := k.vec(), k.vec(), k.vec()
	VMULPS(k.get(log2E), x, shifted)
	VADDPS(k.get(magic), shifted, shifted)
	VSUBPS(k.get(magic), shifted, n)
	VMULPS(k.get(ln2Hi), n, part)
	VSUBPS(part, x, x)
	VMULPS(k.get(ln2Lo), n, part)
	VSUBPS(part, x, x)
	y := k.polynomial(expC, 6, x)
	VMULPS(x, x, part)
	VMULPS(part, y, y)
	VADDPS(x, y, y)
	VADDPS(k.get(one), y, y)
	VPSLLD(Imm(23), shifted, shifted)
	VPADDD(k.get(oneBits), shifted, shifted)
	VMULPS(shifted, y, y)
	return y
}

// normalCDF returns (1 + erf(x / sqrt 2))/2.
func (k consts) normalCDF(x VecVirtual) VecVirtual {
	z, div, t := k.bitAnd(x, k.get(absMask)), k.vec(), k.vec()
	VMULPS(k.get(invSqrt2), z, z)
	VMULPS(k.get(half), z, div)
	VADDPS(k.get(one), div, div)
	VDIVPS(div, k.get(one), t)
	VMULPS(z, z, z)
	y := k.polynomial(erfcC, 10, t)
	VSUBPS(z, y, y)
	y = k.expNegative(y)
	VMULPS(t, y, y)
	VMULPS(k.get(half), y, y)
	upper := k.vec()
	VSUBPS(y, k.get(one), upper)
	k.choose(k.above(k.zero(), x), y, upper)
	return upper
}

// bitAnd returns the bits that a and b share.
func (t target) bitAnd(a, b VecVirtual) VecVirtual {
	v := t.vec()
	if t.size == 64 {
		VPANDD(a, b, v)
	} else {
		VANDPS(a, b, v)
	}
	return v
}

// bitOr returns the bits of a or b.
func (t target) bitOr(a, b VecVirtual) VecVirtual {
	v := t.vec()
	if t.size == 64 {
		VPORD(a, b, v)
	} else {
		VORPS(a, b, v)
	}
	return v
}
