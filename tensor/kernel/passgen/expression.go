package main

// An expression is a value of one lane. A function over rows is described once,
// by the expression of its result; golang.go prints the Go loop and assembly.go
// emits the vector bodies from it, so all do the same operations in the same order.
type expression struct {
	kind  kind
	args  []*expression
	input int     // index of an input
	value float32 // value of a constant
}

type kind int

const (
	inputKind    kind = iota
	constantKind      // the same in every lane
	addKind           // a + b
	subKind           // a - b
	mulKind           // a b, rounded
	divKind           // a / b
	absKind           // |a|
	signedKind        // |a| with the sign of b; a is not below 0
	aboveKind         // b where b > a, else a: NaN in a stays
	chooseKind        // c where a > b, else d; NaN is not above anything
	powerKind         // 2^n of an integer n that was added to magic
	sqrtKind          // the square root of a, rounded
)

func input(i int) *expression          { return &expression{kind: inputKind, input: i} }
func constant(v float32) *expression   { return &expression{kind: constantKind, value: v} }
func add(a, b *expression) *expression { return &expression{kind: addKind, args: []*expression{a, b}} }
func sub(a, b *expression) *expression { return &expression{kind: subKind, args: []*expression{a, b}} }
func mul(a, b *expression) *expression { return &expression{kind: mulKind, args: []*expression{a, b}} }
func div(a, b *expression) *expression { return &expression{kind: divKind, args: []*expression{a, b}} }
func abs(a *expression) *expression    { return &expression{kind: absKind, args: []*expression{a}} }
func root(a *expression) *expression   { return &expression{kind: sqrtKind, args: []*expression{a}} }
func power(n *expression) *expression  { return &expression{kind: powerKind, args: []*expression{n}} }

// signed returns a, which is not below 0, with the sign of b.
func signed(a, b *expression) *expression {
	return &expression{kind: signedKind, args: []*expression{a, b}}
}

// atLeast returns a where it is not below low, else low.
func atLeast(a, low *expression) *expression {
	return &expression{kind: aboveKind, args: []*expression{a, low}}
}

// where returns yes where a > b, else no.
func where(a, b, yes, no *expression) *expression {
	return &expression{kind: chooseKind, args: []*expression{a, b, yes, no}}
}

// A function is applied to each element of rows.
type function struct {
	name   string   // name of the exported Go function
	doc    string   // what follows the name in its comment
	inputs []string // names of its parameters
	result *expression
}

// functions holds all functions by name.
var functions = map[string]function{}

// register adds a function. Files that describe functions call it for a
// variable, so that a new function is a new file.
func register(f function) struct{} {
	functions[f.name] = f
	return struct{}{}
}

// order returns the expressions that the results are made of, each after its arguments.
func order(results ...*expression) []*expression {
	var all []*expression
	seen := map[*expression]bool{}
	var visit func(e *expression)
	visit = func(e *expression) {
		if seen[e] {
			return
		}
		seen[e] = true
		for _, a := range e.args {
			visit(a)
		}
		all = append(all, e)
	}
	for _, e := range results {
		visit(e)
	}
	return all
}

// constantsOf returns the constants of all functions and sweeps, each once, in the order of names.
func constantsOf(fs []function, sweeps []sweep) []float32 {
	var results []*expression
	for _, f := range fs {
		results = append(results, f.result)
	}
	for _, s := range sweeps {
		results = append(results, s.expressions()...)
	}
	var all []float32
	seen := map[float32]bool{}
	for _, e := range order(results...) {
		if e.kind == constantKind && !seen[e.value] {
			seen[e.value] = true
			all = append(all, e.value)
		}
	}
	return all
}
