package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func newWorker() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "worker",
		Short: "Compute for a run whose coordinator is reached over NATS",
		Long: `Joins a run and computes. It waits for the coordinator as long as it takes, and joins again after any interruption.
Without --run it joins the one run that goes on at the server; where there are several it names them and ends.
SIGTERM or SIGINT finish the block in hand.
Without --data-dir it asks the coordinator for the data set, which it fetches over the NATS server once
and keeps in --cache; the workers of a host share that. A data set given here must be the coordinator's.`,
		Example: `  tinygrow worker --nats nats://host:4222
  tinygrow worker --nats nats://host:4222 --run a --data cifar10 --data-dir ~/cifar --threads 8`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags, []keyFlag{{"run", "run", "id", "id of the run to join; without it, the one that goes on"}}, cacheFlag,
		threadsFlag, natsFlags, healthFlag, metricsFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end: what was done and how long it took")
	c.RunE = member(src, &asJSON, "told to stop: finishing the block in hand; a second signal ends at once",
		func(ctx context.Context, s run.Settings) (any, error) { return run.Work(ctx, s) })
	return c
}

// member is what a command does that takes part in a run until it ends or a signal comes: stopping
// is what the log then says, and work returns what it did, which is printed where that is asked for.
func member(src *source, asJSON *bool, stopping string, work func(context.Context, run.Settings) (any, error)) func(*cobra.Command,
	[]string) error {
	return func(c *cobra.Command, _ []string) error {
		s, err := src.given().Resolve(run.WorkerDefaults())
		if err != nil {
			return err
		}
		interrupted := false
		ctx, stop := untilSignal(c.Context(), func(sig os.Signal) {
			interrupted = sig != syscall.SIGTERM
			slog.Info(stopping)
		})
		defer stop()
		s.Worker.Program = program()
		stats, err := work(ctx, s)
		if err != nil {
			return err
		}
		if *asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(stats); err != nil {
				return err
			}
		}
		if interrupted {
			return silentError{exitInterrupted}
		}
		return nil
	}
}
