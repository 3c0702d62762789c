package trainer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Config says how to train. Start from Default.
type Config struct {
	// Epochs is how often the training samples are gone through; Steps, if not
	// 0, is the number of updates instead.
	Epochs float64 `yaml:"epochs" json:"epochs"`
	Steps  uint64  `yaml:"steps" json:"steps"`
	// MaxFLOPs, if not 0, ends the run before that once so many floating point
	// operations have been spent on gradients and growth events, by the formula
	// that a backward pass costs two forward ones (nn.Graph.FLOPs). Schedules then
	// reach their end when the budget does. A budget of processor seconds would
	// let the clock decide what comes out.
	MaxFLOPs float64 `yaml:"max_flops" json:"max_flops"`
	// TargetAccuracy, if not 0, ends the run at the first evaluation that finds at
	// least this accuracy, of 1: on the validation samples, on the test samples if
	// there are none.
	TargetAccuracy float64 `yaml:"target_accuracy" json:"target_accuracy"`
	// Batch is the number of samples of a step, MicroShard that of the atoms
	// in which it is computed. Both are part of the result: batch norm uses the
	// statistics of a micro-shard.
	Batch      int `yaml:"batch" json:"batch"`
	MicroShard int `yaml:"microshard" json:"microshard"`
	// From is the SHA-256 of the trained model that the run starts from in place of
	// fresh weights, in hexadecimal; --from names the model and sets it. The network is then that model's:
	// of the section model only label_smoothing counts.
	From string `yaml:"from" json:"from"`
	// Seed keys initial weights, order of samples and augmentation.
	Seed uint64 `yaml:"seed" json:"seed"`
	// Init says which weights a network begins with.
	Init InitConfig `yaml:"init" json:"init,omitzero"`
	// Update says by which rule weights are updated.
	Update UpdateConfig `yaml:"update" json:"update,omitzero"`
	// Masks lets a part of the run find connections in place of weights.
	Masks MasksConfig `yaml:"masks" json:"masks,omitzero"`
	// Augment moves training images by up to a sixteenth of their side at random and, with Mirror,
	// mirrors them. Where left and right tell classes apart, as with arrows, digits and
	// letters, Mirror has to be off; what is read as mnist is never mirrored.
	Augment bool `yaml:"augment" json:"augment"`
	Mirror  bool `yaml:"mirror" json:"mirror"`
	// AlternateMirror draws for each image whether its first epoch mirrors it, and
	// then takes turns, so that no two epochs in a row show the same side.
	AlternateMirror bool `yaml:"alternate_mirror" json:"alternate_mirror"`
	// TestFlips lets evaluations report, beside the accuracy and loss of the pictures as
	// they are, those by the mean of the outputs for a picture and its mirror image.
	// Nothing is decided by them.
	TestFlips bool `yaml:"test_flips" json:"test_flips"`
	// GradCosine lets each step compare the gradients of the two halves of its batch (Compared). It decides nothing of the
	// training, but all who add gradients have to know of it. No reducers may join then.
	GradCosine bool `yaml:"grad_cosine" json:"grad_cosine,omitempty"`
	// Cutout blanks, with Augment, a square of a quarter of the image's shorter side.
	Cutout bool `yaml:"cutout" json:"cutout"`
	// Mix, Color and RandAugment are off unless their numbers say otherwise, and need Augment.
	Mix         Mix         `yaml:"mix" json:"mix"`
	Color       Color       `yaml:"color" json:"color"`
	RandAugment RandAugment `yaml:"randaugment" json:"randaugment"`
	// Validation is how many training samples, drawn by Seed, are held out: no
	// step and no growth event reads them. Evaluations then read them instead of the
	// test samples, which are read once, at the end, so that nothing is decided by them.
	Validation int `yaml:"validation" json:"validation"`
	// Wire is the format in which gradients, and the weights that they are computed with, travel
	// between coordinator and workers: fp32, or fp16 or bf16 of half the size. It is part of the result: the
	// gradient of each micro-shard is rounded to it, and the sum at each node of the tree. Evaluations,
	// growth, the optimizer's state and what is saved stay in float32. Empty: fp32.
	Wire string `yaml:"wire" json:"wire"`
	// EvalEpochs is the number of epochs between two evaluations; 0 evaluates at
	// the end only.
	EvalEpochs float64 `yaml:"eval_epochs" json:"eval_epochs"`
}

// The values of InitConfig.Rule.
const (
	FanIn     = "fan_in"
	ArchAware = "arch_aware"
)

// InitRules are all of them.
var InitRules = []string{FanIn, ArchAware}

// InitConfig says which weights a network begins with.
type InitConfig struct {
	// Rule is fan_in (nn.Init) or arch_aware (nn.InitArchAware).
	Rule string `yaml:"rule" json:"rule,omitempty"`
	// What is learned of them before the first step.
	initial.Config `yaml:",inline"`
}

// Decisive returns what of c decides bits.
func (c InitConfig) Decisive() InitConfig {
	if !c.On() {
		c.Config = initial.Config{}
	}
	return c
}

// Model returns a network of architecture g with fresh weights.
func (c Config) Model(g *nn.Graph) *nn.Model {
	if c.Init.Rule == ArchAware {
		return nn.InitArchAware(g, c.Seed)
	}
	return nn.Init(g, c.Seed)
}

// Default returns ten epochs of batches of 128 in micro-shards of 32.
func Default() Config {
	return Config{Epochs: 10, Batch: 128, MicroShard: 32, Seed: 1, Init: InitConfig{FanIn, initial.Default()}, Update: DefaultUpdate(),
		Masks:  DefaultMasks(),
		Mirror: true, AlternateMirror: true, EvalEpochs: 1, Wire: kernel.FP32.String()}
}

// Augmentation returns how training images are changed.
func (c Config) Augmentation() proto.Augmentation {
	if !c.Augment {
		return 0
	}
	a := proto.Move
	if c.Mirror {
		a |= proto.Mirror
	}
	if c.Mirror && c.AlternateMirror {
		a |= proto.Alternate
	}
	if c.Cutout {
		a |= proto.Cutout
	}
	return a.With(c.strengths())
}

// Validate returns all faults at once, or nil.
func (c Config) Validate() error {
	var found faults.List
	found.Check(c.Epochs >= 0 && c.Epochs <= 1e6, "epochs %v: must be at least 0", c.Epochs)
	found.Check(c.Steps > 0 || c.Epochs > 0, "neither epochs nor steps: set one above 0")
	found.Check(c.Steps <= 1<<40, "steps %d: at most %d", c.Steps, uint64(1)<<40)
	found.Check(c.MaxFLOPs >= 0 && c.MaxFLOPs <= 1e30, "max_flops %v: must be at least 0", c.MaxFLOPs)
	found.Check(c.TargetAccuracy >= 0 && c.TargetAccuracy <= 1, "target_accuracy %v: must be 0 to 1", c.TargetAccuracy)
	found.Check(c.TargetAccuracy == 0 || c.EvalEpochs > 0, "target_accuracy %v: is looked at in evaluations: set eval_epochs above 0",
		c.TargetAccuracy)
	found.Check(c.MicroShard >= 1 && c.MicroShard <= 1024, "microshard %d: must be 1 to 1024", c.MicroShard)
	found.Check(c.Batch >= 1 && c.Batch <= 1<<20, "batch %d: must be 1 to %d", c.Batch, 1<<20)
	found.Check(c.MicroShard <= c.Batch, "microshard %d is larger than the batch of %d: lower --microshard or raise --batch",
		c.MicroShard, c.Batch)
	c.checkAugmentation(&found)
	_, err := kernel.ParseFormat(cmp.Or(c.Wire, kernel.FP32.String()))
	found.Check(err == nil, "wire %.40q: must be fp32, fp16 or bf16", c.Wire)
	found.Check(c.Validation >= 0 && c.Validation <= 1<<40, "validation %d: must be at least 0", c.Validation)
	if sum, err := hex.DecodeString(c.From); c.From != "" {
		found.Check(err == nil && len(sum) == sha256.Size,
			"from %.80q: must be %d hexadecimal digits: --from sets it", c.From, 2*sha256.Size)
	}
	found.Check(c.Init.Rule == "" || slices.Contains(InitRules, c.Init.Rule), "init.rule %q: must be %q or %q", c.Init.Rule, FanIn,
		ArchAware)
	found.Check(c.From == "" || c.Init.Rule != ArchAware,
		"init.rule %s: a run that starts from a trained model has its weights: leave one out", c.Init.Rule)
	c.Update.check(&found)
	c.Init.Check(&found)
	found.Check(c.From == "" || !c.Init.On(), "init.learn %s: a run that starts from a trained model has its weights: leave one out",
		c.Init.Learn)
	found.Check(!c.Init.On() || c.Update.Rule != RecLRA, "init.learn %s: goes by gradients of the loss: set train.update.rule to %s",
		c.Init.Learn, Backprop)
	found.Check(!c.Init.On() || c.Batch >= 2, "init.learn %s: takes halves of a batch: set --batch 2 or more", c.Init.Learn)
	c.Masks.check(&found, c)
	found.Check(c.EvalEpochs >= 0 && c.EvalEpochs <= 1e6, "eval_epochs %v: must be at least 0", c.EvalEpochs)
	return found.Err()
}

// Data is what a trainer knows of the samples: how many there are, none of them held out.
type Data struct {
	Train, Test int     // samples
	Task        nn.Task // what the outputs are; empty: classes
}
