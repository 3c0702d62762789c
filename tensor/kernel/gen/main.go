// Command gen writes the assembly of package kernel. It is a module of its own,
// so that the product does not depend on the assembler library; run it by
// `go generate ./tensor/kernel`. It emits code and checks nothing: the extents
// of every call are checked by the Go wrappers in package kernel.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

func main() {
	ConstraintExpr("amd64")
	tapKernels()
	sumKernels()
	transposeKernels()
	laneSumKernels()
	filterKernels()
	laneProductKernels()
	peakKernels()
	out := flag.String("dispatch", "../dispatch_amd64.go", "output of the Go switches over kernels")
	neon := flag.String("neon", "../neon_arm64", "output of the NEON kernels, .s and .go")
	flag.Parse()
	text, stubs := neonKernels()
	for name, data := range map[string][]byte{*out: dispatch(), *neon + ".s": text, *neon + ".go": stubs} {
		if err := os.WriteFile(name, data, 0o666); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	Generate()
}

// The general registers of every kernel. Arguments come as a pointer to a Go
// struct of words, kept in args.
var (
	args = reg.RDI
	bPtr = reg.RAX
	aPtr = reg.RBX
	kCnt = reg.RCX
	list = reg.RDX
	dst  = reg.RSI
)

// function is an assembly function: its name and what it is, for its comment.
type function struct{ name, is string }

// begin opens an assembly function and loads the argument pointer.
func begin(f function) {
	TEXT(f.name, NOSPLIT, "func(args *uintptr)")
	Pragma("noescape")
	Doc(f.name + " is " + f.is + ".")
	Load(Param("args"), args)
}

// end closes it; no legacy SSE may run on dirty upper halves.
func end() {
	VZEROUPPER()
	RET()
}

// at addresses disp bytes past base.
func at(base reg.Register, disp int) operand.Mem { return operand.Mem{Base: base, Disp: disp} }

// word addresses the i-th word of the argument struct.
func word(i int) operand.Mem { return at(args, 8*i) }

// A width is a vector register file.
type width struct {
	name  string
	bytes int
	regs  []reg.VecPhysical
}

var (
	zmm = width{"AVX512", 64, []reg.VecPhysical{
		reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
		reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
		reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
		reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31}}
	ymm = width{"AVX2", 32, []reg.VecPhysical{
		reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
		reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15}}
)

// xmm serves transpositions of few rows.
var xmm = width{"AVX", 16, []reg.VecPhysical{reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7}}

// zero clears a register without a legacy SSE instruction.
func (w width) zero(r reg.VecPhysical) {
	if w.bytes == 64 {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// A tile is rows x vecs accumulators, vecs loaded registers and two registers for
// broadcasts.
type tile struct {
	width
	rows, vecs int
	double     bool // float64 elements
}

// elem returns the size of an element.
func (t tile) elem() int {
	if t.double {
		return 8
	}
	return 4
}

func (t tile) acc(r, v int) reg.VecPhysical { return t.regs[r*t.vecs+v] }
func (t tile) load(v int) reg.VecPhysical   { return t.regs[t.rows*t.vecs+v] }
func (t tile) bcast(r int) reg.VecPhysical {
	first := t.rows*t.vecs + t.vecs
	return t.regs[first+r%min(4, len(t.regs)-first)]
}

// each calls f for every accumulator.
func (t tile) each(f func(r, v int)) {
	for r := range t.rows {
		for v := range t.vecs {
			f(r, v)
		}
	}
}

// step emits one step of the summed index: acc(r, v) += a[r] * b[v].
func (t tile) step(a func(r int) operand.Mem, b func(v int) operand.Mem) {
	for v := range t.vecs {
		VMOVUPS(b(v), t.load(v))
	}
	for r := range t.rows {
		if t.double {
			VBROADCASTSD(a(r), t.bcast(r))
		} else {
			VBROADCASTSS(a(r), t.bcast(r))
		}
		for v := range t.vecs {
			if t.double {
				VFMADD231PD(t.load(v), t.bcast(r), t.acc(r, v))
			} else {
				VFMADD231PS(t.load(v), t.bcast(r), t.acc(r, v))
			}
		}
	}
}
