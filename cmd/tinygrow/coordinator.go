package main

import (
	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func newCoordinator() *cobra.Command {
	var asJSON, resume, standby, check bool
	c := &cobra.Command{
		Use:   "coordinator",
		Short: "Run the coordinator of a job whose workers join over NATS",
		Long: `Runs the coordinator alone: it waits for workers on the NATS server, hands out work, updates the weights,
decides on growth and keeps the run directory. It reads the data set only to know its size and digest.
With --resume it takes up the run in --run-dir if there is one, with the configuration that run was started with:
what decides its result may be given again, not changed, but for a later end (tinygrow resume --help).
With --standby it waits while another coordinator leads the run, and takes over within seconds when that dies, is cut
off or stops: start two or more of them so and one works. That needs a NATS server with JetStream: it keeps
the log of commits, which makes sure that no two ever lead at once, and the newest checkpoint, so that each of them may
have a run directory of its own or all share one.`,
		Example: `  tinygrow coordinator --nats nats://host:4222 --run-dir runs/a --data cifar10 --data-dir ~/cifar --epochs 20
  tinygrow coordinator --nats nats://host:4222 --run-dir runs/a --resume
  tinygrow coordinator --nats nats://host:4222 --run a --run-dir runs/a --standby`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags, runFlags, endFlags, policyFlag, runPlaceFlags, natsFlags, healthFlag, uiFlag, metricsFlag)
	src.addNetworkOf()
	src.addRecipe()
	helpOfUsual(c)
	c.Flags().BoolVar(&resume, "resume", false, "take up the run in --run-dir if there is one")
	c.Flags().BoolVar(&standby, "standby", false, "wait while another coordinator leads the run, then take over")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout at the end")
	c.Flags().BoolVar(&check, "check", false, "look at settings, data set and run directory for faults, and start nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, resumed, err := src.given().Coordinator(run.Start{Resume: resume, Standby: standby})
		if err != nil {
			return err
		}
		if check {
			return s.Check(resumed)
		}
		return runAndReport(c, s, run.Start{Resume: resumed && !standby, Standby: standby, Given: src.given()}, asJSON)
	}
	return c
}
