package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
)

// TestMain lets the test binary be the child process of a campaign.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childName {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err := child(ctx, os.Stdin, os.Stdout)
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// self starts the test binary as a child.
func self(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, os.Args[0], childName) }

// tiny returns the runs of a plan that takes a second.
func tiny(t *testing.T) []Task {
	t.Helper()
	p, err := Read(filepath.Join("testdata", "tiny.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return p.Tasks()
}

// campaign returns one with an empty file of results, and what it tells.
func campaign(t *testing.T) (*Campaign, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	results, err := Open(filepath.Join(dir, "results.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	told := new(bytes.Buffer)
	return &Campaign{Runs: filepath.Join(dir, "runs"), Jobs: 1, Results: results, Command: self,
		Tell: func(format string, args ...any) { fmt.Fprintf(told, format+"\n", args...) }}, told
}

func TestPlansThatComeWithTheCommandAreValid(t *testing.T) {
	for _, name := range names() {
		p, err := Read(name)
		if err != nil {
			t.Error(err)
			continue
		}
		t.Log(name, len(p.Tasks()), "runs")
	}
}

func TestTasksAreRowsBySeedWithAllThatIsSet(t *testing.T) {
	tasks := tiny(t)
	var got []string
	for _, task := range tasks {
		got = append(got, task.Key.String())
	}
	want := []string{
		"mlp / 2e+08 / wide / seed 1", "mlp / 2e+08 / drawn / seed 1 / trial 1",
		"mlp / 2e+08 / drawn / seed 1 / trial 2", "mlp / 2e+08 / grown / seed 1",
		"mlp / 2e+08 / wide / seed 2", "mlp / 2e+08 / drawn / seed 2 / trial 1",
		"mlp / 2e+08 / drawn / seed 2 / trial 2", "mlp / 2e+08 / grown / seed 2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	last := tasks[len(tasks)-1].Set // of grown: recipe, network and row, the later winning
	for key, want := range (Set{"growth.policy": "random", "data.limit": "128", "model.name": "mlp", "train.seed": "2",
		"train.max_flops": "2e+08"}) {
		if last[key] != want {
			t.Errorf("%s is %q, not %q", key, last[key], want)
		}
	}
	if tasks[1].Set["model.widths"] == tasks[2].Set["model.widths"] && tasks[5].Set["model.widths"] == tasks[6].Set["model.widths"] {
		t.Error("trials have the same widths")
	}
}

func TestDrawnWidthsAreUniformOnALogarithmicScale(t *testing.T) {
	d := Draw{Layers: 4, Least: 4, Most: 256}
	var sum float64
	var below int
	for seed := range uint64(500) {
		for _, w := range d.widths(seed, 1) {
			if w < 4 || w > 256 {
				t.Fatalf("width %d", w)
			}
			if sum += math.Log2(float64(w)); w < 16 {
				below++
			}
		}
	}
	if mean := sum / 2000; math.Abs(mean-5) > 0.1 { // uniform between 2 and 8
		t.Errorf("mean logarithm %.2f", mean)
	}
	if part := float64(below) / 2000; math.Abs(part-math.Log2(15.5/4)/6) > 0.04 {
		t.Errorf("%.2f of the widths are below 16", part)
	}
}

func TestPlansThatNoRunTakesAreRefused(t *testing.T) {
	const head = "networks: [{name: n, budgets: [{seeds: [1], rows: [%s]}]}]"
	for rows, want := range map[string]string{
		"{name: a, set: {optim.lrr: 1}}": "did you mean optim.lr?",
		"{name: a}, {name: a}":           "n / a / seed 1: there are two of that name",
		"{name: a, trials: 1}":           "at least 2 trials",
		"{name: a, sets: {}}":            "field sets not found",
		"":                               "it has no runs",
		"{name: a, trials: 2, draw: {layers: 1, least: 8, most: 8}}": "1 <= least < most",
	} {
		file := filepath.Join(t.TempDir(), "plan.yaml")
		if err := os.WriteFile(file, fmt.Appendf(nil, head, rows), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", rows, err, want)
		}
	}
	if _, err := Read("polices"); err == nil || !strings.Contains(err.Error(), "policies") {
		t.Errorf("a plan that is not there: %v", err)
	}
}

func TestCampaignMakesEveryRunOnce(t *testing.T) {
	c, told := campaign(t)
	tasks := tiny(t)
	c.Jobs = 2
	if err := c.Make(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"8 runs, 0 of them have a result, 8 to make", "[8/8] mlp / 2e+08"} {
		if !strings.Contains(told.String(), want) {
			t.Errorf("no %q in\n%s", want, told)
		}
	}
	again, err := Open(c.Results.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		if !again.Has(task) {
			t.Errorf("%s: no result", task.Key)
		}
	}
	i := slices.IndexFunc(again.list, func(r Result) bool { return r.Name == "grown" })
	r := again.list[i]
	if len(r.Events) == 0 || len(r.Events[0].Grown) == 0 || r.Widths["fc1"] != 4 || r.ParamsEnd <= r.ParamsStart {
		t.Errorf("the growing run: %+v", r)
	}
	if r.CPUS <= 0 || r.Numerics != trainer.Numerics || r.CPU == "" || *r.TestAccuracy <= 0 || r.FLOPs < 2e8 || r.Batch != 32 {
		t.Errorf("a result: %+v", r)
	}
	before, err := os.ReadFile(c.Results.path)
	if err != nil {
		t.Fatal(err)
	}
	if j := slices.IndexFunc(r.Births, func(b Birth) bool { return b.Born > 0 }); j < 0 || r.Births[j].Rows != 2 || r.Births[j].Norm <= 0 {
		t.Errorf("what it tells of those that were born: %+v", r.Births)
	}
	for i := range c.Results.list {
		c.Results.list[i].Births = nil
	}
	if n, err := c.Fill(tasks); err != nil || n != 2 {
		t.Errorf("%d runs tell of those that were born, %v", n, err)
	}
	if filled, err := os.ReadFile(c.Results.path); err != nil || !bytes.Equal(before, filled) {
		t.Errorf("what they tell is not what their results said: %v", err)
	}
	c.Command = func(context.Context) *exec.Cmd { t.Error("a run was made again"); return exec.Command("false") }
	if err := c.Make(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(c.Results.path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the second time changed the results: %v", err)
	}
}

func TestOtherSettingsOrArithmeticAreMadeAgain(t *testing.T) {
	c, _ := campaign(t)
	task := tiny(t)[0]
	one := Result{Key: task.Key, Set: task.Set, Numerics: trainer.Numerics}
	for name, old := range map[string]Result{
		"other settings":   {Key: one.Key, Set: one.Set.with(Set{"optim.lr": "0.2"}), Numerics: one.Numerics},
		"other arithmetic": {Key: one.Key, Set: one.Set, Numerics: one.Numerics + 1},
	} {
		if err := c.Results.Put(old); err != nil {
			t.Fatal(err)
		}
		if c.Results.Has(task) || c.Results.Strange([]Task{task}) != 1 {
			t.Errorf("%s: taken for the result", name)
		}
	}
	if err := c.Results.Put(one); err != nil {
		t.Fatal(err)
	}
	if len(c.Results.list) != 1 || !c.Results.Has(task) || c.Results.Strange([]Task{task}) != 0 {
		t.Errorf("the new result did not take the place of the old one: %+v", c.Results.list)
	}
}

func TestAStoppedRunGoesOnToTheSameBits(t *testing.T) {
	task := tiny(t)[3]
	task.Budget = 4e9
	task.Set = task.Set.with(Set{"train.max_flops": "4e9", "train.epochs": "1000000", "train.eval_epochs": "1000"})
	whole, _ := campaign(t)
	if err := whole.Make(t.Context(), []Task{task}); err != nil {
		t.Fatal(err)
	}
	c, told := campaign(t)
	dir := filepath.Join(c.Runs, fileName(task.Key))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for ctx.Err() == nil {
			if steps, _ := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); bytes.Count(steps, []byte("\n")) > 2 {
				stop()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	if err := c.Make(ctx, []Task{task}); !errors.Is(err, errStopped) {
		t.Fatalf("stopped: %v\n%s", err, told)
	}
	if _, err := os.Stat(dir + partName); err != nil || c.Results.Has(task) {
		t.Fatalf("a run that was stopped: %v", err)
	}
	if err := c.Make(t.Context(), []Task{task}); err != nil {
		t.Fatal(err)
	}
	if got, want := c.Results.list[0].ModelSHA256, whole.Results.list[0].ModelSHA256; got != want {
		t.Errorf("the run went on to %s, undisturbed it comes to %s", got, want)
	}
	if steps, _ := os.ReadFile(filepath.Join(dir, "metrics.jsonl")); bytes.Count(steps, []byte(`"kind":"step","step":1,`)) != 1 {
		t.Error("it began anew")
	}
}

func TestWhatAStoppedRunHasCostCounts(t *testing.T) {
	tasks := tiny(t)
	dir := filepath.Join(t.TempDir(), "run")
	if err := os.MkdirAll(filepath.Join(dir, "checkpoints"), 0o755); err != nil {
		t.Fatal(err)
	}
	out := Outcome{}
	out.CPUS, out.WallS = 7, 9
	for _, same := range []bool{true, false} {
		if err := writePart(dir, tasks[0], out); err != nil {
			t.Fatal(err)
		}
		task := tasks[0]
		if !same {
			task.Set = task.Set.with(Set{"optim.lr": "0.3"})
		}
		p, ok := readPart(dir, task)
		if ok != same || same && (p.CPUS != 7 || p.WallS != 9) {
			t.Errorf("the same settings: %v: %+v, %v", same, p, ok)
		}
		if _, again := readPart(dir, task); again {
			t.Error("the same seconds count twice")
		}
	}
}

func TestTheFirstRunThatFailsEndsTheCampaign(t *testing.T) {
	c, _ := campaign(t)
	var started atomic.Int32
	c.Command = func(ctx context.Context) *exec.Cmd {
		started.Add(1)
		return exec.CommandContext(ctx, "sh", "-c", "cat >/dev/null; echo no such data >&2; exit 3")
	}
	err := c.Make(t.Context(), tiny(t))
	if err == nil || !strings.Contains(err.Error(), "mlp / 2e+08 / wide / seed 1: exit status 3: no such data") || started.Load() != 1 {
		t.Errorf("%v after %d runs", err, started.Load())
	}
}

func TestDamagedResultsAreNotLost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	if err := os.WriteFile(file, []byte("{}\n{\"policy\":\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), "results.jsonl:2: ") {
		t.Errorf("%v", err)
	}
}

func TestCommandSaysWhatToDo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	for want, args := range map[string][]string{
		"give -runs DIR":                {"-results", file},
		"reads cifar10: give -data-dir": {"-results", file, "-runs", "x"},
		"-list shows their names":       {"-only", "nothing"},
		"-only: error parsing regexp":   {"-only", "("},
		"-jobs 0: give 1 to":            {"-results", file, "-runs", "x", "-data-dir", "y", "-jobs", "0"},
		"no arguments but flags":        {"vgg"},
	} {
		if err := command(t.Context(), args); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
