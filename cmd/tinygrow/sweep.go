package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// sweepPlace is where and with how many hands a sweep is made.
type sweepPlace struct {
	dir      string
	parallel int
	json     bool
}

func (p *sweepPlace) flags(c *cobra.Command) {
	f := c.Flags()
	f.IntVar(&p.parallel, "parallel", 0, "trials at once, each a process; 0: one for each processor, as far as there are slots")
	f.BoolVar(&p.json, "json", false, "print the table as one JSON object on stdout at the end")
}

func newSweep() *cobra.Command {
	var place sweepPlace
	var space []string
	asked := sweep.Default()
	c := &cobra.Command{
		Use:   "sweep [FILE]",
		Short: "Search for settings: random, simplified swarm, successive halving, evolution; trials are runs",
		Long: `Searches for settings, widths of a network among them. Trials are ordinary runs, each in a directory of its own below that
of the sweep and with the bits of a run of its own. FILE has the sweep in YAML: algorithm, trials, total_flops,
total_seconds, search_seed, slots, space, base (a file with the configuration of all trials), recipe, settings, assess,
and the sections sso, asha, evolve and assessor; flags go over it. The space says of each setting what is tried:
int(4, 64), float(0, 1), logfloat(0.01, 1) or choice(sgd, muon), of lists also element by element.

Trials are ranked by their accuracy on validation samples if train.validation holds some out, else on the test samples,
which are then no longer a test of the best one. A sweep that was stopped or killed goes on by the same command with
--dir, or by tinygrow sweep resume, and ends with the same table. With --nats the workers of tinygrow sweep worker help.`,
		Example: `  tinygrow sweep --space 'optim.lr=logfloat(0.01, 1)' --space 'model.widths[0]=int(4, 32)' --model mlp --steps 200
  tinygrow sweep sweep.yaml --dir runs/search --parallel 4
  tinygrow sweep resume runs/search
  tinygrow sweep show runs/search
  tinygrow sweep plot runs/search --beside runs/grown`,
		Args: atMostOneArg,
	}
	src := newSource(c, dataFlags, runFlags, endFlags, policyFlag, threadsFlag, natsFlags)
	src.addRecipe()
	place.flags(c)
	f := c.Flags()
	f.StringVar(&place.dir, "dir", "", "`directory` of the sweep (default: a new one below runs)")
	f.StringVar(&asked.Algorithm, "algorithm", asked.Algorithm, "who decides what is tried: "+strings.Join(sweep.Algorithms, ", "))
	f.StringArrayVar(&space, "space", nil, "search a `key=kind(values)`, as optim.lr=logfloat(0.01, 1); may be repeated")
	f.IntVar(&asked.Trials, "trials", asked.Trials, "trials to begin")
	f.Float64Var(&asked.TotalFLOPs, "total-flops", 0, "FLOPs of all trials behind which none begins; 0: no bound")
	f.Float64Var(&asked.TotalSeconds, "total-seconds", 0, "seconds of processor time behind which no trial begins; 0: no bound")
	f.Uint64Var(&asked.SearchSeed, "search-seed", asked.SearchSeed, "seed of the search")
	f.BoolVar(&asked.Assess, "assess", false, "let a predictor stop trials behind a part of their run, and propose new ones; random alone")
	f.IntVar(&asked.Slots, "slots", asked.Slots, "trials that are decided upon before the first has a result; part of the result")
	c.RunE = func(c *cobra.Command, args []string) error {
		config := sweep.Default()
		if len(args) == 1 {
			if err := config.Read(args[0]); err != nil {
				return as(exitUsage, err)
			}
		}
		for name, lay := range map[string]func(){
			"algorithm": func() { config.Algorithm = asked.Algorithm }, "trials": func() { config.Trials = asked.Trials },
			"total-flops":   func() { config.TotalFLOPs = asked.TotalFLOPs },
			"total-seconds": func() { config.TotalSeconds = asked.TotalSeconds },
			"search-seed":   func() { config.SearchSeed = asked.SearchSeed }, "slots": func() { config.Slots = asked.Slots },
			"assess": func() { config.Assess = asked.Assess },
		} {
			if c.Flags().Changed(name) {
				lay()
			}
		}
		for _, text := range space {
			key, values, is := strings.Cut(text, "=")
			if !is {
				return usagef("--space %q: must be key=kind(values), as optim.lr=logfloat(0.01, 1)", text)
			}
			if config.Space == nil {
				config.Space = map[string]string{}
			}
			config.Space[strings.TrimSpace(key)] = values
		}
		given := src.given()
		config.Lay(given)
		if err := config.Validate(); err != nil {
			return as(exitUsage, err)
		}
		if place.dir == "" {
			place.dir = filepath.Join("runs", "sweep-"+config.Algorithm+"-"+time.Now().Format("20060102-150405"))
		}
		return place.run(c, src, func(ctx context.Context, how sweep.How) error {
			return sweep.Start(ctx, place.dir, config, how)
		})
	}
	c.AddCommand(newSweepResume(), newSweepShow(), newSweepPlot(), newSweepWorker())
	return c
}

func newSweepResume() *cobra.Command {
	var place sweepPlace
	c := &cobra.Command{
		Use:   "resume SWEEP",
		Short: "Go on with a sweep that was stopped or killed, to the same table",
		Long: `Goes on with the sweep in directory SWEEP: trials without a result go on from their checkpoints, and the others are
begun. The table at the end is that of a sweep that was never stopped, but for measured times.`,
		Example: "  tinygrow sweep resume runs/search\n  tinygrow sweep resume runs/search --parallel 2 --json",
		Args:    oneArg("SWEEP"),
	}
	src := newSource(c, threadsFlag, natsFlags)
	place.flags(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		place.dir = args[0]
		if _, err := sweep.ReadDir(place.dir); err != nil {
			return err
		}
		return place.run(c, src, func(ctx context.Context, how sweep.How) error { return sweep.Resume(ctx, place.dir, how) })
	}
	return c
}

// fates are what codes of processes say of trials.
func fates(code int) sweep.Fate {
	switch exitCode(code) {
	case exitOK:
		return sweep.Ended
	case exitDiverged:
		return sweep.Diverged
	case exitUsage:
		return sweep.Refused
	case exitInterrupted:
		return sweep.Gone
	case exitRun:
		return sweep.Taken
	}
	return sweep.Broken
}

// run makes a sweep until its end or a signal, and prints its table.
func (p *sweepPlace) run(c *cobra.Command, src *source, made func(context.Context, sweep.How) error) error {
	slots := sweep.Default().Slots
	if was, err := sweep.ReadDir(p.dir); err == nil {
		slots = was.Slots
	}
	if p.parallel < 0 {
		return usagef("--parallel %d: must be at least 0", p.parallel)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	con := newConsole(c.ErrOrStderr())
	defer con.end()
	began := time.Now()
	con.told = began
	how := sweep.How{Parallel: cmp.Or(p.parallel, min(runtime.GOMAXPROCS(0), slots)), Fate: fates, Line: con.Line,
		Command:  func(words ...string) *exec.Cmd { return exec.Command(program, words...) },
		Progress: func(at sweep.Progress) { con.swept(at, began) }}
	g := src.given()
	for _, f := range g.Flags {
		switch {
		case f.Key == "worker.threads":
			_, err = fmt.Sscan(f.Value, &how.Threads)
		case strings.HasPrefix(f.Key, "nats."):
			how.Place = append(how.Place, f.Name, f.Value)
		}
	}
	if err != nil {
		return usagef("--threads: %v", err)
	}
	how.Threads = cmp.Or(how.Threads, max(runtime.GOMAXPROCS(0)/how.Parallel, 1))
	ctx, stop := untilSignal(c.Context(), func(os.Signal) {
		con.Line("interrupted: the trials finish their steps and write checkpoints; a second interrupt ends at once")
	})
	defer stop()
	err = made(ctx, how)
	if err != nil && !errors.Is(err, sweep.ErrStopped) {
		return err
	}
	t, failed := sweep.ReadTable(p.dir)
	if failed != nil {
		return failed
	}
	if p.json {
		failed = json.NewEncoder(c.OutOrStdout()).Encode(t)
	} else {
		failed = printSweep(c.OutOrStdout(), &t)
	}
	if err == nil || failed != nil {
		return failed
	}
	words := append([]string{"tinygrow", "sweep", "resume", p.dir}, how.Place...)
	fmt.Fprintf(c.ErrOrStderr(), "stopped with %d of %d trials; continue with: %s\n", len(t.Rows), t.Trials, commandLine(words))
	return silentError{exitInterrupted}
}

// swept tells how far a sweep is.
func (c *console) swept(p sweep.Progress, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.due() {
		return
	}
	parts := []terminal.Part{
		{Rank: 0, Text: fmt.Sprintf("%d of %d trials begun, %d running", p.Begun, p.Trials, p.Running)},
		{Rank: 2, Text: bar(float64(p.Ended) / float64(max(p.Ended+p.Left, 1))), Bare: true},
	}
	if p.Made > 0 {
		parts = append(parts, terminal.Part{Rank: 1, Text: "ETA " + roughly(time.Since(began)/time.Duration(p.Made)*time.Duration(p.Left))})
	}
	c.screen.Progress(parts...)
}

// printSweep prints a line for each trial, the best first.
func printSweep(out io.Writer, t *sweep.Table) error {
	state := "not at its end"
	if t.Done {
		state = "at its end"
	}
	if t.Ended != "" {
		state += ": " + t.Ended
	}
	w := newTable(out)
	fmt.Fprintf(w, "%s: %s, %d of %d trials, %s: %s FLOPs, %s of processor time\n", t.Name, t.Algorithm, len(t.Rows), t.Trials, state,
		scaled(t.FLOPs), brief(t.CPUS))
	if len(t.Rows) == 0 {
		return w.Flush()
	}
	head := "ACC %\tTEST %"
	if slices.ContainsFunc(t.Rows, func(r sweep.Row) bool { return r.Metric == nn.Regression.Metric() }) {
		head = "R2\tTEST R2"
	}
	fmt.Fprintln(w, "TRIAL\t"+head+"\tPART\tPARAMS\tFLOPS\tCPU\tSETTINGS")
	for _, r := range t.Rows {
		accuracy, test, cpu := percent(&r.Accuracy, r.Metric), "-", brief(r.CPUS)
		if r.Split == "validation" {
			accuracy = "v" + accuracy
		}
		if r.Test != nil {
			test = percent(r.Test, r.Metric)
		}
		if r.Failed != "" {
			accuracy = "-"
		}
		settings := strings.Join(r.Settings, ", ")
		if r.Failed != "" {
			settings += ": " + r.Failed
		}
		if r.SameAs != nil {
			cpu, settings = "-", settings+fmt.Sprintf(": as trial %d", *r.SameAs)
		}
		if a := r.Assessed; a != nil && a.Stopped {
			settings += fmt.Sprintf(": stopped, %s +- %s was foretold, and the best was %s", percent(&a.Foretold, r.Metric),
				percent(&a.Error, r.Metric), percent(&a.Best, r.Metric))
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%.3g\t%s\t%s\t%s\t%s\n", r.Trial, accuracy, test, r.Part, scaled(float64(r.Params)),
			scaled(r.FLOPs), cpu, settings)
	}
	return w.Flush()
}

// percent writes an accuracy of 1 in per cent, or R2 as it is.
func percent(v *float64, metric string) string {
	if metric == nn.Regression.Metric() {
		return fmt.Sprintf("%.3f", *v)
	}
	return fmt.Sprintf("%.2f", 100**v)
}

func newSweepShow() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show SWEEP",
		Short: "Print the table of a sweep, the best trial first, at its end or while it goes on",
		Long: `Prints a line for each trial of the sweep in directory SWEEP that has a result: the accuracy it is ranked by, v before it
says that it is of validation samples, that on the test samples, the part of a run that it was made up to, parameters,
FLOPs, processor time and settings. --json has more, and the best so far behind each result.`,
		Example: "  tinygrow sweep show runs/search\n  tinygrow sweep show runs/search --json",
		Args:    oneArg("SWEEP"),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := sweep.ReadTable(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(t)
			}
			return printSweep(c.OutOrStdout(), &t)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}
