// Command house counts what makes the source hard to change: declarations
// without a comment, neighbouring parameters that can be mistaken for each
// other, comments that do not say of what they speak, long lines, switches over
// names of operations, settings, and packages that link what they should not.
//
//	go run ./deploy/check/house [-list] [DIR]
//	go run ./deploy/check/house -touched COMMIT...
//
// The second form says which source files commits touch beside tests, generated files
// and kernels: what it takes to add an operation, a policy or a reader.
package main

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	log.SetFlags(0)
	list := flag.Bool("list", false, "say where, one place a line")
	commits := flag.Bool("touched", false, "say which source files the commits given touch")
	flag.Parse()
	if *commits {
		if err := printTouched(".", flag.Args()); err != nil {
			log.Fatal(err)
		}
		return
	}
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	h := house{list: *list}
	if err := filepath.WalkDir(root, h.visit); err != nil {
		log.Fatal(err)
	}
	h.links(root)
	h.print()
}

// house is what was counted.
type house struct {
	list                 bool
	files, lines         int // Go that is neither generated nor a test
	exported, documented int
	neighbours           int // functions with two parameters of one basic type side by side
	headless             int // comments behind code that begin in the middle of a sentence
	long                 int // lines of more than 140 characters
	opSwitches           int // comparisons with names of operations outside their own files
	eventMethods         int // methods of growth's Event
	settings             int // fields of growth's configuration
	linked               []string
}

var (
	generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	headlessStart = regexp.MustCompile(`^// (of|those|that|which|whose|as|in|for|with|by|from|to|` +
		`behind|where|when|until|beside|among|and|or|if|unless) `)
)

func (h *house) visit(path string, d fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	if d.IsDir() {
		if name := d.Name(); name == "testdata" || len(name) > 1 && strings.HasPrefix(name, ".") {
			return fs.SkipDir
		}
		return nil
	}
	if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
		return nil
	}
	source, err := os.ReadFile(path)
	if err != nil || generatedMark.Match(source) {
		return err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, source, parser.ParseComments)
	if err != nil {
		return err
	}
	h.files++
	text := strings.Split(string(source), "\n")
	h.lines += len(text)
	for i, line := range text {
		if len([]rune(strings.ReplaceAll(line, "\t", "    "))) > 140 {
			h.long++
			h.say("%s:%d: long line", path, i+1)
		}
	}
	for _, group := range file.Comments {
		c := group.List[0]
		at := fset.Position(c.Pos())
		if code := strings.TrimSpace(text[at.Line-1][:at.Column-1]); code != "" && headlessStart.MatchString(c.Text) {
			h.headless++
			h.say("%s:%d: headless comment: %s", path, at.Line, c.Text)
		}
	}
	h.declarations(path, file, fset)
	return nil
}

func (h *house) declarations(path string, file *ast.File, fset *token.FileSet) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			receiver := receiverName(d)
			if d.Name.IsExported() && (receiver == "" || ast.IsExported(receiver)) && file.Name.Name != "main" {
				h.document(fset.Position(d.Pos()), d.Name, d.Doc)
			}
			if receiver == "Event" && file.Name.Name == "growth" {
				h.eventMethods++
			}
			if sameNeighbours(d.Type.Params) {
				h.neighbours++
				h.say("%s:%d: neighbouring parameters of %s", path, fset.Position(d.Pos()).Line, d.Name.Name)
			}
		case *ast.GenDecl:
			h.values(d, file, fset)
		}
	}
	inside := strings.Contains(path, "tensor/nn/op_") || strings.HasSuffix(path, "_test.go")
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if !inside && (n.Op == token.EQL || n.Op == token.NEQ) && (isOperation(n.X) || isOperation(n.Y)) {
				h.opSwitches++
			}
		case *ast.CaseClause:
			for _, e := range n.List {
				if !inside && isOperation(e) {
					h.opSwitches++
				}
			}
		}
		return true
	})
}

// say tells where something was counted.
func (h *house) say(format string, args ...any) {
	if h.list {
		fmt.Printf(format+"\n", args...)
	}
}

func (h *house) values(d *ast.GenDecl, file *ast.File, fset *token.FileSet) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && file.Name.Name != "main" {
				h.document(fset.Position(s.Pos()), s.Name, d.Doc, s.Doc, s.Comment)
			}
			if fields, ok := s.Type.(*ast.StructType); ok && file.Name.Name == "growth" && s.Name.Name == "Config" {
				for _, f := range fields.Fields.List {
					h.settings += len(f.Names)
				}
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && file.Name.Name != "main" {
				h.document(fset.Position(s.Pos()), s.Names[0], d.Doc, s.Doc, s.Comment)
			}
		}
	}
}

func (h *house) document(place token.Position, name *ast.Ident, comments ...*ast.CommentGroup) {
	h.exported++
	for _, c := range comments {
		if c != nil {
			h.documented++
			return
		}
	}
	h.say("%s:%d: no comment: %s", place.Filename, place.Line, name.Name)
}

func receiverName(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

var basic = map[string]bool{
	"string": true, "bool": true, "int": true, "int64": true, "int32": true, "uint64": true, "uint32": true,
	"float64": true, "float32": true,
}

// sameNeighbours reports whether two neighbouring parameters have one basic type.
func sameNeighbours(params *ast.FieldList) bool {
	last := ""
	for _, p := range params.List {
		id, ok := p.Type.(*ast.Ident)
		if !ok || !basic[id.Name] {
			last = ""
			continue
		}
		if len(p.Names) > 1 || id.Name == last {
			return true
		}
		last = id.Name
	}
	return false
}

// isOperation reports whether e names an operation of package nn.
func isOperation(e ast.Expr) bool {
	name := ""
	switch x := e.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		if p, ok := x.X.(*ast.Ident); !ok || p.Name != "nn" {
			return false
		}
		name = x.Sel.Name
	}
	return len(name) > 2 && strings.HasPrefix(name, "Op") && name[2] >= 'A' && name[2] <= 'Z'
}

// links asks which of the roles' packages need the NATS client.
func (h *house) links(root string) {
	for _, pkg := range []string{"./worker", "./coordinator"} {
		list := exec.Command("go", "list", "-deps", pkg)
		list.Dir, list.Stderr = root, os.Stderr
		out, err := list.Output()
		if err != nil {
			log.Fatal(err)
		}
		if strings.Contains(string(out), "github.com/nats-io/") {
			h.linked = append(h.linked, pkg)
		}
	}
}

func (h *house) print() {
	row := func(what string, n any) { fmt.Printf("| %s | %v |\n", what, n) }
	fmt.Println("| count | |\n|---|---:|")
	row("Go files, without tests and generated ones", h.files)
	row("their lines", h.lines)
	row("exported declarations with a comment, of all", fmt.Sprintf("%d of %d", h.documented, h.exported))
	row("functions with neighbouring parameters of one basic type", h.neighbours)
	row("comments behind code that begin headless", h.headless)
	row("lines over 140 characters", h.long)
	row("comparisons with names of operations outside their files", h.opSwitches)
	row("methods of growth's Event", h.eventMethods)
	row("settings of growth", h.settings)
	row("roles that link the NATS client", len(h.linked))
}
