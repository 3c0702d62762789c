package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/deploy/run/record"
	"github.com/tinygrow/tinygrow/growth"
)

// repository is the root of the source tree.
var repository = filepath.Join("..", "..")

// pages is where the documentation for users lies.
const pages = "deploy/docs/"

// documents returns README.md, every DESIGN.md, MATH.md and WALK.md and the pages for
// users, by their paths below the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	walk(t, func(path string) {
		if slices.Contains([]string{"README.md", "DESIGN.md", "MATH.md", "WALK.md"}, filepath.Base(path)) || isPage(path) {
			raw, err := os.ReadFile(filepath.Join(repository, path))
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.ToSlash(path)] = string(raw)
		}
	})
	return texts
}

// isPage reports whether a file is a page for users.
func isPage(path string) bool {
	return strings.HasPrefix(filepath.ToSlash(path), pages) && filepath.Ext(path) == ".md"
}

// walk goes through the files of the source tree.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(repository, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, err = filepath.Rel(repository, path)
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			visit(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var span = regexp.MustCompile("`([^`\n]+)`")

// spans returns what a text has between backquotes.
func spans(text string) (list []string) {
	for _, m := range span.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// Files that documents name are there: in the tree, beside the document, or
// among the results.
func TestDocumentsCiteFilesThatExist(t *testing.T) {
	file := regexp.MustCompile(`^[\w./-]+\.(json|jsonl|svg|txt|py|sh|go|conf|yaml|service|sbatch)$|` +
		`^(deploy|cmd|coordinator|worker|growth|tensor|proto)/[\w./-]+$`)
	made := []string{checkpoint.ConfigFile, checkpoint.MetricsFile, checkpoint.JournalFile, "state.json", "assessment.json", "nats.conf",
		"server.conf", "sweep.yaml", "base.yaml", "trials.jsonl"} // by runs, auth init and sweeps
	for name, text := range documents(t) {
		for _, cited := range spans(text) {
			cited, _, _ = strings.Cut(cited, " ")
			if !file.MatchString(cited) || slices.Contains(made, filepath.Base(cited)) {
				continue
			}
			places := []string{cited, filepath.Join(filepath.Dir(name), cited), filepath.Join("deploy", "bench", "results", cited),
				filepath.Join("deploy", "bench", cited)}
			if !slices.ContainsFunc(places, func(p string) bool { _, err := os.Stat(filepath.Join(repository, p)); return err == nil }) {
				t.Errorf("%s cites %s, which does not exist", name, cited)
			}
		}
	}
}

// What a document names behind a Go file, as `file.go`, `Type.Method`, `Function`,
// is declared in that file.
func TestDocumentsCiteDeclarationsThatExist(t *testing.T) {
	cited := regexp.MustCompile("`([\\w./-]+\\.go)`((?:, `[\\w.]+`)+)")
	seen := 0
	for name, text := range documents(t) {
		for _, m := range cited.FindAllStringSubmatch(text, -1) {
			path := m[1]
			if _, err := os.Stat(filepath.Join(repository, path)); err != nil {
				path = filepath.Join(filepath.Dir(name), path)
			}
			source, err := os.ReadFile(filepath.Join(repository, path))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			for _, declared := range spans(m[2]) {
				if strings.HasSuffix(declared, ".go") {
					continue
				}
				seen++
				pattern := `(?m)^(?:func|type) ` + declared + `\b`
				if receiver, method, ok := strings.Cut(declared, "."); ok {
					pattern = `(?m)^func \((?:\w+ )?\*?` + receiver + `(?:\[\w+\])?\) ` + method + `\(`
				}
				if !regexp.MustCompile(pattern).Match(source) {
					t.Errorf("%s: %s does not declare %s", name, path, declared)
				}
			}
		}
	}
	if seen < 60 {
		t.Errorf("%d declarations", seen)
	}
}

// A walk of WALK.md names each file once.
func TestWalksDoNotComeBack(t *testing.T) {
	walks := strings.Split(documents(t)["deploy/WALK.md"], "\n## ")[1:]
	if len(walks) != 4 {
		t.Errorf("%d walks", len(walks))
	}
	for _, walk := range walks {
		title, _, _ := strings.Cut(walk, "\n")
		been := map[string]bool{}
		for _, m := range regexp.MustCompile("(?m)^\\d+\\. `([\\w./-]+)`").FindAllStringSubmatch(walk, -1) {
			if been[m[1]] {
				t.Errorf("%s: comes back to %s", title, m[1])
			}
			been[m[1]] = true
		}
		if len(been) < 8 {
			t.Errorf("%s: %d files", title, len(been))
		}
	}
}

// The properties of the mathematics are listed without a gap, each with a test.
func TestEveryPropertyHasATest(t *testing.T) {
	listed := regexp.MustCompile(`(?m)^\| P(\d+) \|.*\| Test[A-Z]`).FindAllStringSubmatch(documents(t)["growth/MATH.md"], -1)
	for i, m := range listed {
		if m[1] != strconv.Itoa(i+1) {
			t.Errorf("P%s stands where P%d should", m[1], i+1)
		}
	}
	if len(listed) != 30 {
		t.Errorf("%d properties, want 30", len(listed))
	}
}

// Documents of why are short enough to be read.
func TestDocumentsAreShort(t *testing.T) {
	for name, text := range documents(t) {
		if n := strings.Count(text, "\n"); name != "README.md" && !isPage(name) && n > 120 {
			t.Errorf("%s has %d lines, more than 120", name, n)
		}
	}
}

// Tests, benchmarks and fuzz targets that documents name are there.
func TestDocumentsCiteTestsThatExist(t *testing.T) {
	defined := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Benchmark|Fuzz)\w+)\(`)
	walk(t, func(path string) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		raw, err := os.ReadFile(filepath.Join(repository, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range function.FindAllSubmatch(raw, -1) {
			defined[string(m[1])] = true
		}
	})
	for name, text := range documents(t) {
		for _, cited := range regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w+`).FindAllString(text, -1) {
			if !defined[cited] {
				t.Errorf("%s cites %s, which does not exist", name, cited)
			}
		}
	}
}

// Configuration keys that documents name are there.
func TestDocumentsNameKeysThatExist(t *testing.T) {
	base := run.Defaults()
	keys := config.Keys(&base)
	sections := map[string]bool{}
	for _, key := range keys {
		if section, _, ok := strings.Cut(key, "."); ok {
			sections[section] = true
		}
	}
	for name, text := range documents(t) {
		for _, cited := range spans(text) {
			cited = strings.TrimPrefix(cited, "--set ")
			cited = cited[:len(cited)-len(strings.TrimLeft(cited, "abcdefghijklmnopqrstuvwxyz0123456789._"))]
			section, rest, ok := strings.Cut(cited, ".")
			isFile := slices.Contains([]string{"safetensors", "conf", "jsonl", "json", "go", "csv"}, rest)
			isGroup := slices.ContainsFunc(keys, func(key string) bool { return strings.HasPrefix(key, cited+".") })
			if ok && sections[section] && rest != "" && !isFile && !isGroup && !slices.Contains(keys, cited) {
				t.Errorf("%s names the key %s, which does not exist", name, cited)
			}
		}
	}
}

// Flags that pages name exist, of the command that stands before them or of any.
func TestPagesNameFlagsThatExist(t *testing.T) {
	seen, root := 0, newRoot(io.Discard)
	others := []string{"help", "signal", "logdir", "scale", "only-reducers"} // of every command, nats-server, TensorBoard, docker and simulate.py
	for name, text := range documents(t) {
		if !isPage(name) && name != "README.md" {
			continue
		}
		for _, cited := range spans(text) {
			for _, m := range regexp.MustCompile(`(?:^| )--([a-z][a-z-]*)`).FindAllStringSubmatch(cited, -1) {
				seen++
				if len(commandsWith(root, m[1])) == 0 && !slices.Contains(others, m[1]) {
					t.Errorf("%s names --%s, which no command has", name, m[1])
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d flags", seen)
	}
}

// What the page of errors quotes is said by the program.
func TestPageOfErrorsQuotesTheProgram(t *testing.T) {
	var source strings.Builder
	walk(t, func(path string) {
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			raw, err := os.ReadFile(filepath.Join(repository, path))
			if err != nil {
				t.Fatal(err)
			}
			source.Write(raw)
		}
	})
	seen := 0
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| [A-Z]").FindAllStringSubmatch(documents(t)[pages+"trouble.md"], -1) {
		for _, quoted := range spans(m[1]) {
			seen++
			if !strings.Contains(source.String(), quoted) {
				t.Errorf("nothing says %q", quoted)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d errors", seen)
	}
}

// The page of errors has the exit codes of the program.
func TestPageHasTheExitCodes(t *testing.T) {
	var table strings.Builder
	table.WriteString("| code | meaning |\n|---|---|\n")
	for _, m := range exitMeanings {
		fmt.Fprintf(&table, "| %d | %s |\n", m.code, m.meaning)
	}
	if !strings.Contains(documents(t)[pages+"trouble.md"], table.String()+"\n") {
		t.Errorf("deploy/docs/trouble.md does not have this table:\n%s", table.String())
	}
	var help strings.Builder
	if code := execute(t.Context(), []string{"help", "exit-codes"}, &help, io.Discard); code != exitOK {
		t.Fatal(code)
	}
	for _, m := range exitMeanings {
		if !strings.Contains(help.String(), fmt.Sprintf("  %-4d %s\n", m.code, m.meaning)) {
			t.Errorf("help exit-codes lacks %d", m.code)
		}
	}
}

// The page of files names every field of journal, metrics, checkpoints and assessment.
func TestPageOfFilesNamesEveryField(t *testing.T) {
	text := documents(t)[pages+"files.md"]
	names := map[string]bool{}
	for _, cited := range spans(text) {
		names[cited] = true
	}
	seen := 0
	var look func(at string, of reflect.Type)
	look = func(at string, of reflect.Type) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct || !strings.HasPrefix(of.PkgPath(), "github.com/tinygrow/") {
			return
		}
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous {
				look(at, f.Type)
			}
			if name == "" || name == "-" {
				continue
			}
			seen++
			if !names[name] {
				t.Errorf("files.md does not name %s of %s", name, at)
			}
			if f.Type != of && name != "progress" && name != "basis" && name != "deepened" && name != "card" && name != "sites" || at == "the journal" {
				look(name, f.Type)
			}
		}
	}
	for at, v := range map[string]any{"the journal": growth.Record{}, "a step": trainer.StepRecord{}, "an iteration": trainer.InitRecord{}, "an evaluation": trainer.EvalRecord{}, "a growth": trainer.GrownRecord{},
		"new neurons": growth.HealthRecord{}, "a checkpoint": checkpoint.State{}, "an assessment": view.Assessment{},
		"a record": record.Record{}} {
		look(at, reflect.TypeOf(v))
	}
	if seen < 120 {
		t.Errorf("%d fields", seen)
	}
}

// Commands that README and the files of deploy show exist, with their flags.
func TestDocumentedCommandsParse(t *testing.T) {
	command := regexp.MustCompile(`(?m)(?:^|[ \x60=])(?:\./|[\w/]*/)?tinygrow ((?:[a-z]+ ?)[^\x60\n#|>&;]*)`)
	seen, root := 0, newRoot(io.Discard)
	for name, text := range documents(t) {
		text = strings.ReplaceAll(text, "\\\n", " ")
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			args := strings.Fields(strings.TrimRight(m[1], " )."))
			c, rest, err := root.Find(args)
			if err != nil || c.Parent() == nil { // a sentence, not a command line
				if strings.Contains(m[1], " --") {
					t.Errorf("%s: tinygrow %s: there is no such command", name, m[1])
				}
				continue
			}
			seen++
			for _, arg := range rest {
				flag, found := strings.CutPrefix(strings.TrimRight(arg, ",:"), "--")
				flag, _, _ = strings.Cut(flag, "=")
				if found && c.Flags().Lookup(flag) == nil && c.InheritedFlags().Lookup(flag) == nil && flag != "help" && flag != "version" {
					t.Errorf("%s: %s has no flag --%s", name, c.CommandPath(), flag)
				}
			}
		}
	}
	if seen < 15 {
		t.Errorf("%d command lines", seen)
	}
}

// The sentence that README shows of the first command is one that it prints.
func TestReadmeShowsWhatTheFirstCommandPrints(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for 700 steps")
	}
	m := regexp.MustCompile(`(?m)^step (\d+): (.*)$`).FindStringSubmatch(documents(t)["README.md"])
	if m == nil {
		t.Fatal("README.md shows no growth event")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := filepath.Join(t.TempDir(), "run")
	ended := make(chan exitCode, 1)
	go func() { ended <- execute(ctx, []string{"train", "--run-dir", dir}, io.Discard, io.Discard) }()
	defer func() { cancel(); <-ended }()
	for {
		last := ""
		raw, _ := os.ReadFile(filepath.Join(dir, checkpoint.JournalFile))
		for line := range strings.Lines(string(raw)) {
			var r growth.Record
			if json.Unmarshal([]byte(line), &r) != nil {
				break
			}
			last = fmt.Sprint(r.Step)
			if last != m[1] {
				continue
			}
			if said := sentences(&r); !slices.Contains(said, m[2]) {
				t.Errorf("step %s: README.md shows %q, the command prints %q", last, m[2], said)
			}
			return
		}
		select {
		case code := <-ended:
			ended <- code
			t.Fatalf("ended with code %d before step %s", code, m[1])
		case <-time.After(100 * time.Millisecond):
		}
	}
}
