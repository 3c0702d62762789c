package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/bench/forecast"
	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func newPlan() *cobra.Command {
	c := forecast.Config{}
	var asked forecast.Asked
	var model, costs string
	var hosts []int
	var mbits []float64
	var asJSON bool
	var price float64
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Forecast how fast a run would go on a cluster, and which layout to take",
		Long: `Simulates some steps on hosts that are not there, for each layout of sums and weights: the time of a step and its
phases, what limits it, and the bytes on the busiest link. Who computes what is decided by the program's own code; what
computing, adding and sending cost is measured on this machine in some seconds of processor time, or read from --costs,
which takes the "costs" of an earlier --json, or one's own figures: microshard_ms as bench compute tells it, the round
trip as doctor does. Layouts marked * are not in this program. Accuracy is not forecast: local steps train otherwise.
tinygrow bench box measures what is forecast here, tinygrow bench scale --replay compares the two.`,
		Example: `  tinygrow plan --hosts 8 --threads 2 --mbit 1000 --model resnet18-16 --batch 512
  tinygrow plan --hosts 1,2,4,8,16,32 --mbit 100,1000,10000 --model vgg --batch 2048 --json
  tinygrow plan --hosts 1250 --host-workers 8 --rtt 0.2ms --batch 320000 --costs costs.json --price 0.08`,
		Args: noArgs,
	}
	flags := slices.DeleteFunc(slices.Clone(runFlags), func(f keyFlag) bool { return f.name == "model" })
	src := newSource(cmd, flags, threadsFlag)
	f := cmd.Flags()
	f.IntSliceVar(&hosts, "hosts", []int{8}, "hosts that compute; several: a forecast of each")
	f.Float64SliceVar(&mbits, "mbit", []float64{1000}, "rate of each host's link each way, in 10^6 bits/s; 0: no bound")
	f.IntVar(&c.Cluster.Workers, "host-workers", 1, "workers of each host")
	f.DurationVar(&c.Cluster.RTT, "rtt", 200*time.Microsecond, "round trip between two hosts")
	f.BoolVar(&c.Cluster.Apart, "apart", false, "the coordinator has a host of its own, and not the first that computes")
	f.IntVar(&c.Cluster.Shared, "shared-cores", 0, "all hosts share so many processors, as those of bench box; 0: each has its own")
	f.StringVar(&model, "model", "vgg", "network: one of "+strings.Join(speed.Models(), ", ")+", or a name that train takes")
	f.IntVar(&asked.Reducers, "reducers", 0, "owners of parts of the parameters in sharded layouts; 0: one on each host")
	f.IntSliceVar(&asked.Every, "local-steps", []int{4, 16, 64}, "steps that replicas make between two averages, a layout each")
	f.IntVar(&asked.Replicas, "replicas", 0, "replicas of local steps; 0: as many as workers, 8 at least")
	f.IntVar(&c.Job.Samples, "samples", 50_000, "samples of an epoch")
	f.IntVar(&c.Steps, "rounds", 0, "rounds to simulate; 0: 5, or 1 of a thousand workers or more")
	f.StringVar(&costs, "costs", "", "JSON `file` of costs; without it they are measured here")
	f.Float64Var(&price, "price", 0, "price of a host for an hour, for the price of an epoch")
	f.BoolVar(&asJSON, "json", false, "print one JSON object a cluster on stdout, a line each")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, g, err := planned(src, model)
		if err != nil {
			return err
		}
		c.Cluster.Threads = max(s.Worker.Threads, 1)
		c.Job = jobOf(&s, g, model, c.Job.Samples)
		if price < 0 {
			return usagef("--price %v: must be at least 0", price)
		}
		if err := asked.Validate(); err != nil {
			return as(exitUsage, err)
		}
		known := config.Keys(&s)
		has := func(key string) bool { return slices.Contains(known, key) }
		var all []forecast.Config
		for _, n := range hosts {
			for _, mbit := range mbits {
				one := c
				one.Cluster.Hosts, one.Cluster.Mbit, one.Layout = n, mbit, forecast.Layout{Bytes: 4, Every: 1}
				one.Layout.Reducers = asked.Reducers
				if err := one.Validate(); err != nil {
					return as(exitUsage, err)
				}
				all = append(all, one)
			}
		}
		spent, err := costsOf(cmd, costs, &s, g)
		if err != nil {
			return err
		}
		out := json.NewEncoder(cmd.OutOrStdout())
		for i, one := range all {
			one.Costs = spent
			p, err := forecast.Choose(one, forecast.Candidates(one.Cluster, asked, has))
			p.Price(price)
			switch {
			case err != nil:
				return as(exitUsage, err)
			case asJSON:
				if err := out.Encode(p); err != nil {
					return err
				}
				continue
			case i > 0:
				fmt.Fprintln(cmd.OutOrStdout())
			}
			p.Print(cmd.OutOrStdout())
		}
		return nil
	}
	return cmd
}

// planned returns the settings of the run that is forecast, and its network.
func planned(src *source, model string) (run.Settings, *nn.Graph, error) {
	base := run.Defaults()
	base.Worker.Threads = 2
	if base.Model.Name = model; slices.Contains(speed.Models(), model) {
		base.Model, _ = nn.Preset(model)
	}
	s, err := src.given().Resolve(base)
	if err != nil {
		return s, nil, err
	}
	g, err := s.Graph()
	return s, g, err
}

// jobOf returns what is trained.
func jobOf(s *run.Settings, g *nn.Graph, model string, samples int) forecast.Job {
	return forecast.Job{Model: model, Params: g.NumParams(), Buffers: g.NumBuffers(), Statistics: g.GradientSums().Len(),
		Batch: s.Train.Batch, MicroShard: s.Train.MicroShard, Samples: samples,
		Undivided: optim.New(s.Optimizer, local.LayoutOf(g)).Undivided()}
}

// costsOf reads costs from a file, or measures them.
func costsOf(cmd *cobra.Command, path string, s *run.Settings, g *nn.Graph) (c forecast.Costs, err error) {
	if path == "" {
		fmt.Fprintln(cmd.ErrOrStderr(), "measuring what computing, adding and sending cost here, for some seconds")
		return forecast.Measure(cmd.Context(), forecast.Measured{Graph: g, MicroShard: s.Train.MicroShard, Optimizer: s.Optimizer,
			Time: 500 * time.Millisecond})
	}
	data, err := file.Read(path, 1<<20)
	if err != nil {
		return c, usagef("--costs: %v", err)
	}
	whole := struct {
		Costs forecast.Costs `json:"costs"`
	}{}
	first := func(out any) error { return json.NewDecoder(bytes.NewReader(data)).Decode(out) } // of several clusters
	if err = first(&c); err == nil {
		err = first(&whole)
	}
	if err != nil {
		return c, usagef("--costs %s: %v", path, err)
	}
	if c.MicroShardMS == 0 {
		c = whole.Costs
	}
	if c.MicroShardMS == 0 {
		return c, usagef("--costs %s: no microshard_ms: give the costs that plan --json prints", path)
	}
	if err := c.Validate(); err != nil {
		return c, usagef("--costs %s: %v", path, err)
	}
	return c, nil
}

// compareRuns compares runs in a file with their forecasts.
func compareRuns(cmd *cobra.Command, path string, s *run.Settings, model string, asJSON bool) error {
	g, err := s.Graph()
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return usagef("--replay: %v", err)
	}
	defer f.Close()
	c := forecast.Config{Job: jobOf(s, g, model, 0)}
	if c.Costs, err = costsOf(cmd, "", s, g); err != nil {
		return err
	}
	list, err := forecast.Compare(f, c)
	if errors.Is(err, forecast.ErrOtherModel) {
		return as(exitUsage, fmt.Errorf("--replay %s: %w", path, err))
	}
	if err != nil {
		return as(exitRun, fmt.Errorf("--replay %s: %w", path, err))
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(list)
	}
	forecast.PrintComparisons(cmd.OutOrStdout(), list)
	return nil
}
