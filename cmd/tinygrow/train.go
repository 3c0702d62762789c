package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/deploy/run"
)

func newTrain() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "train",
		Short: "Train and grow a network, everything in this process",
		Long: `Runs a coordinator and workers in this process and trains a growing network. Without flags it draws a small
data set and shows several growth events within a minute. Interrupt it once, end it (SIGTERM, SIGQUIT) or
close its terminal, and it finishes the step, writes a checkpoint and says how to resume; a second interrupt ends it at
once. More workers may join over NATS: over the server of --nats, or over one that
--listen starts in this process.`,
		Example: `  tinygrow train
  tinygrow train --recipe cifar10-vgg --data-dir ~/cifar-10-batches-bin
  tinygrow train --data cifar10 --data-dir ~/cifar --model cnn --epochs 3 --workers 2
  tinygrow train --from runs/a --data folder --data-dir ~/flowers --epochs 5
  tinygrow train --config run.yaml --set optim.momentum=0.8 --policy gradmax --run-dir runs/g --json`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags, runFlags, endFlags, policyFlag, runPlaceFlags,
		workersFlag, threadsFlag, natsFlags, listenFlag, uiFlag, metricsFlag)
	src.addNetworkOf()
	src.addRecipe()
	helpOfUsual(c, "nats", "creds", "ca")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := src.given().Resolve(run.Defaults())
		if err != nil {
			return err
		}
		s.Name()
		return runAndReport(c, s, run.Start{Workers: s.Workers, Given: src.given()}, asJSON)
	}
	return c
}

// outcome is what --json prints at the end of a run.
type outcome struct {
	coordinator.Result
	Policy string `json:"policy"`
	Seed   uint64 `json:"seed"`
	Model  string `json:"model"`
	Data   string `json:"data"`
}

// runAndReport runs a job until its end or a signal, and prints how it went.
func runAndReport(c *cobra.Command, s run.Settings, how run.Start, asJSON bool) error {
	con := newConsole(c.ErrOrStderr())
	con.alone = how.Workers > 0
	how.Terminal = con.alone && con.screen.Terminal()
	s.Worker.Program = program()
	s.Data.Progress = con.reading
	ctx, stop := untilSignal(c.Context(), func(os.Signal) {
		con.Line("interrupted: finishing the step and writing a checkpoint; a second interrupt ends at once")
	})
	defer stop()
	r, err := run.Train(ctx, s, how, con)
	con.end()
	if how.Standby && errors.Is(err, coordinator.ErrComplete) {
		return nil
	}
	if err != nil {
		return err
	}
	if asJSON {
		out := outcome{r, s.Growth.Policy, s.Train.Seed, s.Model.Name, s.Data.Name}
		if err := json.NewEncoder(c.OutOrStdout()).Encode(out); err != nil {
			return err
		}
	}
	report(c.ErrOrStderr(), &r)
	if r.Done {
		return nil
	}
	if r.Paused {
		fmt.Fprintf(c.ErrOrStderr(), "paused after step %d, as pause_at %v says; %s\n", r.Steps, s.PauseAt, continuation(&s, how, r.RunDir))
		return nil
	}
	fmt.Fprintf(c.ErrOrStderr(), "stopped after step %d; %s\n", r.Steps, continuation(&s, how, r.RunDir))
	return silentError{exitInterrupted}
}
