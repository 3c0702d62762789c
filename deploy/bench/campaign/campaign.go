package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/growth"
)

// Campaign makes the runs of a plan that have no result yet.
type Campaign struct {
	DataDir string // directory of the data set; empty: the settings of the plan are enough
	Runs    string // directory for the runs
	Jobs    int    // at a time
	Results *Results
	Tell    func(format string, args ...any) // a line of progress
	// Command starts a process that does what child does.
	Command func(ctx context.Context) *exec.Cmd

	mu    sync.Mutex // guards what follows, and Results
	began time.Time
	ends  int
	spent float64 // FLOPs of the runs that ended
	all   float64 // FLOPs of all that were to be made
}

// errStopped is returned when the campaign was told to stop before its end.
var errStopped = errors.New("stopped: the same command goes on")

// Make makes the runs of tasks that have no result, Jobs at a time in their
// order. When ctx ends, the runs that go on write a checkpoint, from which the
// next Make takes them up, and errStopped is returned. The first run that fails
// ends the others in the same way.
func (c *Campaign) Make(ctx context.Context, tasks []Task) error {
	var todo []Task
	for _, t := range tasks {
		if !c.Results.Has(t) {
			todo = append(todo, t)
			c.all += t.Budget
		}
	}
	c.Tell("%d runs, %d of them have a result, %d to make", len(tasks), len(tasks)-len(todo), len(todo))
	if err := os.MkdirAll(c.Runs, 0o755); err != nil {
		return err
	}
	c.began = time.Now()
	group, ctx := errgroup.WithContext(ctx)
	next := make(chan Task)
	group.Go(func() error {
		defer close(next)
		for _, t := range todo {
			select {
			case next <- t:
			case <-ctx.Done():
				return errStopped
			}
		}
		return nil
	})
	for range c.Jobs {
		group.Go(func() error {
			for t := range next {
				if err := c.one(ctx, t, len(todo)); err != nil {
					return fmt.Errorf("%s: %w", t.Key, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// one makes one run of n and writes down its result.
func (c *Campaign) one(ctx context.Context, t Task, n int) error {
	dir := filepath.Join(c.Runs, fileName(t.Key))
	before, resume := readPart(dir, t)
	if resume {
		if _, err := given(nil).ReadRun(dir, run.Nothing); err != nil { // it is of a program that had other settings
			before, resume = part{}, false
		}
	}
	if !resume {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	o := order{Set: t.Set, RunDir: dir, Resume: resume}
	if c.DataDir != "" {
		o.Set = t.Set.with(Set{"data.dir": c.DataDir})
	}
	out, err := c.ask(ctx, o)
	if err != nil {
		return err
	}
	out.CPUS += before.CPUS
	out.WallS += before.WallS
	if !out.Done {
		return errors.Join(errStopped, writePart(dir, t, out))
	}
	if out.TestAccuracy == nil {
		return errors.New("its result has no test accuracy: the settings must not turn evaluations off")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends, c.spent = c.ends+1, c.spent+t.Budget
	c.Tell("[%d/%d] %s: %.2f %% after %d steps, %d parameters, %.0f s of processor time%s",
		c.ends, n, t.Key, float64(100**out.TestAccuracy), out.Steps, out.ParamsEnd, out.CPUS, c.left())
	return c.Results.Put(resultOf(t, out))
}

// left says how long the runs that are left will take, by the computation that
// was spent since the campaign began; nothing where budgets do not tell.
func (c *Campaign) left() string {
	if c.spent == 0 || c.spent >= c.all {
		return ""
	}
	s := time.Since(c.began).Seconds() / c.spent
	left := float64(s * (c.all - c.spent))
	return fmt.Sprintf("; about %s left", (time.Duration(left) * time.Second).Round(time.Minute))
}

// ask gives an order to a child process and returns what came out.
func (c *Campaign) ask(ctx context.Context, o order) (out Outcome, err error) {
	in, err := json.Marshal(o)
	if err != nil {
		return out, err
	}
	p := c.Command(ctx)
	var stdout, stderr bytes.Buffer
	p.Stdin, p.Stdout, p.Stderr = bytes.NewReader(in), &stdout, &stderr
	p.Cancel = func() error { return p.Process.Signal(syscall.SIGTERM) } // it writes a checkpoint
	p.WaitDelay = 5 * time.Minute
	if err := p.Run(); err != nil && stdout.Len() == 0 {
		if ctx.Err() != nil {
			return out, errStopped
		}
		return out, fmt.Errorf("%w: %s", err, strings.TrimSpace(stderr.String()))
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		return out, fmt.Errorf("what its process said: %w", err)
	}
	return out, nil
}

// resultOf is the line that is written down of an outcome.
func resultOf(t Task, out Outcome) Result {
	r := Result{Key: t.Key, Trials: t.Trials, Set: t.Set, Numerics: trainer.Numerics,
		CPU: cpuName(), Date: time.Now().UTC().Format(time.DateOnly),
		Steps: uint64(out.Steps), FLOPs: out.FLOPs, Batch: out.Batch, ParamsStart: out.ParamsStart, ParamsEnd: out.ParamsEnd,
		Widths: out.Widths, Events: []Event{}, TrainLoss: out.TrainLoss, TestAccuracy: out.TestAccuracy, Validation: out.Validation,
		ModelSHA256: out.ModelSHA256, WallS: out.WallS, CPUS: out.CPUS, Births: out.Births}
	for _, e := range out.GrowthEvents {
		r.Events = append(r.Events, short(e))
	}
	return r
}

// short returns what results keep of a growth event.
func short(e *growth.Record) Event {
	out := Event{Step: e.Step, Decision: e.Decision}
	for _, g := range e.Grown {
		out.Grown = append(out.Grown, Grown{Site: string(g.Site), From: g.From, To: g.To})
	}
	return out
}

// part is what a run that was stopped has cost so far, in a file beside its
// directory. It is there only while the run's last checkpoint is that of its stop.
type part struct {
	Set      Set
	Numerics int
	CPUS     float64
	WallS    float64
}

const partName = ".part.json"

// readPart returns what the run in dir has cost and removes the file, and
// whether the run can be taken up: it was stopped in order and is that of the task.
func readPart(dir string, t Task) (p part, ok bool) {
	raw, err := os.ReadFile(dir + partName)
	if err != nil {
		return p, false
	}
	if err := os.Remove(dir + partName); err != nil {
		return p, false
	}
	ok = json.Unmarshal(raw, &p) == nil && Result{Key: t.Key, Set: p.Set, Numerics: p.Numerics}.of(t)
	if _, err := os.Stat(filepath.Join(dir, "checkpoints")); errors.Is(err, fs.ErrNotExist) {
		ok = false
	}
	if !ok {
		return part{}, false
	}
	return p, true
}

// writePart writes down what a run that was stopped has cost.
func writePart(dir string, t Task, out Outcome) error {
	raw, err := json.Marshal(part{Set: t.Set, Numerics: trainer.Numerics, CPUS: out.CPUS, WallS: out.WallS})
	if err != nil {
		return err
	}
	return os.WriteFile(dir+partName, raw, 0o644)
}

// outside are characters that a directory's name does without.
var outside = regexp.MustCompile(`[^A-Za-z0-9]+`)

// fileName makes a directory's name of a key.
func fileName(k Key) string { return strings.Trim(outside.ReplaceAllString(k.String(), "-"), "-") }

// Fill adds to the results what the directories of their runs tell of birth groups, and
// returns of how many.
func (c *Campaign) Fill(tasks []Task) (filled int, err error) {
	for _, r := range slices.Clone(c.Results.list) {
		dir := filepath.Join(c.Runs, fileName(r.Key))
		state := checkpoint.NewestState(dir)
		if !slices.ContainsFunc(tasks, r.of) || state == nil || state.ModelSHA256 != r.ModelSHA256 {
			continue // no run, or not the one of the result
		}
		if r.Births, err = births(dir); err != nil {
			return filled, fmt.Errorf("%s: %w", r.Key, err)
		}
		if len(r.Births) == 0 {
			continue
		}
		if err := c.Results.Put(r); err != nil {
			return filled, err
		}
		filled++
	}
	return filled, nil
}

// list writes the runs of a plan and whether each has a result.
func list(w io.Writer, tasks []Task, results *Results) {
	for _, t := range tasks {
		state := "to make"
		if results.Has(t) {
			state = "done"
		}
		fmt.Fprintf(w, "%-8s %s\n", state, t.Key)
	}
}
