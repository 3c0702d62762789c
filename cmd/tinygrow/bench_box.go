package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/bench/box"
	"github.com/tinygrow/tinygrow/deploy/bench/speed"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/quota"
)

func newBenchBox() *cobra.Command {
	c := box.Config{Workers: 1}
	var model, servers string
	cmd := &cobra.Command{
		Use:   "box",
		Short: "Measure a run on a cluster of network namespaces with limited links",
		Long: `Makes hosts of network namespaces of this machine, each with a link of the given rate and delay to a switch, runs a
NATS server, a coordinator and workers on them, and takes all of it away again. It prints one JSON object: time and
phases of a step, and the bytes that each link carried, by the counters of the interfaces.
--stand-in replaces computing by waiting so long for each micro-shard, so that more hosts than this machine has
processors for can be measured; such a run trains nothing, and says so.
It needs root, ip and tc (iproute2), and a kernel with tbf; --delay needs netem.`,
		Example: `  tinygrow bench box --hosts 8 --mbit 1000 --model resnet18-16 --batch 512 --stand-in 35ms --threads 2
  tinygrow bench box --hosts 2 --apart --mbit 100 --model vgg --batch 256 --steps 20 >> box.jsonl`,
		Args: noArgs,
	}
	flags := slices.DeleteFunc(slices.Clone(runFlags), func(f keyFlag) bool { return f.name == "model" })
	src := newSource(cmd, dataFlags, flags, endFlags, policyFlag, threadsFlag,
		[]keyFlag{{"stand-in", "worker.stand_in", "duration", "time of a micro-shard on a thread, in place of computing it"}})
	f := cmd.Flags()
	f.IntVar(&c.Links.Hosts, "hosts", 2, "hosts that compute")
	f.Float64Var(&c.Links.Mbit, "mbit", 1000, "rate of each link each way, in 10^6 bits/s; 0: no bound")
	f.DurationVar(&c.Links.Delay, "delay", 0, "delay of each link each way")
	f.BoolVar(&c.Apart, "apart", false, "the coordinator has a host of its own, and not the first that computes")
	f.StringVar(&servers, "servers", string(box.OneServer), "NATS servers: one, beside the coordinator, or each, on every host")
	f.IntVar(&c.Workers, "host-workers", 1, "workers of each host")
	f.IntVar(&c.Reducers, "reducers", 0, "reducers, which own ranges of the parameters, one on each of as many hosts")
	f.StringVar(&model, "model", "vgg", "network: one of "+strings.Join(speed.Models(), ", ")+", or a name that train takes")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		base := run.Defaults()
		base.Growth.Policy, base.Train.Epochs, base.Train.Steps, base.Train.EvalEpochs = growth.PolicyNone, 0, 20, 0
		base.Data.Limit, base.Worker.Threads, base.Report = 2048, 1, false
		if base.Model.Name = model; slices.Contains(speed.Models(), model) {
			base.Model, _ = nn.Preset(model)
		}
		s, err := src.given().Resolve(base)
		if err != nil {
			return err
		}
		c.Servers, c.Threads = box.Servers(servers), s.Worker.Threads
		if s.NATS.URL != "" || s.NATS.Listen != "" {
			return usagef("bench box starts its own servers: leave nats.url and nats.listen out")
		}
		if err := c.Validate(); err != nil {
			return as(exitUsage, err)
		}
		return runBenchBox(cmd, c, s)
	}
	return cmd
}

func runBenchBox(cmd *cobra.Command, c box.Config, s run.Settings) error {
	var err error
	if c.Binary, c.Document, err = itself(&s); err != nil {
		return err
	}
	ctx, stop := untilSignal(cmd.Context(), func(os.Signal) {})
	defer stop()
	r, err := box.Run(ctx, c)
	if err != nil {
		return measuring(ctx, err)
	}
	r.Model, r.Data, r.MicroShard, r.StandInMS = modelName(&s), s.Data.Name, s.Train.MicroShard, s.Worker.StandIn.Seconds()*1e3
	r.Layout = layoutOf(&s)
	r.CPU, r.Cores, r.Date, r.Version = cpuName(), quota.CPUs(), time.Now().UTC().Format(time.DateOnly), buildVersion()
	tellBox(cmd.ErrOrStderr(), &r)
	return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
}

// layoutOf returns the settings that decide what goes over the links.
func layoutOf(s *run.Settings) map[string]string {
	list := map[string]string{}
	for _, key := range config.Keys(s) {
		if key == "train.wire" || strings.HasPrefix(key, "sync.") {
			list[key] = config.Get(s, key)
		}
	}
	return list
}

// tellBox tells people what was measured.
func tellBox(out io.Writer, r *box.Report) {
	how := "computing"
	if r.StandIn {
		how = fmt.Sprintf("STAND-INS of %g ms a micro-shard, nothing is trained", r.StandInMS)
	}
	p := r.Split
	fmt.Fprintf(out, "%d hosts of %d workers, links of %g Mbit/s, %s\n", r.Hosts, r.Workers, r.Mbit, how)
	fmt.Fprintf(out, "step %.1f ms, efficiency %.0f %%, busiest link %.2f MB a step one way; load of the machine %.1f\n", r.StepMS,
		100*r.Efficiency, r.Busiest/1e6, r.Load)
	fmt.Fprintf(out, "compute %.1f, encode %.1f, wire %.1f, wait %.1f, decode %.1f, reduce %.1f, update %.1f, serve %.1f ms\n", p.Compute,
		p.Encode, p.Wire, p.Wait, p.Decode, p.Reduce, p.Update, p.Serve)
}
