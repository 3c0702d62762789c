// Command passgen writes the passes over rows: functions of each element, whose
// Go loops and bodies come from one description, and the assembly of batch
// normalisation, its pooled form, the optimizer updates and formats of 16 bits. Each body is emitted
// for AVX-512 (a row of 32 lanes is two registers) and AVX2 (four), with the
// operations of the Go loop of the same name, in its order and with its
// rounding: no fused multiply-add stands here. It is a module of its own, so that
// the product does not depend on the assembler library; run it by
// `go generate ./tensor/kernel`.
package main

import (
	"flag"
	"log"
	"maps"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	rowBytes       = 128  // 32 lanes of float32
	greaterOrdered = 0x1e // predicates of VCMPPS
	equalOrdered   = 0x00
	unordered      = 0x03
)

// A target is an instruction set with registers of size bytes.
type target struct {
	name string
	size int
}

var targets = []target{{"AVX512", 64}, {"AVX2", 32}}

func main() {
	dir := flag.String("dir", "..", "directory of the Go files")
	flag.Parse()
	fs := slices.SortedFunc(maps.Values(functions), func(a, b function) int { return strings.Compare(a.name, b.name) })
	sweeps := slices.SortedFunc(maps.Values(sweeps), func(a, b sweep) int { return strings.Compare(a.name, b.name) })
	constants := constantsOf(fs, sweeps)
	if err := writeGo(*dir, fs, sweeps, constants); err != nil {
		log.Fatal(err)
	}
	place := map[float32]int{}
	for i, c := range constants {
		place[c] = i
	}
	ConstraintExpr("amd64")
	for _, t := range targets {
		for _, f := range fs {
			t.elementwise(f, place)
		}
		for _, s := range sweeps {
			t.sweep(s, place)
		}
		t.norm("norm", false)
		t.norm("normAdd", true)
		t.moments()
		t.normSums()
		t.normBackward()
		t.pool()
		t.sgd()
		t.adamW()
		t.window()
		t.half()
	}
	Generate()
}

// vecs is the number of registers of a row.
func (t target) vecs() int { return rowBytes / t.size }

// vec returns a new vector register.
func (t target) vec() VecVirtual {
	if t.size == 64 {
		return ZMM()
	}
	return YMM()
}

// load returns a register with the vector at m.
func (t target) load(m Mem) VecVirtual {
	v := t.vec()
	VMOVUPS(m, v)
	return v
}

// broadcast returns a register with the scalar at m in every lane.
func (t target) broadcast(m Mem) VecVirtual {
	v := t.vec()
	VBROADCASTSS(m, v)
	return v
}

// zero returns a register of zeros.
func (t target) zero() VecVirtual {
	v := t.vec()
	if t.size == 64 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// above returns the mask of the lanes where a > b; NaN is not.
func (t target) above(a, b Op) Register { return t.compare(greaterOrdered, a, b) }

// equal returns the mask of the lanes where a = b; NaN is not.
func (t target) equal(a, b Op) Register { return t.compare(equalOrdered, a, b) }

func (t target) compare(predicate uint64, a, b Op) Register {
	if t.size == 64 {
		k := K()
		VCMPPS(Imm(predicate), b, a, k)
		return k
	}
	y := YMM()
	VCMPPS(Imm(predicate), b, a, y)
	return y
}

// keep zeroes the lanes of v outside the mask.
func (t target) keep(mask Register, v VecVirtual) {
	if t.size == 64 {
		VMOVAPS_Z(v, mask, v)
	} else {
		VANDPS(mask, v, v)
	}
}

// choose sets the lanes of v inside the mask to those of from.
func (t target) choose(mask Register, from, v VecVirtual) {
	if t.size == 64 {
		VMOVAPS(from, mask, v)
	} else {
		VBLENDVPS(mask, from, v, v)
	}
}

// notAnd returns b outside a.
func (t target) notAnd(a, b Register) Register {
	if t.size == 64 {
		k := K()
		KANDNW(b, a, k)
		return k
	}
	y := YMM()
	VANDNPS(b, a, y)
	return y
}

// rectify sets v to 0 where it is below 0; NaN and -0 stay.
func (t target) rectify(v, zero VecVirtual) { VMAXPS(v, zero, v) }

// function starts a function, given as name(parameters); its name gets the
// target's suffix.
func (t target) function(declaration string) {
	name, parameters, _ := strings.Cut(declaration, "(")
	TEXT(name+t.name, NOSPLIT, "func("+parameters)
	Pragma("noescape")
}

// pointer loads the parameter with that name.
func pointer(name string) Register { return Load(Param(name), GP64()) }

// leave ends a function.
func leave() {
	VZEROUPPER()
	RET()
}

// loop emits body while the counter n, at least 1 on entry, counts down to 0.
func loop(label string, n Register, body func()) {
	Label(label)
	body()
	DECQ(n)
	JNZ(LabelRef(label))
}
