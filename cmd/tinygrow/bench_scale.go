package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/picture"
	"github.com/tinygrow/tinygrow/deploy/bench/scale"
	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func newBenchScale() *cobra.Command {
	var c scale.Config
	var model, plot, from string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure how training scales with the number of workers",
		Long: `Trains the same run with each number of workers, as separate processes of this binary on the loopback interface:
a NATS server (unless --nats names one), a coordinator and the workers. It reports samples/s, efficiency a thread,
processor time a sample over all processes, bytes a step against what the numbers in them need, and where the
milliseconds of a step are. The first step is left out. All runs must end in the same weights, or it fails.
Workers with --threads 0 share out the processors of this machine.`,
		Example: `  tinygrow bench scale --workers 1,2,4,8 --model resnet18-16 --batch 512 --steps 20
  tinygrow bench scale --data cifar10 --data-dir ~/cifar --model vgg --epochs 2 --target 0.5 --plot scale.svg --json
  tinygrow bench scale --replay box.jsonl --model resnet18-16`,
		Args: noArgs,
	}
	flags := slices.DeleteFunc(slices.Clone(runFlags), func(f keyFlag) bool { return f.name == "model" })
	src := newSource(cmd, dataFlags, flags, endFlags, policyFlag, threadsFlag, natsFlags)
	src.addRecipe()
	f := cmd.Flags()
	f.IntSliceVar(&c.Workers, "workers", []int{1, 2, 4, 8}, "numbers of workers")
	f.StringVar(&model, "model", "vgg", "network: one of "+strings.Join(speed.Models(), ", ")+", or a name that train takes")
	f.Float64Var(&c.Target, "target", 0, "test accuracy (0 to 1) whose time is measured; evaluates every half epoch")
	f.IntVar(&c.Repeat, "repeat", 1, "measurements of each number of workers; the medians count")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	f.StringVar(&from, "replay", "", "measure nothing: compare the runs in this `file`, which bench scale --json or bench box printed, "+
		"with what plan forecasts")
	f.StringVar(&plot, "plot", "", "draw samples/s over workers into this `file`, .svg or .png")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		base := run.Defaults()
		base.Growth.Policy, base.Train.Epochs, base.Train.Steps, base.Train.EvalEpochs = growth.PolicyNone, 0, 30, 0
		if base.Model.Name = model; slices.Contains(speed.Models(), model) {
			base.Model, _ = nn.Preset(model)
		}
		if c.Target > 0 {
			base.Train.EvalEpochs = 0.5
		}
		s, err := src.given().Resolve(base)
		if err != nil {
			return err
		}
		if c.Threads, c.NATS = s.Worker.Threads, s.NATS.URL; s.NATS.Listen != "" {
			return usagef("bench scale starts its own server: leave nats.listen out")
		}
		if from != "" {
			for _, name := range []string{"workers", "target", "repeat", "plot"} {
				if cmd.Flags().Changed(name) {
					return usagef("--replay measures nothing: leave --%s out", name)
				}
			}
			return compareRuns(cmd, from, &s, model, asJSON)
		}
		if err := c.Validate(); err != nil {
			return as(exitUsage, err)
		}
		if plot != "" {
			if err := picture.CheckName(plot); err != nil {
				return as(exitUsage, err)
			}
		}
		return runBenchScale(cmd, c, s, plot, asJSON)
	}
	return cmd
}

func runBenchScale(cmd *cobra.Command, c scale.Config, s run.Settings, plot string, asJSON bool) error {
	var err error
	if c.Binary, c.Document, err = itself(&s); err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context(), func(os.Signal) {})
	defer stop()
	r, err := scale.Run(ctx, c, func(r scale.Row) {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d workers: %.0f samples/s, %.3f ms of processor time a sample\n", r.Workers,
			r.SamplesPerS, r.CPUMS)
	})
	if err != nil {
		return measuring(ctx, err)
	}
	r.Model, r.Data, r.Batch, r.Cores, r.Date, r.Version = modelName(&s), s.Data.Name, s.Train.Batch, quota.CPUs(),
		time.Now().UTC().Format(time.DateOnly), buildVersion()
	r.CPU = cpuName()
	r.Print(cmd.ErrOrStderr())
	if !r.Same() {
		return fmt.Errorf("the runs ended in different weights: %v", r.Rows)
	}
	if plot != "" {
		if err := r.Plot(plot); err != nil {
			return err
		}
	}
	if !asJSON {
		return nil
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(r)
}

// itself returns this program and the settings as the processes of a measurement read them.
func itself(s *run.Settings) (binary string, document []byte, err error) {
	if document, err = config.Encode(s); err != nil {
		return "", nil, err
	}
	binary, err = os.Executable()
	return binary, document, err
}

// measuring is what a command says of the error of a measurement by processes.
func measuring(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return silentError{exitInterrupted}
	}
	var failed *scale.ProcessError
	if errors.As(err, &failed) && failed.Code > 0 {
		return as(exitCode(failed.Code), err)
	}
	return err
}

// modelName is what people call the network.
func modelName(s *run.Settings) string {
	name := s.Model.Name
	if s.Model.Width > 0 {
		name += fmt.Sprintf("-%d", s.Model.Width)
	}
	for i, w := range s.Model.Widths {
		name += fmt.Sprintf("%c%d", " -"[min(i, 1)], w)
	}
	return name
}

// cpuName returns the processor's name where the system tells it.
func cpuName() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.SplitSeq(string(raw), "\n") {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
