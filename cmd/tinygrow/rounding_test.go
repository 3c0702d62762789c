package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imprecise lists the packages of which no value decides or is recorded, and
// which may therefore round as the compiler likes.
var imprecise = map[string]string{
	"cmd/tinygrow":          "prints",
	"deploy/test/chaos":     "draws faults and measures time",
	"cmd/tinygrow/e2e":      "tests",
	"growth/growthtest":     "helps tests",
	"coordinator/picture":   "draws",
	"deploy/bench/scale":    "measures time and prints",
	"deploy/bench/speed":    "measures time",
	"deploy/doctor":         "measures a connection",
	"deploy/test/builds":    "runs processes",
	"deploy/test/hostile":   "measures rates under attack",
	"deploy/bench/render":   "prints tables of measured times",
	"deploy/bench/box":      "measures time over limited links",
	"deploy/bench/forecast": "tells the time that a run would take",
	"deploy/bench/arch":     "compares measured rates",
}

// exact lists what of package math has the same bits everywhere, because IEEE
// 754 or integer arithmetic defines them. What tensor/portable replaces is absent.
var exact = []string{"Abs", "Ceil", "Copysign", "FMA", "Float32bits", "Float32frombits", "Float64bits", "Float64frombits", "Floor",
	"Frexp", "Inf",
	"IsInf", "IsNaN", "Ldexp", "Max", "Min", "Mod", "Modf", "NaN", "Nextafter", "Pow10", "Round", "RoundToEven", "Signbit", "Sqrt", "Trunc"}

// containers lists what of gonum may be used: it holds and moves numbers. All
// else computes, in an order that depends on the processor.
var containers = []string{"At", "Caps", "Copy", "DenseCopyOf", "Dims", "IsEmpty", "NewDense", "NewSymDense", "RawMatrix", "RawRowView",
	"RawSymmetric",
	"Set", "SetCol", "SetRow", "SetSym", "Slice", "SymmetricDim", "T", "Zero"}

// A rounding finds arithmetic whose bits may depend on the compiler or the processor.
type rounding struct {
	fset  *token.FileSet
	info  *types.Info
	found []string
}

func (r *rounding) say(at ast.Node, format string, args ...any) {
	p := r.fset.Position(at.Pos())
	r.found = append(r.found, fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...)))
}

func (r *rounding) file(f *ast.File) {
	var path []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			path = path[:len(path)-1]
			return true
		}
		switch n := n.(type) {
		case *ast.BinaryExpr:
			r.product(n, path)
		case *ast.AssignStmt:
			r.assignment(n)
		case *ast.Ident:
			r.use(n)
		}
		path = append(path, n)
		return true
	})
}

// product finds a product that is neither converted, nor compared, nor a factor
// or a dividend, nor handed to another module: wherever else it goes, the
// compiler may fuse it with a sum, across statements and inlined calls too.
func (r *rounding) product(n *ast.BinaryExpr, path []ast.Node) {
	if !r.floating(n) || !r.multiplies(n) {
		return
	}
	for _, parent := range slices.Backward(path) {
		switch parent := parent.(type) {
		case *ast.ParenExpr, *ast.UnaryExpr:
			continue
		case *ast.BinaryExpr:
			if parent.Op != token.ADD && parent.Op != token.SUB {
				return
			}
		case *ast.CallExpr:
			if r.info.Types[parent.Fun].IsType() || r.foreign(parent.Fun) {
				return
			}
		}
		r.say(n, "a product that the compiler may fuse with a sum: convert it, float64(x*y)")
		return
	}
}

// multiplies reports whether n is a product, or a quotient that the compiler
// computes as one because the divisor is a constant.
func (r *rounding) multiplies(n *ast.BinaryExpr) bool {
	return n.Op == token.MUL || n.Op == token.QUO && r.info.Types[n.Y].Value != nil
}

func (r *rounding) assignment(n *ast.AssignStmt) {
	constant := n.Tok == token.QUO_ASSIGN && r.info.Types[n.Rhs[0]].Value != nil
	if (n.Tok == token.MUL_ASSIGN || constant) && r.floating(n.Lhs[0]) {
		r.say(n, "a product that the compiler may fuse with a sum: write x = float64(x*y)")
	}
}

// use finds functions of math and of gonum whose bits depend on the processor.
func (r *rounding) use(n *ast.Ident) {
	f, ok := r.info.Uses[n].(*types.Func)
	if !ok || f.Pkg() == nil {
		return
	}
	switch p := f.Pkg().Path(); {
	case p == "math" && !slices.Contains(exact, f.Name()):
		r.say(n, "math.%s has other bits on other processors: use tensor/portable", f.Name())
	case within(p, "math/rand") && (f.Name() == "NormFloat64" || f.Name() == "ExpFloat64") || p == "math/cmplx":
		r.say(n, "%s.%s has other bits on other processors: use tensor/rng", p, f.Name())
	case within(p, "gonum.org/v1") && !slices.Contains(containers, f.Name()):
		r.say(n, "gonum's %s has other bits on other processors: use tensor/linalg", f.Name())
	}
}

// floating reports whether e is computed in floating point when the program runs.
func (r *rounding) floating(e ast.Expr) bool {
	t := r.info.Types[e]
	if t.Type == nil || t.Value != nil {
		return false
	}
	if p, ok := t.Type.(*types.TypeParam); ok {
		return mayFloat(p)
	}
	b, ok := t.Type.Underlying().(*types.Basic)
	return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
}

// mayFloat reports whether one of a type parameter's types is of floating point.
func mayFloat(p *types.TypeParam) bool {
	c := p.Constraint().Underlying().(*types.Interface)
	for i := range c.NumEmbeddeds() {
		u, ok := c.EmbeddedType(i).Underlying().(*types.Union)
		for j := 0; ok && j < u.Len(); j++ {
			if b, ok := u.Term(j).Type().Underlying().(*types.Basic); ok && b.Info()&types.IsFloat != 0 {
				return true
			}
		}
	}
	return false
}

// foreign reports whether a call goes to another module, whose arguments are
// not summed (printing, math), or to a method that is called by interface.
func (r *rounding) foreign(fun ast.Expr) bool {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f := r.info.Uses[s.Sel]
	return f != nil && f.Pkg() != nil && !within(f.Pkg().Path(), module)
}

type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
}

// listPackages lists this module's packages and exports what they import.
func listPackages(t *testing.T) (ours []listed, imports types.Importer, fset *token.FileSet) {
	t.Helper()
	command := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles", "./...")
	command.Dir, command.Stderr = filepath.Join("..", ".."), os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if within(p.ImportPath, module) {
			ours = append(ours, p)
		}
	}
	fset = token.NewFileSet()
	return ours, importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }), fset
}

// roundings type-checks files and returns what it finds in them.
func roundings(t *testing.T, path string, fset *token.FileSet, files []*ast.File, imports types.Importer) []string {
	t.Helper()
	r := &rounding{fset: fset, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}}
	if _, err := (&types.Config{Importer: imports}).Check(path, fset, files, r.info); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		r.file(f)
	}
	return r.found
}

// Whatever decides or is recorded has the same bits in every build: no product
// can be fused with a sum, and nothing comes from gonum or math that depends on
// the processor. deploy/test/fused looks at what the compiler made of it.
func TestArithmeticIsPortable(t *testing.T) {
	ours, imports, fset := listPackages(t)
	checked := 0
	for _, p := range ours {
		dir := strings.TrimPrefix(p.ImportPath, module+"/")
		if _, ok := imprecise[dir]; ok {
			continue
		}
		var files []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
		checked += len(files)
		for _, what := range roundings(t, p.ImportPath, fset, files, imports) {
			t.Error(what)
		}
	}
	if checked < 200 {
		t.Errorf("only %d files were checked", checked)
	}
}

func TestPortabilityCatches(t *testing.T) {
	_, imports, fset := listPackages(t)
	for name, c := range map[string]struct {
		body string
		bad  int
	}{
		"sum of a product":        {"return x*y + z", 1},
		"in parentheses":          {"return z - -((x * y))", 1},
		"added to a sum":          {"z += x * y; return z", 1},
		"over two statements":     {"p := x * y; return p + z", 1},
		"multiplied in place":     {"x *= y; return x + z", 1},
		"of an inlined call":      {"f := func() float64 { return x * y }; return f() + z", 1},
		"argument of a call":      {"f := func(p float64) float64 { return p + z }; return f(x * y)", 1},
		"in a structure":          {"p := struct{ x float64 }{x * y}; return p.x + z", 1},
		"divided by a constant":   {"return (x-y)/2 + z", 1},
		"halved in place":         {"x /= 2; return x + z", 1},
		"the larger of two":       {"return max(x*y, x) + z", 1},
		"within another":          {"return float64(z * (x*y + z))", 1},
		"a function of math":      {"return math.Log(x)", 1},
		"a function value":        {"f := math.Exp; return f(x)", 1},
		"a product of gonum":      {"var m mat.Dense; m.Mul(a, a); return m.At(0, 0)", 1},
		"gonum's sum":             {"return mat.Sum(a)", 1},
		"converted":               {"return float64(x*y) + z", 0},
		"constants":               {"const k = 3.0*2 + 1; return x + k*2", 0},
		"compared":                {"if x*y > z { return x }; return z", 0},
		"factor of a quotient":    {"return float64(x * y / z)", 0},
		"quotient of a product":   {"return x*y/z + x", 0},
		"integers":                {"i, j := int(x), int(y); return float64(i*j + i)", 0},
		"root":                    {"return math.Sqrt(x*y) + z", 0},
		"elements of gonum":       {"a.Set(0, 0, a.At(0, 0)); return z", 0},
		"fused on purpose":        {"return math.FMA(x, y, z)", 0},
		"another float type":      {"type number float32; return float64(number(x*y)) + z", 0},
		"a product of a sum":      {"return float64((x + y) * z)", 0},
		"divided by a variable":   {"return x/y + z", 0},
		"a sum of a sum of terms": {"return x + float64(y*y) + float64(z*z)", 0},
	} {
		source := `package p
			import ("math"; "gonum.org/v1/gonum/mat")
			const _ = math.Pi; type _ = mat.Dense
			func f(x, y, z float64, a *mat.Dense) float64 { ` + c.body + ` }`
		f, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if found := roundings(t, "p", fset, []*ast.File{f}, imports); len(found) != c.bad {
			t.Errorf("%s: %d findings, want %d: %q", name, len(found), c.bad, found)
		}
	}
}
