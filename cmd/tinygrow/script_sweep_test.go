package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

func readSweep(ts *testscript.TestScript, name string) (t sweep.Table) {
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(name)), &t))
	return t
}

// bestAlone makes a run of its own of the settings of the best whole run in a table, and checks that it has
// the same bits: alone TABLE.json train ARG...
func bestAlone(ts *testscript.TestScript, _ bool, args []string) {
	for _, r := range readSweep(ts, args[0]).Rows {
		if r.Part < 1 || r.Failed != "" {
			continue
		}
		words := append(args[1:], "--json")
		for _, text := range r.Settings {
			words = append(words, "--set", text)
		}
		ts.Check(ts.Exec("tinygrow", words...))
		run := readObject(ts, "stdout")
		if r.Model == "" || run["model_sha256"] != r.Model || run["flops"] != r.FLOPs {
			ts.Fatalf("trial %d has the model %q, a run of its own %v", r.Trial, r.Model, run["model_sha256"])
		}
		return
	}
	ts.Fatalf("%s has no whole run", args[0])
}

// sameSweep checks that tables are the same but for what is measured: swept a.json b.json.
func sameSweep(ts *testscript.TestScript, _ bool, args []string) {
	if diff := cmp.Diff(readSweep(ts, args[0]), readSweep(ts, args[1]), cmpopts.IgnoreFields(sweep.Table{}, "Name", "Dir", "CPUS"),
		cmpopts.IgnoreFields(sweep.Record{}, "CPUS"), cmpopts.IgnoreFields(sweep.Row{}, "Dir"), cmpopts.IgnoreFields(sweep.Point{}, "CPUS")); diff != "" {
		ts.Fatalf("%s", diff)
	}
}

// killSweep begins a sweep, kills the process of a trial, sees that the sweep goes on, and kills the sweep,
// which must not be at its end: killed DIR ARG...
func killSweep(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	program, err := exec.LookPath("tinygrow")
	if found := filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "tinygrow"); err != nil {
		program = found
	}
	c := exec.Command(program, append([]string{"sweep", "--dir", dir}, args[1:]...)...)
	var said lockedBuffer
	c.Dir, c.Stderr = ts.Getenv("WORK"), &said
	ts.Check(c.Start())
	defer func() { _ = c.Wait() }()
	defer func() { _ = c.Process.Kill() }()
	shot := false
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if shot && strings.Contains(said.String(), "its process was killed") {
			break
		}
		if time.Now().After(end) {
			ts.Fatalf("no trial could be killed: %s", said.String())
		}
		owners, _ := filepath.Glob(filepath.Join(dir, "trial-*", ".owner"))
		for _, path := range owners {
			var owner struct{ PID int }
			text, err := os.ReadFile(path)
			if saved, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "checkpoints", "step-*")); err != nil || len(saved) == 0 {
				continue
			}
			if !shot && json.Unmarshal(text, &owner) == nil && owner.PID > 1 && owner.PID != os.Getpid() {
				trial, err := os.FindProcess(owner.PID)
				shot = err == nil && trial.Kill() == nil
			}
		}
	}
	ts.Check(c.Process.Kill())
	journal, _ := os.ReadFile(filepath.Join(dir, "trials.jsonl"))
	if n := bytes.Count(journal, []byte("\n")); n >= 8 {
		ts.Fatalf("the sweep was at its end before it could be killed: %d results", n)
	}
}

// lockedBuffer is read while a process writes to it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
