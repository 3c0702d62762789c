package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func newBenchGrowth() *cobra.Command {
	config := speed.GrowthConfig{MicroShard: 32}
	var asJSON bool
	c := &cobra.Command{
		Use:   "growth",
		Short: "Measure how long bottlenecks and best neurons at all sites take",
		Long: `Measures the statistics of a growth event on random images at every site of known networks: the rounds over
samples, and the solving between them, beside a plain forward and backward pass over the same samples.`,
		Example: "  tinygrow bench growth --models mlp-64,conv-16-32,resnet18-16 --samples 2048 --threads 1 --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := config.Validate(); err != nil {
				return as(exitUsage, err)
			}
			report := struct {
				Models []speed.GrowthResult `json:"models"`
			}{[]speed.GrowthResult{}}
			fmt.Fprintf(c.ErrOrStderr(), "%-12s %6s %8s %9s %8s %9s %8s\n", "model", "sites", "samples", "rounds s", "solve s",
				"plain s", "threads")
			err := speed.Growth(c.Context(), config, func(r speed.GrowthResult) {
				report.Models = append(report.Models, r)
				fmt.Fprintf(c.ErrOrStderr(), "%-12s %6d %8d %9.3f %8.3f %9.3f %8d\n", r.Model, r.Sites, r.Samples, r.RoundsS, r.SolveS,
					r.PlainS, r.Threads)
			})
			if err != nil || !asJSON {
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(report)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&config.Models, "models", []string{"mlp-64", "conv-16-32"}, "networks to measure")
	f.IntVar(&config.Samples, "samples", 2048, "samples of the statistics")
	f.IntVar(&config.Threads, "threads", quota.CPUs(), "threads that compute")
	f.IntVar(&config.MicroShard, "microshard", config.MicroShard, "samples of a micro-shard")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}
