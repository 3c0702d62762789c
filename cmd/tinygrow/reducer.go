package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func newReducer() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "reducer",
		Short: "Add gradients and update weights of a part of the network, for a run over NATS",
		Long: `Joins a run and owns a range of its parameters: it adds the workers' gradients of that range, updates it and
sends the new weights to all. On hosts that have a NATS server each this takes most of the bytes off the link of the
coordinator, where without reducers all of them go. Reducers that share a matrix of muon send each other their sums of it.
The result has the same bits either way. cluster.reducers of the coordinator bounds how many are used.
It waits for the coordinator as long as it takes, and joins again after any interruption. What a reducer that dies
had not sent to the coordinator yet is made again. SIGTERM or SIGINT end it.`,
		Example: `  tinygrow reducer --nats nats://host:4222
  tinygrow reducer --nats nats://host:4222 --run a --creds keys/reducer/seed.nk --ca keys/reducer/ca.crt`,
		Args: noArgs,
	}
	src := newSource(c, []keyFlag{{"run", "run", "id", "id of the run to join; without it, the one that goes on"}}, natsFlags, healthFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end: what was done")
	c.RunE = member(src, &asJSON, "told to stop", func(ctx context.Context, s run.Settings) (any, error) { return run.Reduce(ctx, s) })
	return c
}
