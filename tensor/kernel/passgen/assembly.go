package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// elementwise emits a function over rows.
func (t target) elementwise(f function, place map[float32]int) {
	signature := "(out"
	for _, in := range f.inputs {
		signature += ", " + in
	}
	if f.usesConstants() {
		signature += ", constants"
	}
	t.function(f.lower() + signature + " *float32, rows int)")
	body := rowBody{target: t, place: place}
	out := pointer("out")
	for _, in := range f.inputs {
		body.inputs = append(body.inputs, pointer(in))
	}
	if f.usesConstants() {
		body.constants = pointer("constants")
	}
	n := pointer("rows")
	loop("row", n, func() {
		for i := range t.vecs() {
			VMOVUPS(body.emit(f.result, i*t.size), Mem{Base: out, Disp: i * t.size})
		}
		for _, p := range append(body.inputs, out) {
			ADDQ(Imm(rowBytes), p)
		}
	})
	leave()
}

// rowBody emits expressions on one vector of a row.
type rowBody struct {
	target
	inputs    []Register
	constants Register
	place     map[float32]int // places of constants in their table
}

// emit returns the register with e for the vector at a byte offset of the row.
func (b rowBody) emit(e *expression, offset int) VecVirtual {
	return b.emitAll([]*expression{e}, func(x *expression) VecVirtual {
		return b.load(Mem{Base: b.inputs[x.input], Disp: offset})
	})[0]
}

// emitAll returns the registers with some expressions; load gives that of an input.
func (b rowBody) emitAll(results []*expression, load func(x *expression) VecVirtual) []VecVirtual {
	at := map[*expression]VecVirtual{}
	for _, x := range order(results...) {
		if x.kind == constantKind {
			continue // broadcast where it is used, so that it takes no register meanwhile
		}
		get := func(i int) VecVirtual {
			if a := x.args[i]; a.kind == constantKind {
				return b.constant(a.value)
			}
			return at[x.args[i]]
		}
		if x.kind == inputKind {
			at[x] = load(x)
		} else {
			at[x] = b.operation(x, get)
		}
	}
	var out []VecVirtual
	for _, e := range results {
		out = append(out, at[e])
	}
	return out
}

func (b rowBody) constant(v float32) VecVirtual {
	if v == 0 {
		return b.zero()
	}
	return b.broadcast(Mem{Base: b.constants, Disp: 4 * b.place[v]})
}

func (b rowBody) operation(e *expression, get func(i int) VecVirtual) VecVirtual {
	v := b.vec()
	switch e.kind {
	case addKind:
		VADDPS(get(1), get(0), v)
	case subKind:
		VSUBPS(get(1), get(0), v)
	case mulKind:
		VMULPS(get(1), get(0), v)
	case divKind:
		VDIVPS(get(1), get(0), v)
	case aboveKind:
		VMAXPS(get(0), get(1), v) // the second source, get(0), where it is NaN or both are zero
	case sqrtKind:
		VSQRTPS(get(0), v)
	case absKind:
		return b.shifted(b.shifted(get(0), VPSLLD), VPSRLD)
	case signedKind:
		a, s := get(0), b.sign(get(1))
		if b.size == 64 {
			VPORD(a, s, v)
		} else {
			VORPS(a, s, v)
		}
	case powerKind:
		VPSLLD(Imm(23), get(0), v)
		VPADDD(b.constant(1), v, v) // adds the bits of 1 to the exponent
	case chooseKind:
		VMOVAPS(get(3), v)
		b.choose(b.above(get(0), get(1)), get(2), v)
	}
	return v
}

// shifted returns v shifted by one bit.
func (b rowBody) shifted(v VecVirtual, shift func(ops ...Op)) VecVirtual {
	out := b.vec()
	shift(Imm(1), v, out)
	return out
}

// sign returns the sign bits of v.
func (b rowBody) sign(v VecVirtual) VecVirtual {
	out := b.vec()
	VPSRLD(Imm(31), v, out)
	VPSLLD(Imm(31), out, out)
	return out
}
