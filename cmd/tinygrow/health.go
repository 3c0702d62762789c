package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/config"
	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto"
)

var healthFlag = []keyFlag{{"health", "health", "file", "file in which to show signs of life, for tinygrow health"}}

func newHealth() *cobra.Command {
	var patience time.Duration
	var asJSON bool
	variable := config.Variable("health")
	c := &cobra.Command{
		Use:   "health [FILE]",
		Short: "Tell whether a coordinator or worker on this machine is alive",
		Long: `Reads the file that a coordinator or worker writes when it was started with --health FILE, and exits with 0
if its last sign of life is recent, else with 1. Without an argument the file is that of ` + variable + `.`,
		Example: "  tinygrow worker --nats nats://host:4222 --run a --health /run/tinygrow/worker\n  tinygrow health /run/tinygrow/worker",
		Args:    atMostOneArg,
		RunE: func(c *cobra.Command, args []string) error {
			file := os.Getenv(variable)
			if len(args) > 0 {
				file = args[0]
			}
			if file == "" {
				return usagef("health needs the file that --health named, or %s", variable)
			}
			status, err := health.Check(file, time.Now(), patience)
			if asJSON {
				answer := struct {
					Alive bool `json:"alive"`
					health.Status
				}{err == nil, status}
				if err := json.NewEncoder(c.OutOrStdout()).Encode(answer); err != nil {
					return err
				}
			}
			if err == nil && !asJSON {
				fmt.Fprintf(c.OutOrStdout(), "%s alive: %s\n", proto.Printable(status.Role), proto.Printable(status.State))
			}
			return err
		},
	}
	c.Flags().DurationVar(&patience, "patience", 2*time.Minute, "age of a sign of life that still counts; growth events of large networks take long")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}

// showLife makes events report signs of life as well.
func showLife(e coordinator.Events, r *health.Reporter) coordinator.Events {
	state := "starting"
	started, step, waiting := e.Started, e.Step, e.Waiting
	e.Started = func(s coordinator.Started) {
		state = fmt.Sprintf("run %s at step %d of %d", s.Run, s.Step, s.Steps)
		started(s)
	}
	e.Step = func(s trainer.StepRecord, p coordinator.Pace) {
		state = fmt.Sprintf("step %d, %d workers, %.0f samples/s", s.Step, p.Workers, p.SamplesSec)
		step(s, p)
	}
	e.Waiting = func(why string) {
		state = "waiting: " + why
		waiting(why)
	}
	e.Alive = func() { alive(r, state) }
	return e
}

// alive reports; a report that cannot be made is followed by others, and the
// one who looks sees that they are missing.
func alive(r *health.Reporter, state string) { _ = r.Alive(state) }
