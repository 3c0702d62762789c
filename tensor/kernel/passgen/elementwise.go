package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// elementwise emits Add, ReLU, ReLUBackward and AddReLUBackward over rows.
func (t target) elementwise() {
	rows := func(name string, inputs []string, body func(in []Mem, zero VecVirtual) VecVirtual) {
		signature := "(out"
		for _, in := range inputs {
			signature += ", " + in
		}
		t.function(name, signature+" *float32, rows int)")
		out := pointer("out")
		var from []Register
		for _, in := range inputs {
			from = append(from, pointer(in))
		}
		n := pointer("rows")
		zero := t.zero()
		loop("row", n, func() {
			for i := range t.vecs() {
				var in []Mem
				for _, p := range from {
					in = append(in, Mem{Base: p, Disp: i * t.size})
				}
				VMOVUPS(body(in, zero), Mem{Base: out, Disp: i * t.size})
			}
			for _, p := range append(from, out) {
				ADDQ(Imm(rowBytes), p)
			}
		})
		leave()
	}
	rows("add", []string{"a", "b"}, func(in []Mem, _ VecVirtual) VecVirtual {
		v := t.load(in[0])
		VADDPS(in[1], v, v)
		return v
	})
	rows("relu", []string{"x"}, func(in []Mem, zero VecVirtual) VecVirtual {
		v := t.load(in[0])
		t.rectify(v, zero)
		return v
	})
	rows("reluBackward", []string{"dy", "y"}, func(in []Mem, zero VecVirtual) VecVirtual {
		v := t.load(in[0])
		t.keep(t.above(t.load(in[1]), zero), v)
		return v
	})
	rows("addReLUBackward", []string{"a", "b", "y"}, func(in []Mem, zero VecVirtual) VecVirtual {
		v := t.load(in[0])
		VADDPS(in[1], v, v)
		t.keep(t.above(t.load(in[2]), zero), v)
		return v
	})
}
