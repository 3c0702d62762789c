package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// bench makes the runs.
type bench struct {
	dataDir, dir   string
	samples, seeds int
	steps, jobs    int
	began          time.Time
	made           int
}

// Number is a loss that may be none, which JSON has no number for.
type Number float64

// MarshalJSON writes null for what is no number.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// batch is that of all runs but those with a larger one.
const batch = 64

// common are the settings of all runs: SGD with momentum at a constant rate.
func (b *bench) common() map[string]string {
	return map[string]string{
		"data.name": "cifar10", "data.dir": b.dataDir, "data.limit": strconv.Itoa(b.samples), "model.label_smoothing": "0",
		"train.batch":      strconv.Itoa(batch),
		"train.microshard": "32", "train.eval_epochs": "0", "train.grad_cosine": "true", "optim.name": optim.SGD, "optim.average": "0",
		"optim.schedule": optim.Constant, "optim.warmup": "0", "optim.clip_norm": "0", "growth.policy": "none",
		"worker.threads": "1", "report": "false", "telemetry.tensorboard": "false",
	}
}

// course is what was told of a run.
type course struct {
	steps  []trainer.StepRecord
	scales []trainer.TensorScale
	result coordinator.Result
	whole  bool // it did not diverge
}

// Line is called with what people are told.
func (*course) Line(string, ...any) {}

// Events are what a course remembers.
func (c *course) Events() coordinator.Events {
	return coordinator.Events{
		Step:    func(r trainer.StepRecord, _ coordinator.Pace) { c.steps = append(c.steps, r) },
		Learned: func(r trainer.InitRecord) { c.scales = r.Scales },
	}
}

// run makes a run in a directory of that name, from the network of another if one is named.
func (b *bench) run(ctx context.Context, name, from string, set map[string]string) (*course, error) {
	g := run.Given{From: from}
	all := b.common()
	maps.Copy(all, set)
	if file, named := all["model.name"]; named {
		g.Flags = []run.Flag{{Name: "--model", Key: "model.name", Value: file}}
		delete(all, "model.name")
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		g.Assignments = append(g.Assignments, key+"="+all[key])
	}
	s, err := g.Resolve(run.Defaults())
	if err != nil {
		return nil, err
	}
	s.RunDir = filepath.Join(b.dir, name)
	if err := os.RemoveAll(s.RunDir); err != nil {
		return nil, err
	}
	s.Name()
	c := new(course)
	c.result, err = run.Train(ctx, s, run.Start{Workers: 1, Given: g}, c)
	c.whole = err == nil
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil && !c.result.Done:
		return nil, errors.New("the run did not come to its end")
	case err != nil && !errors.Is(err, trainer.ErrDiverged):
		return nil, err
	}
	if b.made++; b.made%10 == 0 {
		fmt.Fprintf(os.Stderr, "%d runs in %s\n", b.made, time.Since(b.began).Round(time.Second))
	}
	return c, nil
}

// last returns the mean of the last n steps by of; infinity for a run that has not so many.
func (c *course) last(n int, of func(trainer.StepRecord) float64) float64 {
	if len(c.steps) < n {
		return math.Inf(1)
	}
	sum := 0.0
	for _, r := range c.steps[len(c.steps)-n:] {
		sum += of(r)
	}
	return sum / float64(n)
}
