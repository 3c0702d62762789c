package speed

import (
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Config says what to measure.
type Config struct {
	Models     []string
	Batch      int           // samples of a step
	Threads    int           // goroutines that compute
	MicroShard int           // samples of a micro-shard; 0 chooses the fastest size
	Time       time.Duration // time of measuring, for each model
	Layers     bool          // also measure the kinds of layers, each call on its own
}

// maxSamples bounds the samples that are held in memory.
const maxSamples = 1 << 20

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	found.Check(len(c.Models) > 0, "no models: name at least one of %v", Models())
	for _, m := range c.Models {
		if _, err := build(m); err != nil {
			found = append(found, err)
		}
	}
	found.Check(c.Batch > 0 && c.Batch <= maxSamples, "batch of %d samples: must be 1 to %d", c.Batch, maxSamples)
	found.Check(c.Threads >= 1 && c.Threads <= quota.MaxThreads, "%d threads: must be 1 to %d", c.Threads, quota.MaxThreads)
	found.Check(c.MicroShard >= 0 && c.MicroShard <= 1024, "micro-shard of %d samples: must be 1 to 1024, or 0 for the fastest",
		c.MicroShard)
	found.Check(c.MicroShard <= max(c.Batch, 1), "micro-shard of %d samples is larger than the batch of %d", c.MicroShard, c.Batch)
	found.Check(c.Time > 0 && c.Time <= 24*time.Hour, "time %v: must be above 0 and at most 24h", c.Time)
	return found.Err()
}

// Result is one model's speed. Times are medians over the steps.
type Result struct {
	Model            string  `json:"model"`
	SamplesPerSecond float64 `json:"samples_per_s"`
	StepMS           float64 `json:"step_ms"`
	GFLOPs           float64 `json:"gflop_per_s"` // rate of convolutions and linear layers
	PeakShare        float64 `json:"peak_share"`  // part of the rate of fused multiply-adds that all threads reach
	Params           int     `json:"params"`
	Batch            int     `json:"batch"`
	MicroShard       int     `json:"microshard"`
	Threads          int     `json:"threads"`
	Steps            int     `json:"steps"`
	Layers           []Layer `json:"layers,omitempty"` // longest first
}

// Compute measures the models in turn and tells each result as it comes.
func Compute(c Config, peak float64, tell func(Result)) error {
	if err := c.Validate(); err != nil {
		return err
	}
	for _, name := range c.Models {
		g, err := build(name)
		if err != nil {
			return err
		}
		r, err := timed(g, c)
		if err != nil {
			return err
		}
		r.Model = name
		if peak > 0 {
			r.PeakShare = r.GFLOPs * 1e9 / peak
			for i := range r.Layers { // one thread computed them
				r.Layers[i].PeakShare = r.Layers[i].GFLOPs * 1e9 / (peak / float64(c.Threads))
			}
		}
		tell(r)
	}
	return nil
}

func timed(g *nn.Graph, c Config) (Result, error) {
	flops, err := stepFLOPs(g)
	if err != nil {
		return Result{}, err
	}
	size := c.MicroShard
	if size == 0 {
		if size, err = fastest(g, c); err != nil {
			return Result{}, err
		}
	}
	t, err := newTrainer(nn.Init(g, 1), work{c.Batch, size, c.Threads})
	if err != nil {
		return Result{}, err
	}
	times := t.run(3, c.Time)
	slices.Sort(times)
	median := times[len(times)/2].Seconds()
	r := Result{
		SamplesPerSecond: float64(c.Batch) / median, StepMS: median * 1e3,
		GFLOPs: float64(flops) * float64(c.Batch) / median / 1e9,
		Params: g.NumParams(), Batch: c.Batch, MicroShard: size, Threads: c.Threads, Steps: len(times),
	}
	if c.Layers {
		r.Layers = t.layers(c.Time)
	}
	return r, nil
}

// run makes up to three steps to warm up, for at most time d, then at least the
// given number of steps and time, and returns the times of the latter.
func (t *trainer) run(least int, d time.Duration) []time.Duration {
	warm := time.Now().Add(d)
	for i := 0; i < 3 && (i == 0 || time.Now().Before(warm)); i++ {
		t.step()
	}
	var times []time.Duration
	for end := time.Now().Add(d); len(times) < least || time.Now().Before(end); {
		started := time.Now()
		t.step()
		times = append(times, time.Since(started))
	}
	return times
}

// fastest tries the micro-shard sizes that keep all threads busy.
func fastest(g *nn.Graph, c Config) (int, error) {
	best, size := time.Duration(1<<62), 0
	for _, m := range c.sizes() {
		t, err := newTrainer(nn.Init(g, 1), work{c.Batch, m, c.Threads})
		if err != nil {
			return 0, err
		}
		if d := slices.Min(t.run(2, c.Time/10)); d < best {
			best, size = d, m
		}
	}
	return size, nil
}

// sizes lists whole blocks of lanes, doubling, up to a thread's share of the batch.
func (c Config) sizes() []int {
	share := max(1, (c.Batch+c.Threads-1)/c.Threads)
	list := []int{min(32, share)}
	for m := 64; m <= min(share, 1024); m *= 2 {
		list = append(list, m)
	}
	return list
}
