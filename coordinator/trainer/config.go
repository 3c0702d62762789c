package trainer

import (
	"errors"
	"fmt"
	"math"
)

// Config says how to train. Start from Default.
type Config struct {
	// Epochs is how often the training samples are gone through; Steps, if not
	// 0, is the number of updates instead.
	Epochs float64 `yaml:"epochs" json:"epochs"`
	Steps  uint64  `yaml:"steps" json:"steps"`
	// Batch is the number of samples of a step, MicroShard that of the atoms
	// in which it is computed. Both are part of the result: batch norm uses the
	// statistics of a micro-shard.
	Batch      int `yaml:"batch" json:"batch"`
	MicroShard int `yaml:"microshard" json:"microshard"`
	// Seed keys initial weights, order of samples and augmentation.
	Seed uint64 `yaml:"seed" json:"seed"`
	// Augment pads, crops and flips training images.
	Augment bool `yaml:"augment" json:"augment"`
	// EvalEpochs is the number of epochs between two evaluations on the test
	// samples; 0 evaluates at the end only.
	EvalEpochs float64 `yaml:"eval_epochs" json:"eval_epochs"`
}

// Default returns ten epochs of batches of 128 in micro-shards of 32.
func Default() Config {
	return Config{Epochs: 10, Batch: 128, MicroShard: 32, Seed: 1, EvalEpochs: 1}
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Epochs >= 0 && c.Epochs <= 1e6, "epochs %v: must be at least 0", c.Epochs)
	check(c.Steps > 0 || c.Epochs > 0, "neither epochs nor steps: set one above 0")
	check(c.Steps <= 1<<40, "steps %d: at most %d", c.Steps, uint64(1)<<40)
	check(c.MicroShard >= 1 && c.MicroShard <= 1024, "microshard %d: must be 1 to 1024", c.MicroShard)
	check(c.Batch >= 1 && c.Batch <= 1<<20, "batch %d: must be 1 to %d", c.Batch, 1<<20)
	check(c.MicroShard <= c.Batch, "microshard %d is larger than the batch of %d: lower --microshard or raise --batch", c.MicroShard, c.Batch)
	check(c.EvalEpochs >= 0 && c.EvalEpochs <= 1e6, "eval_epochs %v: must be at least 0", c.EvalEpochs)
	return errors.Join(faults...)
}

// Data is what a trainer knows of the samples.
type Data struct{ Train, Test int }

// horizon is a Config applied to Data: everything in steps.
type horizon struct {
	perEpoch  uint64 // full batches; the rest of an epoch's order is left out
	total     uint64
	evalEvery uint64 // 0: at the end only
}

func newHorizon(c Config, d Data) (horizon, error) {
	if c.Batch > d.Train {
		return horizon{}, fmt.Errorf("batch %d: the data set has %d training samples: lower --batch", c.Batch, d.Train)
	}
	p := horizon{perEpoch: uint64(d.Train / c.Batch), total: c.Steps}
	if p.total == 0 {
		p.total = max(uint64(math.Round(c.Epochs*float64(p.perEpoch))), 1)
	}
	if c.EvalEpochs > 0 {
		p.evalEvery = max(uint64(math.Round(c.EvalEpochs*float64(p.perEpoch))), 1)
	}
	return p, nil
}
