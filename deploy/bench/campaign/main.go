// Command campaign makes the runs behind the tables of accuracy: a plan lists
// networks, budgets of computation, ways to train and seeds, and each run that
// has no result yet is made and written down as a line of JSON. A run counts as
// made if its line has the same settings and the same version of the arithmetic
// (trainer.Numerics), so the command can be stopped and started again at any
// time: runs that were stopped by an interrupt go on from their checkpoint.
//
//	go run ./deploy/bench/campaign -data-dir CIFAR -runs DIR
//	go run ./deploy/bench/campaign -data-dir CIFAR -runs DIR -only 'vgg.*1.35e.13' -jobs 2
//	go run ./deploy/bench/campaign -list
//	go run ./deploy/bench/campaign -runs DIR -births
//
// Each run is a process of one thread, this same program, so that its processor
// time is its own. A result tells of each birth group how fast its neurons still learn
// towards the end; -births adds that to results of earlier programs whose runs lie in
// DIR. It renders nothing: deploy/bench/render does.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
)

// childName is the argument that makes the program a child of itself.
const childName = "run-one"

func main() {
	stat.Main("campaign", func(ctx context.Context, args []string) error {
		if len(args) == 1 && args[0] == childName {
			return child(ctx, os.Stdin, os.Stdout)
		}
		return command(ctx, args)
	})
}

// command is the program as people call it.
func command(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("campaign", flag.ContinueOnError)
	plan := f.String("plan", "policies", "plan of the runs: a file, or one of "+strings.Join(names(), ", "))
	results := f.String("results", "", "file of results (default deploy/bench/results/PLAN.jsonl; campaign.jsonl for policies)")
	dataDir := f.String("data-dir", "", "directory of the data set's files")
	runs := f.String("runs", "", "directory for the runs, some megabytes each")
	only := f.String("only", "", "make only runs whose name matches this regular expression; -list shows names")
	jobs := f.Int("jobs", 1, "runs at a time, of one thread each")
	show := f.Bool("list", false, "list the runs of the plan, and which have a result, and make none")
	fill := f.Bool("births", false, "add to results what their runs in -runs tell of birth groups, and make none")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() > 0 {
		return fmt.Errorf("%q: there are no arguments but flags; see -help", f.Arg(0))
	}
	p, err := Read(*plan)
	if err != nil {
		return err
	}
	all := p.Tasks()
	tasks, err := chosen(all, *only)
	if err != nil {
		return err
	}
	file, err := Open(cmp.Or(*results, resultsOf(*plan)))
	if err != nil {
		return err
	}
	if n := file.Strange(all); n > 0 {
		const why = "of other settings or numerics than the plan and this program have, or of no run of the plan"
		fmt.Fprintf(os.Stderr, "%s: %d results are %s; a run that is made takes the place of its old one\n", file.path, n, why)
	}
	if *show {
		list(os.Stdout, tasks, file)
		return nil
	}
	if *runs == "" {
		return errors.New("give -runs DIR, a directory for the runs")
	}
	c := Campaign{DataDir: *dataDir, Runs: *runs, Jobs: *jobs, Results: file,
		Tell: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	if *fill {
		n, err := c.Fill(tasks)
		c.Tell("%d results tell of birth groups now: "+
			"the others' runs did not grow, have fewer than two checkpoints or are not in %s", n, *runs)
		return err
	}
	for _, t := range tasks {
		if set, files := t.reads(); files && *dataDir == "" {
			return fmt.Errorf("the plan reads %s: give -data-dir DIR, the directory of its files", set)
		}
	}
	if *jobs < 1 || *jobs > runtime.NumCPU() {
		return fmt.Errorf("-jobs %d: give 1 to %d, the processors of this machine", *jobs, runtime.NumCPU())
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c.Command = func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, self, childName) }
	return c.Make(ctx, tasks)
}

// resultsOf is where the results of a plan lie in the repository.
func resultsOf(plan string) string {
	name := strings.TrimSuffix(filepath.Base(plan), ".yaml")
	if name == "policies" {
		name = "campaign"
	}
	return filepath.Join("deploy", "bench", "results", name+".jsonl")
}

// chosen returns the runs whose names match the pattern.
func chosen(all []Task, pattern string) ([]Task, error) {
	match, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	var tasks []Task
	for _, t := range all {
		if match.MatchString(t.Key.String()) {
			tasks = append(tasks, t)
		}
	}
	if len(tasks) == 0 {
		return nil, fmt.Errorf("-only %q: no run of the plan is called so; -list shows their names", pattern)
	}
	return tasks, nil
}

// cpuName returns the model of the processor where the system tells it.
func cpuName() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
