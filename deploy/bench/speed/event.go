package speed

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/cputime"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// EventConfig says what to measure. The events are those of growth.Default.
type EventConfig struct {
	Model      string // cnn, as `tinygrow train` starts from, or one of GrowthModels
	Events     int
	Steps      int // steps of training before each event
	Batch      int
	Threads    int
	MicroShard int
	Rate       float64 // learning rate
}

// DefaultEvent returns what plain `tinygrow train` does, with fewer events.
func DefaultEvent() EventConfig {
	steps := growth.DefaultOf(growth.PolicyTiny).EverySteps
	return EventConfig{Model: "cnn", Events: 6, Steps: steps, Batch: 128, Threads: 1, MicroShard: 32, Rate: 0.05}
}

// Validate returns all faults at once, or nil.
func (c EventConfig) Validate() error {
	var found faults.List
	if _, err := c.graph(nn.Shape{C: 3, H: 32, W: 32}, 10); err != nil {
		found = append(found, err)
	}
	found.Check(c.Events > 0, "%d events: must be at least 1", c.Events)
	found.Check(c.Steps > 0, "%d steps: must be at least 1", c.Steps)
	found.Check(c.Threads >= 1 && c.Threads <= quota.MaxThreads, "%d threads: must be 1 to %d", c.Threads, quota.MaxThreads)
	found.Check(c.MicroShard >= 1 && c.MicroShard <= 1024, "micro-shard of %d samples: must be 1 to 1024", c.MicroShard)
	found.Check(c.Batch >= c.MicroShard && c.Batch <= maxSamples, "batch of %d: must be a micro-shard of %d to %d",
		c.Batch, c.MicroShard, maxSamples)
	found.Check(c.Rate > 0, "learning rate %v: must be above 0", c.Rate)
	return found.Err()
}

// graph returns the network; only cnn fits itself to the images.
func (c EventConfig) graph(input nn.Shape, classes int) (*nn.Graph, error) {
	if c.Model == "cnn" {
		return nn.Build(nn.ModelConfig{Name: "cnn", Input: input, Classes: classes})
	}
	g, err := buildGrowth(c.Model)
	if err == nil && (g.Input != input || classes != 10) {
		err = fmt.Errorf("model %s is for 10 classes of %v images: use model cnn", c.Model, g.Input)
	}
	return g, err
}

// RoundCost is what one round of an event, and what is decided from it, took.
type RoundCost struct {
	Kind    measure.Kind `json:"kind"`
	Samples int          `json:"samples"`
	CPUS    float64      `json:"cpu_s"`
	SolveS  float64      `json:"solve_cpu_s"`
}

// EventResult is the cost of an event beside the training before it, in
// seconds of processor time of this process.
type EventResult struct {
	Event    int         `json:"event"`
	Params   int         `json:"params"` // before the event
	Decision string      `json:"decision"`
	TrainS   float64     `json:"train_cpu_s"`
	EventS   float64     `json:"event_cpu_s"`
	SolveS   float64     `json:"solve_cpu_s"` // part of EventS
	Share    float64     `json:"share"`       // EventS / TrainS
	Rounds   []RoundCost `json:"rounds"`
}

// Data is a data set that networks can be trained on.
type Data interface {
	worker.Samples
	Len(split string) int
	Shape() nn.Shape
	Classes() int
}

// Event trains a network and lets it grow, as a run does, and tells the cost
// of each event as it comes.
func Event(ctx context.Context, c EventConfig, data Data, tell func(EventResult)) error {
	if err := c.Validate(); err != nil {
		return err
	}
	g, err := c.graph(data.Shape(), data.Classes())
	if err != nil {
		return err
	}
	m := nn.Init(g, 1)
	var slots []optim.Slot
	info := growth.EventInfo{Seed: 1, TrainSamples: data.Len("train"), MicroShard: c.MicroShard}
	for n := range c.Events {
		r := EventResult{Event: n, Params: m.Graph.NumParams()}
		started := cpuSeconds()
		if slots, err = c.train(m, slots, data, n*c.Steps); err != nil {
			return err
		}
		r.TrainS = cpuSeconds() - started
		info.Number, info.Step = uint64(n), uint64((n+1)*c.Steps)
		e := growth.NewEvent(growth.DefaultOf(growth.PolicyTiny), m, slots, info)
		if err := r.run(ctx, worker.Local{Samples: data, Threads: c.Threads, MicroShard: c.MicroShard}, m, e, info); err != nil {
			return err
		}
		o := e.Outcome()
		m, slots, r.Decision = o.Model, o.Slots, o.Record.Decision
		info.History = info.History.After(o.Record)
		tell(r)
	}
	return nil
}

// run runs the event to its end.
func (r *EventResult) run(ctx context.Context, l worker.Local, m *nn.Model, e *growth.Event, info growth.EventInfo) error {
	started := cpuSeconds()
	for {
		req, at, ok := e.Next()
		if !ok {
			break
		}
		before := cpuSeconds()
		sums, _, err := l.Round(ctx, m, e, info)
		if err != nil {
			return err
		}
		solve := cpuSeconds()
		if err := e.Feed(sums.F64); err != nil {
			return err
		}
		now := cpuSeconds()
		r.Rounds = append(r.Rounds, RoundCost{Kind: req.Kind, Samples: at.Count, CPUS: now - before, SolveS: now - solve})
		r.SolveS += now - solve
	}
	r.EventS = cpuSeconds() - started
	r.Share = r.EventS / r.TrainS
	return nil
}

// train makes the steps before an event, on augmented samples, and returns the
// optimizer's state.
func (c EventConfig) train(m *nn.Model, slots []optim.Slot, data Data, from int) ([]optim.Slot, error) {
	t, err := newTrainer(m, work{c.Batch, c.MicroShard, c.Threads})
	if err != nil {
		return nil, err
	}
	t.rate = c.Rate
	if slots != nil {
		if t.optimizer, err = optim.Restore(optim.Default(), optim.Plain(len(m.Params)), uint64(from), slots); err != nil {
			return nil, err
		}
	}
	perEpoch := max(1, data.Len("train")/c.Batch)
	for step := from; step < from+c.Steps; step++ {
		order := proto.Order{Split: "train", Stream: "epoch", Seed: 1, Index: uint64(step / perEpoch)}
		t.each(len(t.batches), func(_, i int) {
			at := i * c.MicroShard
			_ = data.Fill(t.batches[i], order, proto.Move|proto.Mirror, step%perEpoch*c.Batch+at, min(c.MicroShard, c.Batch-at))
		})
		t.step()
	}
	return t.optimizer.Slots(), nil
}

// cpuSeconds returns the processor time that this process has used.
func cpuSeconds() float64 { return cputime.Used().Seconds() }
