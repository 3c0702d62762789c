package main

import (
	"strconv"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// bench makes the runs.
type bench struct {
	dataDir        string
	samples, seeds int
	steps, jobs    int
	runs           stat.Runs
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
