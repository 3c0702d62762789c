package trainer

import (
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Callbacks are what a run does by its evaluations, under the names that Keras has
// for it. The zero value does nothing.
type Callbacks struct {
	EarlyStopping   EarlyStopping   `yaml:"early_stopping" json:"early_stopping"`
	ModelCheckpoint ModelCheckpoint `yaml:"model_checkpoint" json:"model_checkpoint"`
}

// EarlyStopping ends a run that no longer gets better. It is a decision by reduced
// sums alone: the same for any number of workers, and part of checkpoints.
type EarlyStopping struct {
	// Monitor is what is looked at in every evaluation: val_accuracy or val_loss on
	// the validation samples; test_accuracy or test_loss on the test samples, where none
	// are held out; accuracy or loss of the training samples of the epoch. Empty: the
	// run does not stop early.
	Monitor string `yaml:"monitor" json:"monitor"`
	// MinDelta is by how much a value has to be better than the best one to count as better.
	MinDelta float64 `yaml:"min_delta" json:"min_delta"`
	// Patience is after how many evaluations in a row that are no better the run
	// ends; 0 ends it at the first. With train.eval_epochs 1 they are epochs. Evaluations
	// while the network may still grow do not count, unless WhileGrowing says so: what
	// growth adds shows later.
	Patience int `yaml:"patience" json:"patience"`
	// Mode is max or min, whichever is better, or auto: by the name of what is monitored.
	Mode string `yaml:"mode" json:"mode"`
	// Baseline, if not 0, has to be passed as well, or the evaluation counts as no better.
	Baseline float64 `yaml:"baseline" json:"baseline"`
	// StartFromEpoch is the epoch up to whose end nothing is looked at.
	StartFromEpoch float64 `yaml:"start_from_epoch" json:"start_from_epoch"`
	// RestoreBestWeights lets the run end, early or not, with the network of the best
	// evaluation: its weights and its widths.
	RestoreBestWeights bool `yaml:"restore_best_weights" json:"restore_best_weights"`
	// WhileGrowing counts evaluations while growth events are still to come.
	WhileGrowing bool `yaml:"while_growing" json:"while_growing"`
}

// ModelCheckpoint keeps the best network beside the newest one, in every checkpoint.
type ModelCheckpoint struct {
	// Monitor and Mode are as in EarlyStopping, whose they have to be where both have one:
	// one network is the best. Empty: that of EarlyStopping.
	Monitor string `yaml:"monitor" json:"monitor"`
	Mode    string `yaml:"mode" json:"mode"`
	// SaveBestOnly keeps the network of the best evaluation. What is saved besides, and
	// when, is in the section checkpoint.
	SaveBestOnly bool `yaml:"save_best_only" json:"save_best_only"`
}

// Names of what can be monitored, and of modes.
const (
	accuracyName = "accuracy"
	lossName     = "loss"
	valPrefix    = "val_"
	testPrefix   = "test_"

	modeAuto = "auto"
	modeMax  = "max"
	modeMin  = "min"
)

// Monitors are the names of what can be monitored.
var Monitors = []string{valPrefix + accuracyName, valPrefix + lossName, testPrefix + accuracyName, testPrefix + lossName,
	accuracyName, lossName}

// DefaultCallbacks do nothing.
func DefaultCallbacks() Callbacks {
	return Callbacks{EarlyStopping{Mode: modeAuto}, ModelCheckpoint{Mode: modeAuto}}
}

// Validate returns all faults at once, or nil; what is monitored has to be measured
// in a run of configuration c.
func (b Callbacks) Validate(c Config) error {
	var found faults.List
	e, k := b.EarlyStopping, b.ModelCheckpoint
	for _, of := range []struct{ section, monitor, mode string }{
		{"early_stopping", e.Monitor, e.Mode}, {"model_checkpoint", k.Monitor, k.Mode}} {
		section, name, mode := of.section, of.monitor, of.mode
		found.Check(name == "" || slices.Contains(Monitors, name), "callbacks.%s.monitor %.80q: must be one of %s", section, name,
			strings.Join(Monitors, ", "))
		found.Check(slices.Contains([]string{"", modeAuto, modeMax, modeMin}, mode), "callbacks.%s.mode %.80q: must be auto, max or min",
			section, mode)
		held := c.Validation > 0
		found.Check(held || !strings.HasPrefix(name, valPrefix), "callbacks.%s.monitor %s: no validation samples are held out: set "+
			"train.validation (--validation), or monitor %s, which chooses by the test samples", section, name,
			testPrefix+strings.TrimPrefix(name, valPrefix))
		found.Check(!held || !strings.HasPrefix(name, testPrefix), "callbacks.%s.monitor %s: with validation samples the test samples are "+
			"read once, at the end: monitor %s", section, name, valPrefix+strings.TrimPrefix(name, testPrefix))
		found.Check(name == "" || c.EvalEpochs > 0, "callbacks.%s.monitor %s: is looked at in evaluations: set train.eval_epochs above 0",
			section, name)
	}
	found.Check(faults.Finite(e.MinDelta) && e.MinDelta >= 0, "callbacks.early_stopping.min_delta %v: must be at least 0", e.MinDelta)
	found.Check(e.Patience >= 0 && e.Patience <= 1<<30, "callbacks.early_stopping.patience %d: must be at least 0", e.Patience)
	found.Check(faults.Finite(e.Baseline), "callbacks.early_stopping.baseline %v: must be a number", e.Baseline)
	found.Check(faults.Finite(e.StartFromEpoch) && e.StartFromEpoch >= 0,
		"callbacks.early_stopping.start_from_epoch %v: must be at least 0",
		e.StartFromEpoch)
	idle := e
	idle.Monitor, idle.Mode = "", modeAuto
	found.Check(e.Monitor != "" || idle == EarlyStopping{Mode: modeAuto}, "callbacks.early_stopping: nothing is monitored: set "+
		"callbacks.early_stopping.monitor, as val_accuracy")
	found.Check(k.Monitor == "" || k.SaveBestOnly, "callbacks.model_checkpoint.monitor %s: set save_best_only to true to keep the best "+
		"network", k.Monitor)
	found.Check(!k.SaveBestOnly || k.Monitor != "" || e.Monitor != "", "callbacks.model_checkpoint: nothing is monitored: set "+
		"callbacks.model_checkpoint.monitor, as val_accuracy")
	found.Check(k.Monitor == "" || e.Monitor == "" || k.Monitor == e.Monitor && (k.Mode == e.Mode || k.Mode == modeAuto),
		"callbacks.model_checkpoint monitors %s (%s) and early_stopping %s (%s): one network is the best: monitor the same", k.Monitor,
		k.Mode, e.Monitor, e.Mode)
	return found.Err()
}

// monitor returns what is monitored, empty if nothing is.
func (b Callbacks) monitor() string {
	if b.EarlyStopping.Monitor != "" {
		return b.EarlyStopping.Monitor
	}
	return b.ModelCheckpoint.Monitor
}

// keeps reports whether the network of the best evaluation is kept.
func (b Callbacks) keeps() bool {
	return b.EarlyStopping.RestoreBestWeights || b.ModelCheckpoint.SaveBestOnly
}

// better reports whether a value is better than another, by the least difference
// that counts.
func (b Callbacks) better(value, than float64) bool {
	mode := b.EarlyStopping.Mode
	if b.EarlyStopping.Monitor == "" {
		mode = b.ModelCheckpoint.Mode
	}
	up := strings.HasSuffix(b.monitor(), accuracyName)
	if mode == modeMax || mode == modeMin {
		up = mode == modeMax
	}
	if up {
		return value-b.EarlyStopping.MinDelta > than
	}
	return value+b.EarlyStopping.MinDelta < than
}
