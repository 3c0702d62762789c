package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// sgd emits SGD: plain, with momentum, and with Nesterov momentum. coefs is
// Scale, LR, Momentum, WeightDecay; vectors counts registers.
func (t target) sgd() {
	for _, kind := range []string{"Plain", "Momentum", "Nesterov"} {
		t.function("sgd" + kind + "(param, grad, velocity, coefs *float32, vectors int)")
		param, grad, velocity, coefs, n := pointer("param"), pointer("grad"), pointer("velocity"), pointer("coefs"), pointer("vectors")
		scale, rate := t.broadcast(Mem{Base: coefs}), t.broadcast(Mem{Base: coefs, Disp: 4})
		momentum, decay := t.broadcast(Mem{Base: coefs, Disp: 8}), t.broadcast(Mem{Base: coefs, Disp: 12})
		loop("vector", n, func() {
			p, g, d := t.load(Mem{Base: param}), t.vec(), t.vec()
			VMULPS(Mem{Base: grad}, scale, g)
			VMULPS(p, decay, d)
			VADDPS(d, g, g)
			if kind != "Plain" {
				v := t.vec()
				VMULPS(Mem{Base: velocity}, momentum, v)
				VADDPS(g, v, v)
				VMOVUPS(v, Mem{Base: velocity})
				if kind == "Nesterov" {
					VMULPS(v, momentum, v)
					VADDPS(v, g, g)
				} else {
					g = v
				}
			}
			VMULPS(g, rate, g)
			VSUBPS(g, p, p)
			VMOVUPS(p, Mem{Base: param})
			for _, at := range []Op{param, grad, velocity} {
				ADDQ(Imm(uint64(t.size)), at)
			}
		})
		leave()
	}
}

// adamW emits AdamW. coefs is Scale, Beta1, Beta2, Rest1, Rest2, Keep, Step,
// Root, Eps.
func (t target) adamW() {
	t.function("adamW(param, grad, m, v, coefs *float32, vectors int)")
	param, grad, mp, vp, coefs, n := pointer("param"), pointer("grad"), pointer("m"), pointer("v"), pointer("coefs"), pointer("vectors")
	coef := func(i int) Op { return t.broadcast(Mem{Base: coefs, Disp: 4 * i}) }
	scale, beta1, beta2, rest1, rest2 := coef(0), coef(1), coef(2), coef(3), coef(4)
	keep, step, root, eps := coef(5), coef(6), coef(7), coef(8)
	loop("vector", n, func() {
		g, m, v, p := t.vec(), t.vec(), t.vec(), t.vec()
		VMULPS(Mem{Base: grad}, scale, g)
		VMULPS(Mem{Base: mp}, beta1, m)
		VMULPS(g, rest1, p)
		VADDPS(p, m, m)
		VMOVUPS(m, Mem{Base: mp})
		VMULPS(g, g, g)
		VMULPS(g, rest2, g)
		VMULPS(Mem{Base: vp}, beta2, v)
		VADDPS(g, v, v)
		VMOVUPS(v, Mem{Base: vp})
		VSQRTPS(v, v)
		VMULPS(root, v, v)
		VADDPS(eps, v, v)
		VDIVPS(v, m, m)
		VMULPS(step, m, m)
		VMULPS(Mem{Base: param}, keep, p)
		VSUBPS(m, p, p)
		VMOVUPS(p, Mem{Base: param})
		for _, at := range []Op{param, grad, mp, vp} {
			ADDQ(Imm(uint64(t.size)), at)
		}
	})
	leave()
}
