package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
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
	src := newSource(c, dataFlags, []keyFlag{{"run", "run", "id", "id of the run to join; without it, the one that goes on"}}, cacheFlag, threadsFlag, natsFlags, healthFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end: what was done and how long it took")
	c.RunE = func(c *cobra.Command, _ []string) error {
		base := defaults()
		base.Data.Name, base.fetches = "", true
		s, err := src.resolve(base)
		if err != nil {
			return err
		}
		if err := s.needNATS("worker"); err != nil {
			return err
		}
		if s.Run == "" && s.RunDir != "" {
			s.Run = idOf(s.RunDir)
		}
		interrupted := false
		ctx, stop := untilSignal(c.Context(), func(sig os.Signal) {
			interrupted = sig != syscall.SIGTERM
			slog.Info("told to stop: finishing the block in hand; a second signal ends at once")
		})
		defer stop()
		life := health.NewReporter("worker", s.Health)
		s.Worker.Alive = func(state string) { alive(life, state) }
		if err := s.findRun(ctx, life); err != nil {
			return err
		}
		var set *dataset.Set
		if ctx.Err() == nil {
			if set, err = s.dataOfRun(ctx, life); err != nil {
				return err
			}
		}
		var stats worker.Stats
		s.Worker.Done = func(s worker.Stats) { stats = s }
		if set != nil {
			if s.Worker.Key, err = s.NATS.key(); err != nil {
				return err
			}
			crew, err := s.newCrew(1, set, slog.Default(), func(int) (bus.Bus, error) { return s.NATS.dialWorker(life) })
			if err != nil {
				return err
			}
			if err := crew.work(ctx); err != nil {
				return err
			}
		}
		if asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(stats); err != nil {
				return err
			}
		}
		if interrupted {
			return silentError{exitInterrupted}
		}
		return nil
	}
	return c
}

// work runs the first worker alone until its run ends or ctx does.
func (c *crew) work(ctx context.Context) error {
	defer c.close()
	return worker.Run(ctx, c.configs[0], c.buses[0], c.set)
}

// findRun fills in the run of a worker that was not told one. Told to stop
// first, it leaves it empty.
func (s *settings) findRun(ctx context.Context, life *health.Reporter) error {
	if s.Run != "" {
		return nil
	}
	b, err := s.NATS.dialWorker(life)
	if err != nil {
		return err
	}
	defer b.Close()
	run, err := worker.Discover(ctx, b, s.Worker.Alive, slog.Default())
	if ctx.Err() != nil {
		return nil
	}
	s.Run = string(run)
	return err
}
