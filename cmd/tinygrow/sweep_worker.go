package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

func newSweepWorker() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "worker SWEEP",
		Short: "Compute for the trials of a sweep, one after the other, over NATS",
		Long: `Joins trials of the sweep that is called SWEEP, which is the name of its directory, as tinygrow worker joins a run:
each until it ends or pauses, then another one. The sweep itself runs elsewhere, as tinygrow sweep --nats URL. SIGTERM or
SIGINT finish the block in hand.`,
		Example: "  tinygrow sweep worker search --nats nats://host:4222",
		Args:    oneArg("SWEEP"),
	}
	src := newSource(c, dataFlags, cacheFlag, threadsFlag, natsFlags, healthFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end: how many runs were joined")
	c.RunE = func(c *cobra.Command, args []string) error {
		work := func(ctx context.Context, s run.Settings) (any, error) {
			n, err := run.WorkRuns(ctx, s, sweep.Runs(args[0]))
			return struct {
				Joined int `json:"joined"`
			}{n}, err
		}
		return member(src, &asJSON, "told to stop: finishing the block in hand; a second signal ends at once", work)(c, args)
	}
	return c
}
