package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func newBenchEvent() *cobra.Command {
	config, data := speed.DefaultEvent(), dataset.Default()
	var asJSON bool
	c := &cobra.Command{
		Use:   "event",
		Short: "Measure what growth events cost beside the training between them",
		Long: `Trains a network with growth events at the default settings, and measures the processor time of each event, by
rounds, beside that of the training before it.`,
		Example: "  tinygrow bench event --events 6 --json\n  tinygrow bench event --data cifar10 --data-dir ./data",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := config.Validate(); err != nil {
				return as(exitUsage, err)
			}
			if err := data.Validate(); err != nil {
				return as(exitUsage, err)
			}
			set, err := dataset.Open(data)
			if err != nil {
				return err
			}
			report := struct {
				Model  string              `json:"model"`
				Data   string              `json:"data"`
				Steps  int                 `json:"steps"`
				Batch  int                 `json:"batch"`
				Events []speed.EventResult `json:"events"`
			}{config.Model, data.Name, config.Steps, config.Batch, []speed.EventResult{}}
			fmt.Fprintf(c.ErrOrStderr(), "%5s %8s %8s %8s %8s %7s %-8s %s\n", "event", "params", "train s", "event s", "solve s", "share",
				"decision", "rounds, s")
			err = speed.Event(c.Context(), config, set, func(r speed.EventResult) {
				report.Events = append(report.Events, r)
				fmt.Fprintf(c.ErrOrStderr(), "%5d %8d %8.3f %8.3f %8.4f %6.1f%% %-8s", r.Event, r.Params, r.TrainS, r.EventS, r.SolveS,
					100*r.Share, r.Decision)
				for _, round := range r.Rounds {
					fmt.Fprintf(c.ErrOrStderr(), " %s %.3f", round.Kind, round.CPUS)
				}
				fmt.Fprintln(c.ErrOrStderr())
			})
			if err != nil || !asJSON {
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(report)
		},
	}
	f := c.Flags()
	f.StringVar(&config.Model, "model", config.Model, "network to grow")
	f.StringVar(&data.Name, "data", data.Name, "data set")
	f.StringVar(&data.Dir, "data-dir", data.Dir, "directory of the data set's files")
	f.IntVar(&config.Events, "events", config.Events, "events to measure")
	f.IntVar(&config.Steps, "steps", config.Steps, "steps of training before each event")
	f.IntVar(&config.Batch, "batch", config.Batch, "samples of a step")
	f.IntVar(&config.Threads, "threads", config.Threads, "threads that compute")
	f.IntVar(&config.MicroShard, "microshard", config.MicroShard, "samples of a micro-shard")
	f.Float64Var(&config.Rate, "lr", config.Rate, "learning rate")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}
