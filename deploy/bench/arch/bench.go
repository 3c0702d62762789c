package main

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// bench makes the runs.
type bench struct {
	dataDir        string
	samples, seeds int
	target         float64
	runs           stat.Runs
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
	file := filepath.Join(b.runs.Dir, "net.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, false, err
	}
	set["model.name"] = file
	r, err := b.runs.Train(ctx, "run", stat.Given(b.common(), set))
	if err != nil {
		return nil, false, err
	}
	for _, step := range r.Steps {
		losses = append(losses, step.Loss)
	}
	return losses, r.Whole && !slices.ContainsFunc(losses, math.IsNaN), nil
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
