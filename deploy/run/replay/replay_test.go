package replay

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// trained makes a run of 30 steps that grows, with batch norm.
func trained(t *testing.T) Options {
	d := dataset.Default()
	d.Limit = 160
	set, err := dataset.Open(d)
	if err != nil {
		t.Fatal(err)
	}
	c := coordinator.Default()
	c.Model = nn.ModelConfig{Name: "cnn", Widths: []int{2, 2}, Norm: "batch"}
	c.Train.Steps, c.Train.Batch, c.Train.MicroShard, c.Train.Augment, c.Train.EvalEpochs = 30, 32, 8, true, 2
	c.Growth = growth.DefaultOf(growth.PolicyTiny)
	c.Growth.EverySteps, c.Growth.Samples, c.Growth.Gate = 8, 64, false
	c.Checkpoint.EverySteps, c.Checkpoint.Every, c.Checkpoint.Keep, c.Cluster.Log = 10, time.Hour, 9, coordinator.LogOff
	data := coordinator.Data{Digest: set.Digest(), Train: set.Len(dataset.Train), Test: set.Len(dataset.Test), Shape: set.Shape(),
		Classes: set.Classes()}
	dir := filepath.Join(t.TempDir(), "run")
	hub := bus.NewHub(0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	b := hub.Share()
	go func() { done <- worker.Run(ctx, worker.Config{Run: "run", Threads: 2}, b, set) }()
	lead := hub.Share()
	_, err = coordinator.Run(t.Context(), coordinator.Job{Run: "run", Dir: dir, Config: c, Resolved: []byte("{}\n"), Data: data}, lead)
	cancel()
	if err := errors.Join(err, <-done, b.Close(), lead.Close()); err != nil {
		t.Fatal(err)
	}
	return Options{Dir: dir, Config: c, Data: data, Local: worker.Local{Samples: set, Threads: 1}}
}

func at(step proto.Step) *proto.Step { return &step }

func TestARunIsMadeAgain(t *testing.T) {
	o := trained(t)
	for _, c := range []struct {
		from       *proto.Step
		steps      uint64
		first, end proto.Step
		compared   Report
	}{
		{nil, 0, 20, 30, Report{Steps: 10, Evaluations: 2, Checkpoints: 1}},
		{at(0), 0, 0, 30, Report{Steps: 30, Evaluations: 3, Events: 2, Checkpoints: 4}},
		{at(12), 5, 10, 17, Report{Steps: 7, Evaluations: 1, Events: 1}},
		{at(29), 99, 20, 30, Report{Steps: 10, Evaluations: 2, Checkpoints: 1}},
	} {
		o.From, o.Steps = c.from, c.steps
		r, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		want := c.compared
		want.Dir, want.WallS, want.Verified, want.From, want.To, want.Differences = o.Dir, r.WallS, true, c.first, c.end, []Difference{}
		if diff := cmp.Diff(want, r); diff != "" {
			t.Errorf("from %v, %d steps: %s", c.from, c.steps, diff)
		}
	}
}

// An interrupt leaves what was compared before it.
func TestAnInterruptedReplay(t *testing.T) {
	o := trained(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o.From = at(0)
	o.Told = func(first, step, last proto.Step) {
		if first != 0 || last != 30 {
			t.Errorf("told of steps %d to %d", first, last)
		}
		if step == 12 {
			cancel()
		}
	}
	r, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || r.Verified || r.All != 0 || r.To != 12 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// Other settings than the run's give other numbers, from the first step that they touch.
func TestOtherSettingsDiffer(t *testing.T) {
	o := trained(t)
	o.From = at(0)
	o.Config.Train.Seed++
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Verified || r.All <= listed || len(r.Differences) != listed || r.Differences[0].Step != 0 {
		t.Errorf("got %+v", r)
	}
	o.Config.Train.Seed--
	o.Config.Optimizer.LR *= 2
	if r, err = Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if d := r.Differences[0]; d.Step != 1 || d.Field != "digest" || d.Where != "metrics.jsonl line 1" {
		t.Errorf("got %v", d)
	}
}
