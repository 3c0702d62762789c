package main

import (
	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func newResume() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "resume RUN",
		Short: "Continue a run from its last checkpoint, to the same bits as if it had never stopped",
		Long: `Continues the run in directory RUN with the configuration it was started with, coordinator and workers in
this process. What does not change the result may differ: workers, threads, the NATS server, where the data lie.
What does is refused, but for a later end: --epochs, --steps, --max-flops or --target-accuracy extend a run that is
finished or was stopped. From the step at hand on the learning rate and growth follow the schedules of a run with the
new end (a cosine that had come down goes up again); checkpoints and metrics.jsonl say from which step, and verify
follows.`,
		Example: `  tinygrow resume runs/a
  tinygrow resume runs/a --workers 4 --threads 1 --json
  tinygrow resume runs/a --epochs 60`,
		Args: oneArg("RUN"),
	}
	src := newSource(c, dataFlags, endFlags, workersFlag, threadsFlag, natsFlags, listenFlag, uiFlag, metricsFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := src.given().ReadRun(args[0], run.Extending)
		if err != nil {
			return err
		}
		return runAndReport(c, s, run.Start{Resume: true, Workers: s.Workers, Given: src.given()}, asJSON)
	}
	return c
}
