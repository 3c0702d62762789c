package e2e

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/worker"
)

// broad is a job whose network has parameters for several ranges and chunks, convolutions for
// Muon, and sites of both kinds.
func broad(t testing.TB, change func(c *coordinator.Config)) coordinator.Job {
	g := &nn.Graph{Input: shape, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "c1", Op: nn.OpConv, Inputs: []nn.NodeID{"x"}, Out: 3, Kernel: 3, Stride: 1, Pad: 1},
		{ID: "bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"c1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "r1", Op: nn.OpReLU, Inputs: []nn.NodeID{"bn"}},
		{ID: "c2", Op: nn.OpConv, Inputs: []nn.NodeID{"r1"}, Out: 4, Kernel: 3, Stride: 1, Pad: 1, Bias: true},
		{ID: "r2", Op: nn.OpReLU, Inputs: []nn.NodeID{"c2"}},
		{ID: "f", Op: nn.OpFlatten, Inputs: []nn.NodeID{"r2"}},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"f"}, Out: 400, Bias: true},
		{ID: "r3", Op: nn.OpReLU, Inputs: []nn.NodeID{"fc1"}},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"r3"}, Out: classes, Bias: true},
	}}
	if err := g.Validate(); err != nil {
		t.Fatal(err)
	}
	j := job(t, "")
	m := nn.Init(g, 1)
	j.Start = &coordinator.Start{Model: m}
	j.Config.Model, j.Config.Train.From = nn.ModelConfig{Name: "start"}, checkpoint.ModelSHA256(m)
	j.Config.Train.Epochs, j.Config.Optimizer.LR = 3, 0.01
	j.Config.Growth.EverySteps, j.Config.Cluster.LostAfter = 6, 10*time.Second
	j.Config.Growth.Fix(func(f *growth.Fixed) { f.Follow = 2 })
	if change != nil {
		change(&j.Config)
	}
	return j
}

// reducers starts some, and returns what ends them and what they did.
func (s system) reducers(t testing.TB, n int) (end func() []reduce.Stats) {
	ctx, cancel := context.WithCancel(context.Background())
	stats := make([]reduce.Stats, n)
	var group sync.WaitGroup
	for i := range n {
		connect := s.connect
		if s.reducer != nil {
			connect = s.reducer
		}
		b := connect()
		c := reduce.Config{Run: "test", ID: proto.WorkerID(fmt.Sprintf("r%d", i)), Retry: 10 * time.Millisecond,
			Done: func(s reduce.Stats) { stats[i] = s }}
		group.Go(func() {
			defer b.Close()
			if err := reduce.Run(ctx, c, b); err != nil {
				t.Errorf("reducer %d: %v", i, err)
			}
		})
	}
	return func() []reduce.Stats {
		cancel()
		group.Wait()
		return stats
	}
}

// modes are what an update may differ in.
var modes = map[string]func(c *coordinator.Config){
	"sgd": func(c *coordinator.Config) {},
	"muon and average": func(c *coordinator.Config) { // layers that grew are updated as a whole
		c.Optimizer = optim.Default()
		c.Optimizer.Name, c.Optimizer.Average, c.Optimizer.Births = optim.Muon, 0.3, optim.VarianceTransfer
	},
	"local steps": func(c *coordinator.Config) { c.Sync.Every, c.Sync.Replicas = 2, 7 },
	"bf16":        func(c *coordinator.Config) { c.Train.Wire = proto.BF16 },
	"fp16, clipped": func(c *coordinator.Config) {
		c.Train.Wire, c.Optimizer.ClipNorm = proto.FP16, 0.5
	},
	"adamw, clipped": func(c *coordinator.Config) {
		c.Optimizer.Name, c.Optimizer.ClipNorm, c.Optimizer.LR = optim.AdamW, 0.5, 0.001
	},
}

// counts are how many workers and reducers a mode is tried with.
var counts = map[string][][2]int{"sgd": {{3, 2}}, "adamw, clipped": {{1, 3}}, "fp16, clipped": {{1, 5}, {3, 1}, {8, 2}},
	"local steps": {{1, 5}, {3, 1}, {8, 2}}, "bf16": {{1, 2}, {3, 5}},
	"muon and average": {{1, 1}, {1, 2}, {1, 5}, {3, 1}, {3, 2}, {3, 5}, {8, 1}, {8, 2}, {8, 5}}}

// The same bits come out whether the coordinator owns all parameters or reducers own
// ranges of them, for any number of workers and reducers.
func TestReducersDoNotMatter(t *testing.T) {
	for name, change := range modes {
		t.Run(name, func(t *testing.T) {
			r := memory().train(t, broad(t, change), 1, 2)
			grown := 0
			for _, e := range r.GrowthEvents {
				grown += len(e.Grown)
			}
			if grown == 0 {
				t.Fatal("the run does not grow")
			}
			tried := counts[name]
			if testing.Short() {
				tried = tried[len(tried)/2:][:1]
			}
			for _, n := range tried {
				t.Run(fmt.Sprintf("%d workers, %d reducers", n[0], n[1]), func(t *testing.T) {
					s := memory()
					if name == "sgd" {
						s = overNATS(t)
					}
					got, stats := s.reduced(t, broad(t, change), n)
					if of(got) != of(r) {
						t.Errorf("got %+v, want %+v", of(got), of(r))
					}
					for _, r := range stats {
						if r.Updates == 0 {
							t.Errorf("reducer %s made no updates: %+v", r.Reducer, r)
						}
					}
				})
			}
		})
	}
}

// reduced runs a job with so many workers and reducers.
func (s system) reduced(t testing.TB, j coordinator.Job, n [2]int) (coordinator.Result, []reduce.Stats) {
	end := s.reducers(t, n[1])
	var members []*member
	var joined atomic.Int32
	j.Events.Reducers = func(text string) {
		t.Log(text)
		if joined.Add(1) == int32(n[1]) { // the run begins with all reducers
			for i := range n[0] {
				members = append(members, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprintf("w%d", i)), Threads: 1}, data, nil))
			}
		}
	}
	got := s.coordinate(t, context.Background(), j)
	stats := end()
	for _, m := range members {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
	return got, stats
}
