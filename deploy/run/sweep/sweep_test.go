package sweep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/proto"
)

// fakeEnv makes this program stand for tinygrow; its value is how many of a hundred starts are killed.
// takenEnv is how often a trial finds another process at work on its run before it may begin. refuseEnv are widths that are refused when a
// trial of them runs, and how: at once, late (there is a run by then) or by falling over.
const (
	fakeEnv   = "SWEEP_TEST_KILLED"
	takenEnv  = "SWEEP_TEST_TAKEN"
	refuseEnv = "SWEEP_TEST_REFUSED"
)

func TestMain(m *testing.M) {
	if part, fake := os.LookupEnv(fakeEnv); fake {
		os.Exit(standFor(part, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// standFor does what tinygrow would: train and resume get to where they shall pause, eval tells how
// good that is. The accuracy is a cheap function of the settings.
func standFor(killed string, args []string) int {
	dir, sets, part := args[1], map[string]string{}, 1.0
	for i, word := range args {
		switch word {
		case "--run-dir":
			dir = args[i+1]
		case "--run":
			sets["run"] = args[i+1]
		case "--set":
			key, value, _ := strings.Cut(args[i+1], "=")
			sets[key] = value
		}
	}
	if p, ok := sets["pause_at"]; ok {
		part, _ = strconv.ParseFloat(p, 64)
	}
	if n, _ := strconv.Atoi(os.Getenv(takenEnv)); n > 0 {
		met, _ := os.ReadFile(dir + ".met")
		if len(met) < n {
			_ = os.WriteFile(dir+".met", append(met, '.'), 0o644)
			fmt.Fprintln(os.Stderr, "another process is working on this run")
			return 5
		}
	}
	state := filepath.Join(dir, "config.yaml")
	widths, refuses, _ := strings.Cut(os.Getenv(refuseEnv), " ")
	if refuses == "at once" && strings.Contains(widths, sets["model.widths"]) && args[0] == "train" {
		fmt.Fprintln(os.Stderr, "run "+sets["run"]+": batch 4096: the data set has 320 training samples")
		return 2
	}
	if args[0] == "train" {
		text, _ := json.Marshal(sets)
		_ = os.MkdirAll(dir, 0o755)
		_ = replace(state, text)
	}
	text, _ := os.ReadFile(state)
	_ = json.Unmarshal(text, &sets)
	done, _ := strconv.ParseFloat(sets["done"], 64)
	lr, _ := strconv.ParseFloat(sets["optim.lr"], 64)
	width, _ := strconv.Atoi(strings.Trim(sets["model.widths"], "[]"))
	accuracy := func(part float64) float64 { return part * (1 - (lr-0.3)*(lr-0.3) - float64(width*width)/1e3) }
	switch bad := strings.Contains(widths, sets["model.widths"]); {
	case bad && refuses == "late":
		_ = os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(`{"kind":"step","step":3,"params":9,"flops":30}`+"\n"), 0o644)
		fmt.Fprintln(os.Stderr, "no room for growth")
		return 2
	case bad && refuses == "crash":
		fmt.Fprintln(os.Stderr, "panic: index out of range\n\ngoroutine 1 [running]:\nmain.main()")
		return 2
	}
	if args[0] == "eval" {
		fmt.Printf(`{"step":%d,"test_accuracy":%v}`, int(100*done), accuracy(done))
		return 0
	}
	if lr > 0.9 {
		_ = os.WriteFile(filepath.Join(dir, "metrics.jsonl"), []byte(`{"kind":"diverged","step":7,"flops":70}`+"\n"), 0o644)
		fmt.Fprintln(os.Stderr, "training diverged")
		return 8
	}
	if n, _ := strconv.Atoi(killed); rand.IntN(100) < n {
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		time.Sleep(time.Second)
	}
	time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
	sets["done"] = fmt.Sprint(max(part, done))
	text, _ = json.Marshal(sets)
	_ = replace(state, text)
	test := accuracy(1)
	r := coordinator.Result{Done: part == 1, Paused: part < 1, Steps: proto.Step(100 * part), FLOPs: 1000 * part, ModelSHA256: "ab", TestAccuracy: &test}
	_ = json.NewEncoder(os.Stdout).Encode(r)
	return 0
}

// assessing is random search with a predictor.
const assessing = "random that assesses"

// fake is a sweep of trials that cost nothing.
func fake(algorithm string) Config {
	c := Default()
	c.Algorithm, c.Trials, c.Slots, c.SSO.Population, c.Evolve.Population = algorithm, 10, 4, 4, 4
	c.ASHA.Eta = 2
	if algorithm == assessing {
		c.Algorithm, c.Assess, c.Trials = Random, true, 16
		c.Assessor.Part, c.Assessor.Draws, c.Assessor.Least = 0.5, 3, 4
	}
	c.Space = map[string]string{"optim.lr": "float(0, 1)", "model.widths[0]": "int(1, 3)"}
	return c
}

func how(t *testing.T, parallel, killed int) How {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return How{Parallel: parallel, Line: func(string, ...any) {}, Progress: func(Progress) {},
		Command: func(words ...string) *exec.Cmd {
			c := exec.Command(self, words...)
			c.Env = append(os.Environ(), fmt.Sprintf("%s=%d", fakeEnv, killed))
			return c
		},
		Fate: func(code int) Fate {
			return map[int]Fate{0: Ended, 8: Diverged, 2: Refused, 130: Gone, 1: Broken, 5: Taken}[code]
		},
	}
}

// timeless compares tables but for what is measured, and where they lie.
var timeless = []cmp.Option{cmpopts.IgnoreFields(Table{}, "Name", "Dir", "CPUS"), cmpopts.IgnoreFields(Record{}, "CPUS"),
	cmpopts.IgnoreFields(Row{}, "Dir"), cmpopts.IgnoreFields(Point{}, "CPUS")}

// A sweep whose processes are killed, that is stopped, and whose journal ends in the middle of a line,
// ends with the table of one that nobody disturbed, with any number of processes.
func TestSweepsEndWithTheSameTable(t *testing.T) {
	for _, algorithm := range append([]string{assessing}, Algorithms...) {
		t.Run(algorithm, func(t *testing.T) {
			quiet := filepath.Join(t.TempDir(), "quiet")
			if err := Start(t.Context(), quiet, fake(algorithm), how(t, 2, 0)); err != nil {
				t.Fatal(err)
			}
			want, err := ReadTable(quiet)
			if err != nil {
				t.Fatal(err)
			}
			if !want.Done || len(want.Rows) != fake(algorithm).Trials || want.FLOPs <= 0 || len(want.Course) == 0 {
				t.Fatalf("%+v", want)
			}
			if algorithm == ASHA && want.Rows[0].Part != 1 {
				t.Errorf("the best trial was made up to %v", want.Rows[0].Part)
			}
			stopped := slices.ContainsFunc(want.Rows, func(r Row) bool { return r.Assessed != nil && r.Assessed.Stopped && r.Part == 0.5 })
			if stopped != (algorithm == assessing) {
				t.Errorf("trials were stopped by a predictor: %v", stopped)
			}
			dir := filepath.Join(t.TempDir(), "disturbed")
			stops := 0
			for parallel := 4; ; parallel = 1 + parallel%5 {
				ctx, cancel := context.WithCancel(t.Context())
				h, lines := how(t, parallel, 20), atomic.Int32{}
				stopBehind := rand.Int32N(3)
				h.Line = func(string, ...any) {
					if lines.Add(1) > stopBehind {
						cancel()
					}
				}
				err := Start(ctx, dir, fake(algorithm), h)
				cancel()
				if err == nil {
					break
				}
				if !errors.Is(err, ErrStopped) && !strings.Contains(err.Error(), "was killed") {
					t.Fatal(err)
				}
				if stops++; stops > 100 {
					t.Fatal("the sweep does not end")
				}
				halfALine(t, filepath.Join(dir, journalFile))
			}
			got, err := ReadTable(dir)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, timeless...); diff != "" {
				t.Errorf("stopped %d times: %s", stops, diff)
			}
		})
	}
}

// A trial that a process of a sweep that was killed takes up at the same moment is waited for; one that can
// never be had is an error that says why.
func TestTrialsThatAreTaken(t *testing.T) {
	c := fake(Random)
	c.Trials, c.Slots = 2, 2
	for taken, want := range map[int]string{2: "", maxTries: "another process is working on this run"} {
		dir, h := filepath.Join(t.TempDir(), "taken"), how(t, 2, 0)
		command := h.Command
		h.Command = func(words ...string) *exec.Cmd {
			p := command(words...)
			p.Env = append(p.Env, fmt.Sprintf("%s=%d", takenEnv, taken))
			return p
		}
		err := Start(t.Context(), dir, c, h)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("taken %d times: %v", taken, err)
		}
	}
}

// halfALine leaves the journal as a crash may, between writing and syncing.
func halfALine(t *testing.T, path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err == nil {
		_, err = f.WriteString(`{"kind":"result","job":`)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Trials that diverge or are refused have no accuracy, stand last, and cost what they cost.
func TestTrialsThatFail(t *testing.T) {
	dir := t.TempDir()
	c := fake(Random)
	c.Space["train.microshard"] = "choice(32, 4096)" // the second is refused
	if err := Start(t.Context(), dir, c, how(t, 4, 0)); err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(dir)
	if err != nil {
		t.Fatal(err)
	}
	diverged, refused := 0, 0
	for i, r := range table.Rows {
		switch {
		case r.Failed == "diverged" && r.FLOPs == 70 && r.Steps == 7:
			diverged++
		case strings.HasPrefix(r.Failed, "refused: ") && strings.Contains(r.Failed, "microshard") && r.FLOPs == 0 && r.Dir == "":
			refused++
		case r.Failed != "" || diverged+refused > 0:
			t.Errorf("row %d: %+v", i, r)
		}
	}
	if diverged == 0 || refused == 0 {
		t.Errorf("%d diverged, %d refused", diverged, refused)
	}
}

// refusing returns how with widths that processes refuse.
func refusing(t *testing.T, what string) How {
	h := how(t, 3, 0)
	command := h.Command
	h.Command = func(words ...string) *exec.Cmd {
		p := command(words...)
		p.Env = append(p.Env, refuseEnv+"="+what)
		return p
	}
	return h
}

// A trial whose settings are found out only when it runs, perhaps behind its first part, has failed, and the sweep goes on; where it
// stops in between, it ends with the same table.
func TestTrialsThatAreRefusedLate(t *testing.T) {
	for refuses, want := range map[string]string{"at once": "batch 4096", "late": "no room for growth"} {
		var tables []Table
		for _, stops := range []int{0, 3} {
			dir, h, lines := filepath.Join(t.TempDir(), "late"), refusing(t, "[2] "+refuses), 0
			ctx, cancel := context.WithCancel(t.Context())
			h.Line = func(string, ...any) {
				if lines++; lines == stops {
					cancel()
				}
			}
			err := Start(ctx, dir, fake(Random), h)
			cancel()
			if stops > 0 && errors.Is(err, ErrStopped) {
				err = Resume(t.Context(), dir, refusing(t, "[2] "+refuses))
			}
			if err != nil {
				t.Fatal(err)
			}
			table, err := ReadTable(dir)
			if err != nil {
				t.Fatal(err)
			}
			failed := 0
			for _, r := range table.Rows {
				if strings.Contains(r.Settings[0], "[2]") && !strings.Contains(r.Failed, "diverged") {
					failed++
					if !strings.HasPrefix(r.Failed, refused) || !strings.Contains(r.Failed, want) || refuses == "late" != (r.FLOPs == 30 && r.Steps == 3) {
						t.Errorf("%s: %+v", refuses, r)
					}
				}
			}
			if !table.Done || len(table.Rows) != 10 || failed == 0 || table.Rows[0].Failed != "" {
				t.Errorf("%s: %d of %d failed, done %v", refuses, failed, len(table.Rows), table.Done)
			}
			tables = append(tables, table)
		}
		if diff := cmp.Diff(tables[0], tables[1], timeless...); diff != "" {
			t.Error(diff)
		}
	}
}

// What all trials would meet stops the sweep: settings that the first ones are all refused for, and a program that falls over.
func TestWhatAllTrialsMeetEndsTheSweep(t *testing.T) {
	c := fake(Random)
	c.Trials = 50
	dir := filepath.Join(t.TempDir(), "all")
	for range 2 {
		err := Start(t.Context(), dir, c, refusing(t, "[1][2][3] at once"))
		if err == nil || !strings.Contains(err.Error(), "the first 8 trials were all refused: run : batch 4096") {
			t.Error(err)
		}
	}
	if table, err := ReadTable(dir); err != nil || len(table.Rows) < 8 || len(table.Rows) > 16 {
		t.Errorf("%d trials were tried, %v", len(table.Rows), err)
	}
	err := Start(t.Context(), t.TempDir(), c, refusing(t, "[2] crash"))
	if err == nil || !strings.Contains(err.Error(), "main.main()") || !strings.Contains(err.Error(), "sweep resume") {
		t.Error(err)
	}
}

// Trials with the settings of an earlier one have its result, cost nothing and are not made.
func TestTrialsOfTheSameSettings(t *testing.T) {
	dir := t.TempDir()
	c := fake(SSO)
	c.Space = map[string]string{"model.widths[0]": "int(1, 3)"}
	if err := Start(t.Context(), dir, c, how(t, 3, 0)); err != nil {
		t.Fatal(err)
	}
	table, err := ReadTable(dir)
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(dir, "trial-*", "config.yaml"))
	if len(table.Rows) != 10 || len(dirs) > 3 || err != nil || table.FLOPs != float64(1000*len(dirs)) {
		t.Errorf("%d trials, %d were made, %v FLOPs, %v", len(table.Rows), len(dirs), table.FLOPs, err)
	}
}

// Budgets end a sweep, and the table says so.
func TestBudgets(t *testing.T) {
	dir := t.TempDir()
	c := fake(Random)
	c.TotalFLOPs = 3000
	for range 2 {
		if err := Start(t.Context(), dir, c, how(t, 4, 0)); err != nil {
			t.Fatal(err)
		}
	}
	table, err := ReadTable(dir)
	if err != nil || !table.Done || table.Ended == "" || table.FLOPs < 3000 || table.FLOPs > 3000+4*1000 {
		t.Errorf("%+v, %v", table, err)
	}
	dir = t.TempDir()
	c.TotalFLOPs, c.TotalSeconds = 0, 1e-9
	if err := Start(t.Context(), dir, c, how(t, 2, 0)); err != nil {
		t.Fatal(err)
	}
	table, err = ReadTable(dir)
	if err != nil || !table.Done || table.Ended == "" || len(table.Rows) == 0 || len(table.Rows) > 3 {
		t.Errorf("%d trials of a budget of no time: %+v, %v", len(table.Rows), table, err)
	}
}

// What another trial would meet too ends the sweep, with the words of the process, and is no result.
func TestABrokenProcessEndsTheSweep(t *testing.T) {
	dir := t.TempDir()
	h := how(t, 2, 0)
	h.Command = func(...string) *exec.Cmd { return exec.Command("sh", "-c", "echo the disk is full >&2; exit 1") }
	err := Start(t.Context(), dir, fake(Random), h)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "sweep resume") {
		t.Fatal(err)
	}
	if table, err := ReadTable(dir); err != nil || len(table.Rows) != 0 || table.Done {
		t.Errorf("%+v, %v", table, err)
	}
	h.Command = how(t, 2, 100).Command
	if err := Resume(t.Context(), dir, h); err == nil || !strings.Contains(err.Error(), "killed 5 times") {
		t.Error(err)
	}
	if err := Resume(t.Context(), dir, how(t, 2, 0)); err != nil {
		t.Error(err)
	}
}

// One process works on a sweep, and a directory holds one.
func TestADirectoryHoldsOneSweep(t *testing.T) {
	dir := t.TempDir()
	var both sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		both.Go(func() { errs[i] = Start(t.Context(), dir, fake(Random), how(t, 1, 0)) })
	}
	both.Wait()
	if busy := slices.IndexFunc(errs, func(err error) bool { return errors.Is(err, ErrBusy) }); busy < 0 || errs[1-busy] != nil {
		t.Errorf("%v", errs)
	}
	other := fake(Random)
	other.SearchSeed, other.Space = 2, map[string]string{"optim.lr": "float(0, 1)"}
	err := Start(t.Context(), dir, other, how(t, 1, 0))
	if !errors.Is(err, ErrOther) || !strings.Contains(err.Error(), "search_seed is 1 there and 2 here") {
		t.Error(err)
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Start(t.Context(), full, fake(Random), how(t, 1, 0)); !errors.Is(err, ErrOther) {
		t.Error(err)
	}
	if err := Resume(t.Context(), full, how(t, 1, 0)); !errors.Is(err, ErrNoSweep) {
		t.Error(err)
	}
}

// A journal of another program is not taken for one's own.
func TestAJournalOfOtherTrialsIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := Start(t.Context(), dir, fake(Random), how(t, 2, 0)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, journalFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "optim.lr=0.", "optim.lr=1.")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Resume(t.Context(), dir, how(t, 2, 0)); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
}

func TestFaultsOfASweep(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"must be one of random":       func(c *Config) { c.Algorithm = "grid" },
		"trials 0":                    func(c *Config) { c.Trials = 0 },
		"total_flops":                 func(c *Config) { c.TotalFLOPs = -1 },
		"slots 0":                     func(c *Config) { c.Slots = 0 },
		"did you mean optim.lr":       func(c *Config) { c.Space["optim.l"] = "float(0, 1)" },
		"does not change":             func(c *Config) { c.Space["worker.threads"] = "int(1, 2)" },
		"key=value":                   func(c *Config) { c.Settings = []string{"train.steps"} },
		"is set by the sweep":         func(c *Config) { c.Settings = []string{"run_dir=x"} },
		"each needs a particle":       func(c *Config) { c.Algorithm, c.Slots = SSO, 9 },
		"assess: asha decides":        func(c *Config) { c.Algorithm, c.Trials, c.Assess = ASHA, 16, true },
		"assessor.least 1":            func(c *Config) { c.Assess, c.Assessor.Least = true, 1 },
		"none may be made to its end": func(c *Config) { c.Algorithm, c.Trials = ASHA, 3 },
	} {
		c := fake(Random)
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	c := fake(Random)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// What stands on a command line holds for all trials; where a server is does not.
func TestSettingsOfTheCommandLine(t *testing.T) {
	c := Default()
	c.Lay(run.Given{Recipe: "r", File: "f", Assignments: []string{"a=1"}, Flags: []run.Flag{{Name: "--epochs", Key: "train.epochs", Value: "2"},
		{Name: "--nats", Key: "nats.url", Value: "nats://h"}, {Name: "--threads", Key: "worker.threads", Value: "2"}}})
	if want := []string{"a=1", "train.epochs=2", "train.steps=0"}; c.Recipe != "r" || c.Base != "f" || !slices.Equal(c.Settings, want) {
		t.Errorf("%+v", c)
	}
}

// No journal makes the reader fall over, and what is read is read again after it was written.
func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"kind":"result","job":0,"trial":0,"settings":["a=1"],"accuracy":0.5,"flops":1,"part":1}` + "\n" + `{"kind":"spent","job":1,"trial":1,"cpu_s":2}` + "\n"))
	f.Add([]byte(`{"kind":"result","job":1,"trial":1,"same_as":0,"seeds":["ff"],"part":0.25,"rung":1}` + "\n{"))
	f.Add([]byte(`{"kind":"result","job":-1}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := parse(strings.NewReader(string(text)))
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if a.bytes > int64(len(text)) || a.bytes > 0 && text[a.bytes-1] != '\n' {
			t.Fatalf("%d of %d bytes", a.bytes, len(text))
		}
		var again strings.Builder
		for _, r := range a.results {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			again.Write(append(line, '\n'))
		}
		b, err := parse(strings.NewReader(again.String()))
		if diff := cmp.Diff(a.results, b.results, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Fatalf("%v, %s", err, diff)
		}
	})
}
