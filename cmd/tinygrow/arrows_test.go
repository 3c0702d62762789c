package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/tinygrow/tinygrow"

// arrows says which top-level packages a top-level package may import,
// besides those of its own tree.
var arrows = map[string][]string{
	"proto":       nil,
	"tensor":      nil,
	"growth":      {"tensor"},
	"worker":      {"proto", "tensor", "growth"},
	"coordinator": {"proto", "tensor", "growth"},
	"deploy":      {"proto", "tensor", "growth"},
	"cmd":         {"proto", "tensor", "growth", "worker", "coordinator", "deploy"},
}

// rooms are directories of deploy that put workers and coordinators together.
// They, and what lies below them, may import both.
var rooms = []string{"deploy/run", "deploy/test", "deploy/bench", "deploy/examples"}

// guarded says which directories alone may import a library (and those below it).
// Tests may start an embedded server and connect to it anywhere.
var guarded = []struct {
	library string
	dirs    []string
	tests   bool // whether test files are bound by the rule too
}{
	{"github.com/nats-io/nats.go", []string{"proto/bus/natsbus"}, true},
	{"github.com/nats-io/nats-server", []string{"proto/bus/natsserver", "cmd"}, false},
	{module + "/proto/bus/natsbus", []string{"deploy/run", "deploy/test"}, false},
}

// topLevel is all that may stand at the root of the repository, beside dot files.
var topLevel = []string{
	"coordinator", "worker", "growth", "tensor", "proto", "deploy", "cmd",
	"go.mod", "go.sum", "docker-compose.yml", "README.md", "LICENSE", "CHANGELOG.md",
}

// violations returns one sentence for each import of file that the arrows forbid.
// file is slash-separated and relative to the root of the module.
func violations(file string, imports []string) []string {
	var bad []string
	dir := filepath.ToSlash(filepath.Dir(file))
	top, _, _ := strings.Cut(dir, "/")
	allowed := arrows[top]
	if slices.ContainsFunc(rooms, func(room string) bool { return within(dir, room) }) {
		allowed = append([]string{"worker", "coordinator"}, allowed...)
	}
	for _, path := range imports {
		if rest, ours := strings.CutPrefix(path, module+"/"); ours {
			target, _, _ := strings.Cut(rest, "/")
			if target != top && !slices.Contains(allowed, target) {
				bad = append(bad, fmt.Sprintf("%s: %s must not import %s", file, top, path))
			}
		}
		for _, g := range guarded {
			if !within(path, g.library) || (!g.tests && strings.HasSuffix(file, "_test.go")) {
				continue
			}
			if !slices.ContainsFunc(g.dirs, func(d string) bool { return within(dir, d) }) {
				bad = append(bad, fmt.Sprintf("%s: only %s may import %s", file, strings.Join(g.dirs, " and "), g.library))
			}
		}
	}
	return bad
}

// within reports whether the slash-separated path is root or lies below it.
func within(path, root string) bool {
	return path == root || strings.HasPrefix(path, root+"/")
}

func TestImportArrows(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			name := entry.Name()
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "runs") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imported)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files++
		for _, v := range violations(filepath.ToSlash(name), imports) {
			t.Error(v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Fatalf("looked at %d files only: is this the root of the module?", files)
	}
}

func TestArrowsCatchForbiddenImports(t *testing.T) {
	for _, c := range []struct {
		file, path string
		allowed    bool
	}{
		{"growth/solve.go", module + "/tensor/linalg", true},
		{"growth/solve.go", module + "/proto", false},
		{"worker/run.go", module + "/worker/dataset", true},
		{"worker/run.go", module + "/coordinator", false},
		{"coordinator/run_test.go", module + "/worker", false},
		{"tensor/nn/graph.go", module + "/growth", false},
		{"worker/run.go", "github.com/nats-io/nats.go", false},
		{"proto/bus/natsbus/log.go", "github.com/nats-io/nats.go/jetstream", true},
		{"proto/bus/hub.go", "github.com/nats-io/nats.go", false},
		{"worker/run.go", module + "/proto/bus/natsbus", false},
		{"worker/run_test.go", module + "/proto/bus/natsbus", true},
		{"deploy/run/server.go", module + "/proto/bus/natsbus", true},
		{"coordinator/run.go", "github.com/nats-io/nats-server/v2/server", false},
		{"coordinator/run_test.go", "github.com/nats-io/nats-server/v2/server", true},
		{"growth/solve.go", module + "/cmd/tinygrow", false},
		{"deploy/run/settings.go", module + "/coordinator", true},
		{"deploy/run/settings.go", module + "/cmd/tinygrow", false},
		{"deploy/health/health.go", module + "/coordinator", false},
	} {
		if got := len(violations(c.file, []string{c.path})) == 0; got != c.allowed {
			t.Errorf("%s importing %s: allowed = %v, want %v", c.file, c.path, got, c.allowed)
		}
	}
}

// The roles know the port alone: what they are built of links no NATS code.
func TestImportsOfTheRolesLinkNoNATS(t *testing.T) {
	list := exec.Command("go", "list", "-deps", "./worker/...", "./coordinator/...", "./growth/...", "./proto/bus", "./proto/bus/bustest")
	list.Dir, list.Stderr = filepath.Join("..", ".."), os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, pkg := range strings.Fields(string(out)) {
		if strings.HasPrefix(pkg, "github.com/nats-io/") {
			t.Errorf("the roles link %s", pkg)
		}
	}
}

func TestTopLevelHoldsOnlyTheAgreedNames(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "runs" || name == "bin" || name == "tinygrow" {
			continue // dot files, and what .gitignore leaves out
		}
		if !slices.Contains(topLevel, name) {
			t.Errorf("%s stands at the top level; the layout allows %s", name, strings.Join(topLevel, ", "))
		}
	}
}
