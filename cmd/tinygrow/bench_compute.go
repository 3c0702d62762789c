package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func newBenchCompute() *cobra.Command {
	var config speed.Config
	var seconds float64
	var asJSON bool
	c := &cobra.Command{
		Use:   "compute",
		Short: "Measure training steps of known networks on random images",
		Long: `Measures whole training steps: weights packed, forward, loss, backward, gradients added along the
canonical tree, update by SGD with momentum. One thread computes whole micro-shards. Times are medians.
--layers adds the time of each kind of layer on one thread; there the operations of padding count too.`,
		Example: "  tinygrow bench compute --models mlp,vgg,resnet18-16 --batch 128 --threads 2 --seconds 2 --json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			config.Time = time.Duration(seconds * float64(time.Second))
			if err := config.Validate(); err != nil {
				return as(exitUsage, err)
			}
			report := struct {
				ISA        string         `json:"isa"`
				PeakGFLOPs float64        `json:"peak_gflop_per_s"`
				Models     []speed.Result `json:"models"`
			}{ISA: kernel.Active().String(), PeakGFLOPs: speed.Peak(config.Threads) / 1e9}
			fmt.Fprintf(c.ErrOrStderr(), "%-12s %10s %9s %8s %6s %11s %9s\n", "model", "samples/s", "ms/step", "GFLOP/s", "peak",
				"micro-shard", "threads")
			err := speed.Compute(config, report.PeakGFLOPs*1e9, func(r speed.Result) {
				report.Models = append(report.Models, r)
				fmt.Fprintf(c.ErrOrStderr(), "%-12s %10.0f %9.2f %8.1f %6s %11d %9d\n", r.Model, r.SamplesPerSecond, r.StepMS, r.GFLOPs,
					share(r.PeakShare), r.MicroShard, r.Threads)
				for _, l := range r.Layers {
					fmt.Fprintf(c.ErrOrStderr(), "  %-22s %8.2f ms %4.0f%% of a step on one thread", l.Kind, l.MS, 100*l.Part)
					if l.GFLOPs > 0 {
						fmt.Fprintf(c.ErrOrStderr(), ", %.0f GFLOP/s, %s of its peak", l.GFLOPs, share(l.PeakShare))
					}
					fmt.Fprintln(c.ErrOrStderr())
				}
			})
			if err != nil || !asJSON {
				return err
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(report)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&config.Models, "models", speed.Models(), "networks to measure")
	f.IntVar(&config.Batch, "batch", 128, "samples of a step")
	f.IntVar(&config.Threads, "threads", quota.CPUs(), "threads that compute")
	f.IntVar(&config.MicroShard, "microshard", 0, "samples of a micro-shard; 0 takes the fastest")
	f.Float64Var(&seconds, "seconds", 2, "time for each network")
	f.BoolVar(&config.Layers, "layers", false, "also measure each kind of layer, on one thread")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}

// share writes a part of the peak, which is unknown of some processors.
func share(part float64) string {
	if part == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*part)
}
