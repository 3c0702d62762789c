package main

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A sweep goes over rows of 32 lanes in order. Like a function it is described once; beside
// rows it reads rows that stay the same and values, and it may fold rows into one.
type sweep struct {
	name   string
	doc    string // what follows the name in its comment
	outs   []result
	folds  []result // their expressions read what was folded so far as input(folded + i)
	params []parameter
}

// A result is a named expression of a sweep.
type result struct {
	name  string
	value *expression
}

// A parameter of a sweep is read as input(i).
type parameter struct {
	name string
	extent
}

// extent says what a parameter holds.
type extent string

const (
	ofRows   extent = "ofRows"   // a row for each row
	ofLanes  extent = "ofLanes"  // one row
	ofValues extent = "ofValues" // a value for each row
	ofOne    extent = "ofOne"    // one value
)

// folded is the index of the input that stands for the first fold so far.
const folded = 100

// sweeps holds all sweeps by name.
var sweeps = map[string]sweep{}

// registerSweep adds a sweep.
func registerSweep(s sweep) struct{} {
	sweeps[s.name] = s
	return struct{}{}
}

// plus returns the fold that adds e to fold i.
func plus(i int, e *expression) *expression { return add(input(folded+i), e) }

func (s sweep) expressions() (all []*expression) {
	for _, r := range append(append([]result{}, s.outs...), s.folds...) {
		all = append(all, r.value)
	}
	return all
}

// names returns the names of all parameters, results first.
func (s sweep) names() (all []string) {
	for _, r := range append(append([]result{}, s.outs...), s.folds...) {
		all = append(all, r.name)
	}
	for _, p := range s.params {
		all = append(all, p.name)
	}
	return all
}

// extents returns what the parameters hold, in the order of names.
func (s sweep) extents() (all []extent) {
	for range s.outs {
		all = append(all, ofRows)
	}
	for range s.folds {
		all = append(all, ofLanes)
	}
	for _, p := range s.params {
		all = append(all, p.extent)
	}
	return all
}

func (s sweep) usesConstants() bool {
	for _, e := range order(s.expressions()...) {
		if e.kind == constantKind && e.value != 0 {
			return true
		}
	}
	return false
}

// sweep emits the body of s.
func (t target) sweep(s sweep, place map[float32]int) {
	signature := strings.Join(s.names(), ", ")
	if s.usesConstants() {
		signature += ", constants"
	}
	t.function(s.name + "(" + signature + " *float32, rows int)")
	at := map[string]Register{}
	for _, name := range s.names() {
		at[name] = pointer(name)
	}
	body := rowBody{target: t, place: place}
	if s.usesConstants() {
		body.constants = pointer("constants")
	}
	var sums [][]VecVirtual
	for _, f := range s.folds {
		var row []VecVirtual
		for i := range t.vecs() {
			row = append(row, t.load(Mem{Base: at[f.name], Disp: i * t.size}))
		}
		sums = append(sums, row)
	}
	n := pointer("rows")
	loop("row", n, func() {
		for i := range t.vecs() {
			values := body.emitAll(s.expressions(), func(x *expression) VecVirtual {
				if x.input >= folded {
					return sums[x.input-folded][i]
				}
				switch p := s.params[x.input]; p.extent {
				case ofRows, ofLanes:
					return t.load(Mem{Base: at[p.name], Disp: i * t.size})
				default:
					return t.broadcast(Mem{Base: at[p.name]})
				}
			})
			for j, r := range s.outs {
				VMOVUPS(values[j], Mem{Base: at[r.name], Disp: i * t.size})
			}
			for j := range s.folds {
				VMOVAPS(values[len(s.outs)+j], sums[j][i])
			}
		}
		for i, name := range s.names() {
			switch s.extents()[i] {
			case ofRows:
				ADDQ(Imm(rowBytes), at[name])
			case ofValues:
				ADDQ(Imm(4), at[name])
			}
		}
	})
	for j, f := range s.folds {
		for i := range t.vecs() {
			VMOVUPS(sums[j][i], Mem{Base: at[f.name], Disp: i * t.size})
		}
	}
	leave()
}

// writeLoop writes the function with its checks and its loop in Go.
func (s sweep) writeLoop(b *strings.Builder) {
	names := strings.Join(s.names(), ", ")
	fmt.Fprintf(b, "// %s %s\nfunc %s(%s []float32) {\n", s.name, s.doc, s.name, names)
	var rows string
	var checks []string
	for i, name := range s.names() {
		switch e := s.extents()[i]; {
		case e == ofRows && rows == "":
			rows = name
			checks = append(checks, fmt.Sprintf("len(%s) == rows*lanes", name))
		case e == ofRows:
			checks = append(checks, fmt.Sprintf("len(%s) == rows*lanes", name))
		case e == ofLanes:
			checks = append(checks, fmt.Sprintf("len(%s) == lanes", name))
		case e == ofValues:
			checks = append(checks, fmt.Sprintf("len(%s) == rows", name))
		default:
			checks = append(checks, fmt.Sprintf("len(%s) == 1", name))
		}
	}
	fmt.Fprintf(b, "rows := len(%s) / lanes\n", rows)
	for some := range slices.Chunk(checks, 4) {
		fmt.Fprintf(b, "need(%s)\n", strings.Join(some, " && "))
	}
	fmt.Fprintf(b, "if rows == 0 || %sSIMD(%s, rows) {\nreturn\n}\n", s.name, names)
	b.WriteString("for r := range rows {\nfor l := range lanes {\n")
	reads := make([]string, folded+len(s.folds))
	for i, p := range s.params {
		reads[i] = p.name + map[extent]string{ofRows: "[r*lanes+l]", ofLanes: "[l]", ofValues: "[r]", ofOne: "[0]"}[p.extent]
	}
	for i, f := range s.folds {
		reads[folded+i] = f.name + "[l]"
	}
	variables := map[*expression]string{}
	for i, e := range order(s.expressions()...) {
		if e.kind == constantKind {
			variables[e] = literal(e.value)
			continue
		}
		var args []string
		for _, a := range e.args {
			args = append(args, variables[a])
		}
		variables[e] = fmt.Sprintf("v%d", i)
		b.WriteString(e.statement(variables[e], args, reads))
	}
	for _, o := range s.outs {
		fmt.Fprintf(b, "%s[r*lanes+l] = %s\n", o.name, variables[o.value])
	}
	for _, f := range s.folds {
		fmt.Fprintf(b, "%s[l] = %s\n", f.name, variables[f.value])
	}
	b.WriteString("}\n}\n}\n\n")
}

// writeCall writes the function that runs the body of the active instruction set and
// returns whether there is one.
func (s sweep) writeCall(b *strings.Builder) {
	var pointers []string
	for _, name := range s.names() {
		pointers = append(pointers, "&"+name+"[0]")
	}
	if s.usesConstants() {
		pointers = append(pointers, "&elementConstants[0]")
	}
	fmt.Fprintf(b, `func %[1]sSIMD(%[2]s []float32, rows int) bool {
	switch Active() {
	case AVX512:
		%[1]sAVX512(%[3]s, rows)
	case AVX2:
		%[1]sAVX2(%[3]s, rows)
	default:
		return false
	}
	return true
}

`, s.name, strings.Join(s.names(), ", "), strings.Join(pointers, ", "))
}

// writeCase writes the sweep's line in the list that tests go through.
func (s sweep) writeCase(b *strings.Builder) {
	var extents, args []string
	for i, e := range s.extents() {
		extents = append(extents, string(e))
		args = append(args, fmt.Sprintf("b[%d]", i))
	}
	fmt.Fprintf(b, "{%q, %d, []sweepExtent{%s}, func(b [][]float32) { %s(%s) }},\n",
		s.name, len(s.outs)+len(s.folds), strings.Join(extents, ", "), s.name, strings.Join(args, ", "))
}
