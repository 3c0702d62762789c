package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/deploy/test/chaos"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func newChaos() *cobra.Command {
	c := chaos.Config{Workers: 3, Kills: 6, Limit: 3 * time.Minute}
	seedText, asJSON := "1", false
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Kill, pause and restart the processes of a run, and prove that it ends with the same bits",
		Long: `Trains a small growing network on a cluster of processes on the loopback interface: a NATS server with JetStream, a
coordinator, workers, and reducers if wanted. A script drawn from the seed kills, pauses and restarts them as the run goes
on. What comes out must have the hashes of model, optimizer and growth journal of a run in one process that nobody disturbed, or the
command fails and keeps the files of both.`,
		Example: `  tinygrow chaos --seed 7 --kills 10 --workers 3
  tinygrow chaos --seed 1-200 --json > chaos.jsonl
  tinygrow chaos --seed 1-100 --reducers 2 --set worker.combine=true
  tinygrow chaos --seed 3 --binaries ./tinygrow-v1,./tinygrow-v3`,
		Args: noArgs,
	}
	src := newSource(cmd, dataFlags, []keyFlag{{"model", "model.name", "name", "starting network"},
		{"steps", "train.steps", "n", "updates to make"}})
	f := cmd.Flags()
	f.StringVar(&seedText, "seed", seedText, "`seed` of script and run, or a range of them, as 1-200")
	f.IntVar(&c.Kills, "kills", c.Kills, "faults of a seed")
	f.IntVar(&c.Workers, "workers", c.Workers, "worker processes")
	f.IntVar(&c.Reducers, "reducers", c.Reducers, "reducer processes, which are killed and paused too; the network is larger then")
	f.DurationVar(&c.Limit, "stuck-after", c.Limit, "time after which a run counts as stuck")
	f.StringSliceVar(&c.Binaries, "binaries", nil, "builds of tinygrow by commas, of which each start of a process draws `one`; "+
		"without it, this one")
	f.BoolVar(&asJSON, "json", false, "print one JSON object a seed on stdout")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		all, err := seedRange(seedText)
		if err != nil {
			return err
		}
		s, err := src.given().Resolve(chaosDefaults(c.Reducers))
		if err != nil {
			return err
		}
		if s.NATS.URL != "" || s.NATS.Listen != "" {
			return usagef("chaos starts its own server: leave nats.url and nats.listen out")
		}
		if !dataset.Drawn(s.Data.Name) {
			if _, err := dataset.Open(s.Data); err != nil {
				return as(exitData, err)
			}
		}
		if c.Binary, err = os.Executable(); err != nil {
			return err
		}
		if len(c.Binaries) == 0 {
			c.Binaries = []string{c.Binary}
		}
		c.Steps = s.Train.Steps
		if err := c.Validate(); err != nil {
			return as(exitUsage, err)
		}
		if c.Document, err = config.Encode(&s); err != nil {
			return err
		}
		return runChaos(cmd, c, all, asJSON)
	}
	return cmd
}

// chaosDefaults is a run of some seconds with several growth events, of a network that so
// many reducers find ranges in.
func chaosDefaults(reducers int) run.Settings {
	s := run.Defaults()
	s.Data.Limit = 640
	s.Model = nn.ModelConfig{Name: "cnn", Widths: []int{2, 3}}
	if reducers > 0 {
		s.Model.Widths = []int{16, 48} // a range has 2,048 parameters at least
	}
	s.Train.Steps, s.Train.Epochs, s.Train.Batch, s.Train.MicroShard, s.Train.EvalEpochs = 240, 0, 64, 8, 6
	s.Growth = growth.DefaultOf(growth.PolicyTiny)
	s.Growth.EverySteps, s.Growth.Until, s.Growth.MaxNeurons, s.Growth.Gate, s.Growth.Samples = 40, 1, 2, false, 96
	s.Growth.Riding = 0.5 // so that a kill falls into a window of statistics that ride along
	s.Cluster.LostAfter, s.Checkpoint.Every = 2*time.Second, time.Second
	return s
}

// seeds are those from first to last.
type seeds struct{ first, last uint64 }

// seedRange reads 7 or 1-200.
func seedRange(text string) (all seeds, err error) {
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		to = from
	}
	all.first, err = strconv.ParseUint(from, 10, 64)
	if err == nil {
		all.last, err = strconv.ParseUint(to, 10, 64)
	}
	if err != nil || all.last < all.first {
		return seeds{}, usagef("--seed %q: must be a number, or a range of them as 1-200", text)
	}
	return all, nil
}

// runChaos goes through the seeds and tells of each.
func runChaos(cmd *cobra.Command, c chaos.Config, all seeds, asJSON bool) error {
	ctx, stop := untilSignal(cmd.Context(), func(os.Signal) {})
	defer stop()
	out, began, failed := json.NewEncoder(cmd.OutOrStdout()), time.Now(), 0
	fired, done := map[chaos.Kind]int{}, uint64(0)
	for seed := all.first; ; seed++ {
		r, err := chaos.Run(ctx, c, seed)
		if errors.Is(err, context.Canceled) {
			return silentError{exitInterrupted}
		}
		if err != nil {
			return err
		}
		done++
		if r.Failure != "" {
			failed++
		}
		for k, n := range r.Fired {
			fired[k] += n
		}
		if asJSON {
			if err := out.Encode(r); err != nil {
				return err
			}
		}
		tellChaos(cmd, r, asJSON)
		if seed == all.last {
			break
		}
		if done%10 == 0 {
			left := time.Since(began) / time.Duration(done) * time.Duration(all.last-seed)
			fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d seeds, %s left\n", done, all.last-all.first+1, left.Round(time.Second))
		}
	}
	if all.last > all.first {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d of %d seeds ended with the same bits; faults: %s\n", int(done)-failed, done, kindsText(fired))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d seeds failed", failed, done)
	}
	return nil
}

// tellChaos prints the proof of a seed; of a single one with its script.
func tellChaos(cmd *cobra.Command, r chaos.Report, short bool) {
	w := cmd.ErrOrStderr()
	if !short {
		for _, f := range r.Faults {
			what := fmt.Sprintf("%.1f s, at step %d", f.AtS, f.Done)
			if !f.Fired {
				what = "not fired: the process was not there"
			}
			fmt.Fprintf(w, "  %-40s %s\n", f.Fault, what)
		}
	}
	verdict := "the same bits"
	if r.Failure != "" {
		verdict = r.Failure
	}
	members := fmt.Sprintf("%d workers", r.Workers)
	if r.Reducers > 0 {
		members += fmt.Sprintf(", %d reducers with %d updates", r.Reducers, r.Reduced)
	}
	fmt.Fprintf(w, "seed %d: %d steps, %d growths, %s, %s, %.1f s: %s\n", r.Seed, r.Steps, r.Grew, members, kindsText(r.Fired),
		r.WallS, verdict)
	if !short && r.Failure == "" {
		fmt.Fprintf(w, "  model      %s\n  optimizer  %s\n  journal    %s\n", r.Got.Model, r.Got.Optimizer, r.Got.Journal)
	}
}

func kindsText(n map[chaos.Kind]int) string {
	var parts []string
	for _, k := range chaos.Kinds() {
		if n[k] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[k], k))
		}
	}
	if len(parts) == 0 {
		return "no faults"
	}
	return strings.Join(parts, ", ")
}
