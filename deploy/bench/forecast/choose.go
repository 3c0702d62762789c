package forecast

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/parallel"
)

// Candidate is a layout that is worth a forecast.
type Candidate struct {
	Name   string `json:"name"`
	Layout Layout `json:"layout"`
	Each   bool   `json:"server_on_each"`
	// Key is the setting that asks for it, empty for what every run has; Here says that this
	// program has it.
	Key  string `json:"setting,omitempty"`
	Here bool   `json:"in_this_program"`
	// Result is the forecast.
	Result Result `json:"forecast"`
}

// Asked is what layouts are asked for beside the simplest.
type Asked struct {
	Reducers int   // owners of sharded layouts; 0: one on each host
	Every    []int // local steps between two averages, a layout each
	Replicas int   // of local steps; 0: as many as workers, eight at least
}

// Validate returns all faults at once, or nil.
func (a Asked) Validate() error {
	var found faults.List
	found.Check(a.Reducers >= 0, "%d reducers: must be at least 0", a.Reducers)
	found.Check(a.Replicas >= 0, "%d replicas: must be at least 0", a.Replicas)
	for _, n := range a.Every {
		found.Check(n >= 2, "local steps %d: must be at least 2", n)
	}
	return found.Err()
}

// Candidates returns the layouts for a cluster, the simplest first; has says which settings
// this program has.
func Candidates(k Cluster, asked Asked, has func(key string) bool) []Candidate {
	whole := Layout{Bytes: 4, Every: 1}
	list := []Candidate{{Name: "star", Layout: whole}}
	add := func(name, key string, change func(l *Layout), each bool) {
		l := whole
		change(&l)
		list = append(list, Candidate{Name: name, Layout: l, Each: each, Key: key})
	}
	if k.Workers > 1 {
		add("star, hosts combine", "worker.combine", func(l *Layout) { l.Combine = true }, true)
	}
	add("star, half wire", "train.wire", func(l *Layout) { l.Bytes = 2 }, false)
	if k.Hosts > 1 {
		shard := func(l *Layout) { l.Reducers, l.Combine = cmp.Or(asked.Reducers, k.Hosts), k.Workers > 1 }
		add("sharded", "cluster.reducers", shard, true)
		add("sharded, half wire", "cluster.reducers", func(l *Layout) { shard(l); l.Bytes = 2 }, true)
	}
	for _, every := range asked.Every {
		replicas := cmp.Or(asked.Replicas, max(8, k.Hosts*k.Workers))
		add(fmt.Sprintf("local steps, %d", every), "sync.every", func(l *Layout) { l.Every, l.Replicas = every, replicas }, false)
	}
	for i := range list {
		c := &list[i]
		c.Here = c.Key == "" || has(c.Key)
		if c.Layout.Bytes == 2 {
			c.Here = c.Here && has("train.wire")
		}
	}
	return list
}

// Plan is the forecasts of one cluster.
type Plan struct {
	Cluster    Cluster     `json:"cluster"`
	Job        Job         `json:"job"`
	Costs      Costs       `json:"costs"`
	Candidates []Candidate `json:"layouts"`
	// Recommended is the name of the layout to take: of those of this program that train by
	// the same steps, the fastest, or a simpler one that is within 3 % of it.
	Recommended string `json:"recommended"`
	// ForecastS is how long the forecasts took, in seconds.
	ForecastS float64 `json:"forecast_s"`
}

// Choose forecasts the candidates for a cluster, which c is but for the layout.
func Choose(c Config, candidates []Candidate) (Plan, error) {
	began := time.Now()
	p := Plan{Cluster: c.Cluster, Job: c.Job, Costs: c.Costs, Candidates: candidates}
	failed := make([]error, len(candidates))
	parallel.Each(len(candidates), func(i int) {
		x := &p.Candidates[i]
		one := c
		one.Layout, one.Cluster.Each = x.Layout, x.Each
		if one.Layout.Every > 1 {
			one.Layout.Replicas = min(one.Layout.Replicas, one.Job.Batch)
			x.Layout.Replicas = one.Layout.Replicas
		}
		var err error
		if x.Result, err = Run(one); err != nil {
			failed[i] = fmt.Errorf("layout %s: %w", x.Name, err)
		}
	})
	if err := errors.Join(failed...); err != nil {
		return p, err
	}
	fastest := 0.0
	for _, x := range p.Candidates {
		if x.eligible() {
			fastest = max(fastest, x.Result.SamplesPerS)
		}
	}
	for _, x := range p.Candidates {
		if x.eligible() && x.Result.SamplesPerS >= 0.97*fastest {
			p.Recommended = x.Name
			break
		}
	}
	p.ForecastS = time.Since(began).Seconds()
	return p, nil
}

// eligible reports whether the layout is one of this program that trains by the same steps.
func (c *Candidate) eligible() bool { return c.Here && c.Layout.Every == 1 }

// short makes a bottleneck fit a table of 80 columns.
var short = strings.NewReplacer("the coordinator's host", "coordinator", "the coordinator's ", "coordinator: ", " and update", "")

// Price tells the price of an epoch by that of a host for an hour.
func (p *Plan) Price(hour float64) {
	for i := range p.Candidates {
		r := &p.Candidates[i].Result
		r.EpochPrice = hour * r.HostHours
	}
}

// Print writes the forecasts as a table of 80 columns.
func (p Plan) Print(out io.Writer) {
	k, j := p.Cluster, p.Job
	rate := fmt.Sprintf("%g Mbit/s", k.Mbit)
	if k.Mbit == 0 {
		rate = "no bound"
	}
	fmt.Fprintf(out, "%s, %d parameters, batch %d; %d hosts x %d workers x %d threads,\n"+
		"links: %s, round trip %s; a micro-shard of %d takes %.2f ms\n\n",
		j.Model, j.Params, j.Batch, k.Hosts, k.Workers, k.Threads, rate, k.RTT, j.MicroShard, p.Costs.MicroShardMS)
	fmt.Fprintf(out, "%-20s %9s %9s %5s %8s  %s\n", "layout", "step ms", "samples/s", "eff.", "MB/link", "bottleneck")
	for _, x := range p.Candidates {
		name := x.Name
		if !x.Here {
			name += " *"
		}
		r := x.Result
		fmt.Fprintf(out, "%-20s %9.1f %9.0f %4.0f%% %8.2f  %.23s\n", name, r.StepMS, r.SamplesPerS, 100*r.Efficiency, r.Busiest/1e6,
			short.Replace(r.Bottleneck))
	}
	price := func(text string) string {
		if !slices.ContainsFunc(p.Candidates, func(x Candidate) bool { return x.Result.EpochPrice > 0 }) {
			return ""
		}
		return fmt.Sprintf(" %9s", text)
	}
	fmt.Fprintf(out, "\n%-20s %9s %9s %9s %9s %9s%s\n", "step of", "weights", "compute", "sums", "update", "epoch s", price("its price"))
	for _, x := range p.Candidates {
		f := x.Result.Phases
		fmt.Fprintf(out, "%-20s %9.1f %9.1f %9.1f %9.1f %9.1f%s\n", x.Name, f.Weights, f.Compute, f.Sums, f.Update, x.Result.EpochS,
			price(fmt.Sprintf("%.2f", x.Result.EpochPrice)))
	}
	fmt.Fprintf(out, "\nMB/link: the busiest link one way, a step. *: not in this program.\nRecommended: %s\n", p.Recommended)
}
