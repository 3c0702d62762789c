package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
)

// repository is the root of the source tree.
var repository = filepath.Join("..", "..")

// documents returns README.md, every DESIGN.md, MATH.md and WALK.md, by their
// paths below the root.
func documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	walk(t, func(path string) {
		if slices.Contains([]string{"README.md", "DESIGN.md", "MATH.md", "WALK.md"}, filepath.Base(path)) {
			raw, err := os.ReadFile(filepath.Join(repository, path))
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = string(raw)
		}
	})
	return texts
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
		"server.conf"} // by runs and auth init
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
	if len(listed) != 29 {
		t.Errorf("%d properties, want 29", len(listed))
	}
}

// Documents of why are short enough to be read.
func TestDocumentsAreShort(t *testing.T) {
	for name, text := range documents(t) {
		if n := strings.Count(text, "\n"); name != "README.md" && n > 120 {
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
			cited = cited[:len(cited)-len(strings.TrimLeft(cited, "abcdefghijklmnopqrstuvwxyz._"))]
			section, rest, ok := strings.Cut(cited, ".")
			isFile := slices.Contains([]string{"safetensors", "conf", "jsonl", "json", "go"}, rest)
			if ok && sections[section] && rest != "" && !isFile && !slices.Contains(keys, cited) {
				t.Errorf("%s names the key %s, which does not exist", name, cited)
			}
		}
	}
}

// README's table of settings has the defaults of the code, those of flags too.
func TestReadmeHasTheDefaults(t *testing.T) {
	base := run.Defaults()
	keys := config.Keys(&base)
	flags := newTrain().Flags()
	_, table, found := strings.Cut(documents(t)["README.md"], "| setting | default | what it does |\n|---|---|---|\n")
	if !found {
		t.Fatal("README.md has no table of settings")
	}
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			break
		}
		rows++
		names, values := spans(cells[1]), spans(cells[2])
		if len(names) != len(values) {
			t.Errorf("%d settings and %d defaults: %s", len(names), len(values), line)
			continue
		}
		for i, name := range names {
			flag, isFlag := strings.CutPrefix(name, "--")
			if isFlag && flags.Lookup(flag) == nil || !isFlag && !slices.Contains(keys, name) {
				t.Errorf("README.md: there is no setting %s", name)
				continue
			}
			got := config.Get(&base, name)
			if isFlag {
				got = flags.Lookup(flag).DefValue
			}
			if got != values[i] {
				t.Errorf("README.md: the default of %s is %q, not %q", name, got, values[i])
			}
		}
	}
	if rows < 10 {
		t.Errorf("%d rows", rows)
	}
}

// Commands that README and the files of deploy show exist, with their flags.
func TestDocumentedCommandsParse(t *testing.T) {
	command := regexp.MustCompile(`(?m)(?:^|[ \x60=])(?:\./|[\w/]*/)?tinygrow ((?:[a-z]+ ?)[^\x60\n#|>&;]*)`)
	seen := 0
	for name, text := range documents(t) {
		text = strings.ReplaceAll(text, "\\\n", " ")
		for _, m := range command.FindAllStringSubmatch(text, -1) {
			args := strings.Fields(strings.TrimRight(m[1], " )."))
			c, rest, err := newRoot(io.Discard).Find(args)
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
