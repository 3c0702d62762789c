package speed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// GrowthModels lists the networks whose growth can be measured: an MLP
// 3072-64-64-10, two convolutions of 16 and 32 channels at 32 x 32, and the
// networks of Models.
func GrowthModels() []string { return append([]string{"mlp-64", "conv-16-32"}, Models()...) }

// buildGrowth returns the graph of a named network.
func buildGrowth(name string) (*nn.Graph, error) {
	c := nn.ModelConfig{Input: nn.Shape{C: 3, H: 32, W: 32}, Classes: 10}
	switch name {
	case "mlp-64":
		c.Name, c.Widths = "mlp", []int{64, 64}
		return nn.Build(c)
	case "conv-16-32":
		return twoConvs(), nil
	}
	g, err := build(name)
	if err != nil {
		err = fmt.Errorf("model %q cannot be measured: use one of %s", name, strings.Join(GrowthModels(), ", "))
	}
	return g, err
}

// twoConvs has one site whose statistics are taken at all 32 x 32 positions.
func twoConvs() *nn.Graph {
	conv := func(id, in string, out int) nn.Node {
		return nn.Node{ID: nn.NodeID(id), Op: nn.OpConv, Inputs: []nn.NodeID{nn.NodeID(in)}, Out: out, Kernel: 3, Stride: 1, Pad: 1}
	}
	after := func(id string, op nn.Op, in string) nn.Node {
		return nn.Node{ID: nn.NodeID(id), Op: op, Inputs: []nn.NodeID{nn.NodeID(in)}}
	}
	return &nn.Graph{Input: nn.Shape{C: 3, H: 32, W: 32}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "input", Op: nn.OpInput}, conv("conv1", "input", 16), after("act1", nn.OpReLU, "conv1"), conv("conv2", "act1", 32),
		after("act2", nn.OpReLU, "conv2"), after("pool", nn.OpGlobalAvgPool, "act2"), after("flatten", nn.OpFlatten, "pool"),
		{ID: "fc", Op: nn.OpLinear, Inputs: []nn.NodeID{"flatten"}, Out: 10, Bias: true},
	}}
}

// GrowthConfig says what to measure.
type GrowthConfig struct {
	Models     []string
	Samples    int // samples of the statistics
	Threads    int
	MicroShard int
}

// Validate returns all faults at once, or nil.
func (c GrowthConfig) Validate() error {
	var found faults.List
	found.Check(len(c.Models) > 0, "no models: name at least one of %v", GrowthModels())
	for _, m := range c.Models {
		if _, err := buildGrowth(m); err != nil {
			found = append(found, err)
		}
	}
	found.Check(c.Threads >= 1 && c.Threads <= quota.MaxThreads, "%d threads: must be 1 to %d", c.Threads, quota.MaxThreads)
	found.Check(c.MicroShard >= 1 && c.MicroShard <= 1024, "micro-shard of %d samples: must be 1 to 1024", c.MicroShard)
	found.Check(c.Samples >= c.MicroShard && c.Samples <= maxSamples, "%d samples: must be a micro-shard of %d to %d",
		c.Samples, c.MicroShard, maxSamples)
	return found.Err()
}

// GrowthResult is the time that a model's bottlenecks and best neurons at all
// its sites take: the rounds over samples, and what is solved between them.
type GrowthResult struct {
	Model   string  `json:"model"`
	Sites   int     `json:"sites"`
	Samples int     `json:"samples"`
	RoundsS float64 `json:"rounds_s"`
	SolveS  float64 `json:"solve_s"`
	PlainS  float64 `json:"plain_s"` // forward and backward over the same samples
	Threads int     `json:"threads"`
	// The same in processor time, which other load on the machine distorts less.
	CPUS      float64 `json:"cpu_s"` // rounds and solve
	PlainCPUS float64 `json:"plain_cpu_s"`
}

// Growth measures the models in turn and tells each result as it comes.
func Growth(ctx context.Context, c GrowthConfig, tell func(GrowthResult)) error {
	if err := c.Validate(); err != nil {
		return err
	}
	for _, name := range c.Models {
		g, err := buildGrowth(name)
		if err != nil {
			return err
		}
		r, err := c.run(ctx, g)
		if err != nil {
			return err
		}
		r.Model = name
		tell(r)
	}
	return nil
}

func (c GrowthConfig) run(ctx context.Context, g *nn.Graph) (GrowthResult, error) {
	r := GrowthResult{Samples: c.Samples, Threads: c.Threads, Sites: len(site.Chains(g))}
	batch := 2 * c.Threads * c.MicroShard
	t, err := newTrainer(nn.Init(g, 1), work{batch, c.MicroShard, c.Threads})
	if err != nil {
		return r, err
	}
	t.step() // warms up
	started, cpu := time.Now(), cpuSeconds()
	for done := 0; done < c.Samples; done += batch {
		t.gradients()
	}
	r.PlainS, r.PlainCPUS = time.Since(started).Seconds(), cpuSeconds()-cpu

	cfg := growth.DefaultOf(growth.PolicyTiny)
	cfg.Samples = c.Samples
	cfg.Fix(func(f *growth.Fixed) { f.Samples.Newborn, f.Samples.Amplitude = c.MicroShard, c.MicroShard })
	info := growth.EventInfo{TrainSamples: 3 * c.Samples, MicroShard: c.MicroShard}
	e := growth.NewInspection(cfg, t.model, info)
	l := worker.Local{Samples: newNoise(g.Input), Threads: c.Threads, MicroShard: c.MicroShard}
	cpu = cpuSeconds()
	for {
		started = time.Now()
		sums, ok, err := l.Round(ctx, t.model, e, info)
		if err != nil {
			return r, err
		}
		if !ok {
			r.CPUS = cpuSeconds() - cpu
			return r, nil
		}
		r.RoundsS += time.Since(started).Seconds()
		started = time.Now()
		if err := e.Feed(sums.F64); err != nil {
			return r, err
		}
		r.SolveS += time.Since(started).Seconds()
	}
}

// noise is a data set of random images, all cut from one long row of numbers.
type noise struct {
	shape  nn.Shape
	values []float32
}

func newNoise(s nn.Shape) noise {
	n := noise{s, make([]float32, 1<<16)}
	stream := rng.New(1)
	for i := range n.values {
		n.values[i] = float32(stream.Normal(uint64(i)))
	}
	return n
}

func (n noise) Digest() string { return "noise" }

func (noise) Fits(proto.Order, *nn.Graph) error { return nil }

func (n noise) Fill(b *nn.Batch, _ proto.Order, _ proto.Augmentation, lo, count int) error {
	b.N = count
	clear(b.X)
	row := n.shape.Len()
	for i := range count {
		at, from := i/tensor.Lanes*row*tensor.Lanes+i%tensor.Lanes, (lo+i)*7919
		for j := range row {
			b.X[at+j*tensor.Lanes] = n.values[(from+j)&(len(n.values)-1)]
		}
		b.Labels[i] = int32((lo + i) % 10)
	}
	return nil
}
