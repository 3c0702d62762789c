package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

var healthFlag = []keyFlag{{"health", "health", "file", "file in which to show signs of life, for tinygrow health"}}

func newHealth() *cobra.Command {
	var patience, stall time.Duration
	var quit bool
	var asJSON bool
	variable := config.Variable("health")
	c := &cobra.Command{
		Use:   "health [FILE]",
		Short: "Tell whether a coordinator or worker on this machine is alive",
		Long: `Reads the file that a coordinator or worker writes when it was started with --health FILE, and exits with 0
if its last sign of life is recent and it got somewhere not long ago: a round, a part of one, an answer to a request;
else with 1. One that waits, for workers or for a coordinator, is healthy as long as the server answers it. Without an argument the
file is that of ` + variable + `. --quit is for what looks at health and starts processes again only when they
have ended, as Docker does.`,
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
			file, err := expandHome(file)
			if err != nil {
				return as(exitUsage, err)
			}
			status, err := health.Check(file, time.Now(), patience, stall)
			if quit && err != nil && status.PID > 0 {
				err = errors.Join(err, health.Quit(status))
			}
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
	c.Flags().DurationVar(&stall, "stall", health.Stall, "how long a process may live and get nowhere, as in a block of a large network")
	c.Flags().BoolVar(&quit, "quit", false, "tell a process that is not healthy to quit (SIGQUIT): it writes a checkpoint and exits with 130")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}

// showLife makes events report signs of life and progress as well.
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
	return showProgress(e, r)
}

// showProgress counts what brings the run forward and, while it waits, that the
// server answers.
func showProgress(e coordinator.Events, r *health.Reporter) coordinator.Events {
	waits := true // for the first worker
	step, evaluated, grew, waiting, resumed, decided := e.Step, e.Evaluated, e.Grew, e.Waiting, e.Resumed, e.Decided
	e.Step = func(s trainer.StepRecord, p coordinator.Pace) { waits = false; r.Progress(); step(s, p) }
	e.Evaluated = func(v trainer.EvalRecord) { r.Progress(); evaluated(v) }
	e.Grew = func(g growth.Record, n trainer.GrownRecord) { r.Progress(); grew(g, n) }
	e.Waiting = func(why string) { waits = true; waiting(why) }
	e.Resumed = func(why string) { waits = false; r.Progress(); resumed(why) }
	e.Decided = func(c plan.Command) {
		if _, folded := c.(plan.Fold); folded {
			r.Progress()
		}
		if decided != nil {
			decided(c)
		}
	}
	e.Reached = func() {
		if waits {
			r.Progress()
		}
	}
	return e
}

// moving counts each answer as progress of a worker.
type moving struct {
	bus.Bus
	progress func()
}

// dialWorker connects a worker whose progress life shows.
func (n natsSettings) dialWorker(life *health.Reporter) (bus.Bus, error) {
	b, err := n.dial(proto.WorkerRole, "worker")
	if err != nil {
		return nil, err
	}
	return moving{b, life.Progress}, nil
}

// Request asks. That nobody answers is an answer of the server.
func (m moving) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	answer, err := m.Bus.Request(ctx, subject, data)
	if err == nil || errors.Is(err, bus.ErrNoResponders) {
		m.progress()
	}
	return answer, err
}

// Flush returns when the server has what was published.
func (m moving) Flush(ctx context.Context) error {
	err := m.Bus.Flush(ctx)
	if err == nil {
		m.progress()
	}
	return err
}

// alive reports; a report that cannot be made is followed by others, and the
// one who looks sees that they are missing.
func alive(r *health.Reporter, state string) { _ = r.Alive(state) }
