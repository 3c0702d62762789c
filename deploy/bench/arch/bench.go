package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// bench makes the runs.
type bench struct {
	dataDir, dir   string
	samples, seeds int
	target         float64
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

// common are the settings of all runs: plain gradient descent at a constant rate.
func (b *bench) common() map[string]string {
	return map[string]string{
		"data.name": "cifar10", "data.dir": b.dataDir, "data.limit": strconv.Itoa(b.samples), "model.label_smoothing": "0",
		"train.epochs": "1", "train.batch": "64", "train.augment": "false", "train.init.rule": "arch_aware", "train.eval_epochs": "0",
		"optim.name": optim.SGD, "optim.momentum": "0", "optim.nesterov": "false", "optim.weight_decay": "0", "optim.clip_norm": "0",
		"optim.average": "0", "optim.norm_bias_factor": "1", "optim.schedule": optim.Constant, "optim.warmup": "0",
		"growth.policy": "none", "worker.threads": "1",
	}
}

// losses makes a run of the network text describes and returns the training loss of each step, up
// to where it was no number any more, if it was.
func (b *bench) losses(ctx context.Context, text string, set map[string]string) (losses []float64, whole bool, err error) {
	file, dir := filepath.Join(b.dir, "net.yaml"), filepath.Join(b.dir, "run")
	if err := errors.Join(os.WriteFile(file, []byte(text), 0o600), os.RemoveAll(dir)); err != nil {
		return nil, false, err
	}
	g := run.Given{Flags: []run.Flag{{Name: "--model", Key: "model.name", Value: file}}}
	for key, value := range b.common() {
		if _, other := set[key]; !other {
			g.Assignments = append(g.Assignments, key+"="+value)
		}
	}
	for key, value := range set {
		g.Assignments = append(g.Assignments, key+"="+value)
	}
	slices.Sort(g.Assignments)
	s, err := g.Resolve(run.Defaults())
	if err != nil {
		return nil, false, err
	}
	s.RunDir = dir
	s.Name()
	r, err := run.Train(ctx, s, run.Start{Workers: 1, Given: g}, nil)
	switch {
	case ctx.Err() != nil:
		return nil, false, context.Cause(ctx)
	case err == nil && !r.Done:
		return nil, false, errors.New("the run did not come to its end")
	case err != nil && !errors.Is(err, trainer.ErrDiverged):
		return nil, false, err
	}
	if b.made++; b.made%20 == 0 {
		fmt.Fprintf(os.Stderr, "%d runs in %s\n", b.made, time.Since(b.began).Round(time.Second))
	}
	losses, read := stat.StepLosses(filepath.Join(dir, "metrics.jsonl"))
	return losses, err == nil && !slices.ContainsFunc(losses, math.IsNaN), read
}

// lastQuarter returns the mean loss of the last quarter of a run, infinity if it did not
// come to its end.
func lastQuarter(losses []float64, whole bool) float64 {
	if !whole || len(losses) == 0 {
		return math.Inf(1)
	}
	losses = losses[len(losses)*3/4:]
	sum := 0.0
	for _, l := range losses {
		sum += l
	}
	return sum / float64(len(losses))
}
