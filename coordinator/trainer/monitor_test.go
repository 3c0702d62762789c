package trainer

import (
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
)

// stopsAt feeds a course of losses or accuracies to a trainer that does not grow, an
// epoch each, and returns after how many it ends, and which was the best.
func stopsAt(t *testing.T, e EarlyStopping, course []float64) (end int, best uint64) {
	t.Helper()
	set := toySettings()
	set.Growth.Policy, set.Train.Epochs = growth.PolicyNone, 100
	set.Callbacks = Callbacks{EarlyStopping: e}
	tr := newToyOf(t, set)
	for i, v := range course {
		tr.at.Step = uint64(i+1) * set.perEpoch()
		m := Tally{Samples: 1, Loss: v, Correct: v}
		if tr.watch("test", m, tr.model); tr.at.Stopped != "" {
			return i + 1, uint64(tr.at.Monitored.Step) / set.perEpoch()
		}
	}
	if tr.at.Monitored == nil {
		return 0, 0
	}
	return 0, uint64(tr.at.Monitored.Step) / set.perEpoch()
}

// The run ends where Keras's EarlyStopping would end it: the expected epochs were
// worked out by its documentation. 0: not at all.
func TestEarlyStoppingAsKeras(t *testing.T) {
	losses := []float64{1, 0.9, 0.95, 0.8, 0.85, 0.81, 0.79, 0.9, 0.9, 0.9}
	for name, c := range map[string]struct {
		stop   EarlyStopping
		course []float64
		end    int
		best   uint64
	}{
		"no patience":            {EarlyStopping{Monitor: "test_loss"}, losses, 3, 2},
		"patience of one":        {EarlyStopping{Monitor: "test_loss", Patience: 1}, losses, 3, 2},
		"patience of two":        {EarlyStopping{Monitor: "test_loss", Patience: 2}, losses, 6, 4},
		"patience of three":      {EarlyStopping{Monitor: "test_loss", Patience: 3}, losses, 10, 7},
		"patience that lasts":    {EarlyStopping{Monitor: "test_loss", Patience: 4}, losses, 0, 7},
		"too small a step":       {EarlyStopping{Monitor: "test_loss", Patience: 3, MinDelta: 0.05}, losses, 7, 4},
		"start later":            {EarlyStopping{Monitor: "test_loss", StartFromEpoch: 3}, losses, 5, 4},
		"a baseline not reached": {EarlyStopping{Monitor: "test_loss", Patience: 3, Baseline: 0.5}, losses, 3, 2},
		"a baseline reached":     {EarlyStopping{Monitor: "test_loss", Patience: 3, Baseline: 0.95}, losses, 10, 7},
		"accuracy grows":         {EarlyStopping{Monitor: "test_accuracy", Patience: 2}, []float64{0.1, 0.3, 0.2, 0.3, 0.4}, 4, 2},
		"mode by hand":           {EarlyStopping{Monitor: "test_accuracy", Mode: modeMin, Patience: 1}, []float64{0.3, 0.2, 0.4}, 3, 2},
		"equal is no better":     {EarlyStopping{Monitor: "test_loss", Patience: 2}, []float64{1, 1, 1}, 3, 1},
	} {
		if end, best := stopsAt(t, c.stop, c.course); end != c.end || best != c.best {
			t.Errorf("%s: ends after %d with the best of %d, want %d and %d", name, end, best, c.end, c.best)
		}
	}
}

// stopping are settings by which the toy network grows, gets worse and stops early.
func stopping() Settings {
	set := toySettings()
	set.Train.Epochs, set.Growth.Until = 8, 0.4
	set.Callbacks.EarlyStopping = EarlyStopping{Monitor: "test_accuracy", Patience: 1, MinDelta: 0.2, RestoreBestWeights: true}
	return set
}

// A run that stops early, of patience alone, and ends with its best network, narrower
// than its last, is the same wherever it is restored. What its checkpoint tells of it is
// of the network that it ends with.
func TestRestoreAnywhereWithEarlyStopping(t *testing.T) {
	whole, told := restoreAnywhere(t, stopping(), toyGraph(2))
	at := whole.Progress()
	if at.Monitored == nil || !at.Monitored.Restored || !strings.Contains(at.Stopped, "no better") || uint64(whole.Step()) == whole.Steps() {
		t.Fatalf("%+v, %q", at.Monitored, at.Stopped)
	}
	var restored *RestoredRecord
	var best *EvalRecord
	for _, a := range told {
		if a.Restored != nil {
			restored = a.Restored
		}
		if a.Eval != nil && a.Eval.Step == at.Monitored.Step {
			best = a.Eval
		}
	}
	last := told[len(told)-1]
	if restored == nil || last.Eval == nil || best == nil || last.Eval.Accuracy != best.Accuracy || last.Eval.Loss != best.Loss ||
		last.Eval.Params != best.Params || at.Test.Accuracy() != best.Accuracy {
		t.Fatalf("restored %+v; best %+v, last %+v", restored, best, last.Eval)
	}
	if !slices.Equal(whole.Model().Params, at.Best().Params) || whole.Generation() <= at.Monitored.Generation {
		t.Errorf("generation %d, best of generation %d", whole.Generation(), at.Monitored.Generation)
	}
	set := stopping()
	set.Optimizer.Average = 0.2
	if averaged, _ := restoreAnywhere(t, set, toyGraph(2)); !averaged.Progress().Averaged {
		t.Error("no average")
	}
}

// Patience begins when growth has ended, unless it is asked for before.
func TestNoStopWithinGrowth(t *testing.T) {
	set := stopping()
	set.Growth.Until = 1
	patient := newToyOf(t, set)
	run(t, patient, never)
	if at := patient.Progress(); at.Stopped != "" {
		t.Errorf("stopped at step %d of %d: %s", at.Step, patient.Steps(), at.Stopped)
	}
	set.Callbacks.EarlyStopping.WhileGrowing = true
	hasty := newToyOf(t, set)
	run(t, hasty, never)
	if at := hasty.Progress(); at.Stopped == "" || at.Step >= uint64(patient.Step()) {
		t.Errorf("not stopped, step %d", at.Step)
	}
}

// A run that ended with its best network goes on from it behind a later end.
func TestExtendBehindTheBest(t *testing.T) {
	tr := newToyOf(t, stopping())
	run(t, tr, never)
	end := tr.set.Train.End()
	end.Epochs *= 2
	before := tr.Step()
	if r, err := tr.Extend(end); err != nil || r == nil {
		t.Fatal(r, err)
	}
	if k := tr.Progress().Monitored; k.Restored || k.Wait != 0 || tr.Progress().Best() == nil {
		t.Errorf("%+v", k)
	}
	run(t, tr, never)
	if tr.Step() <= before {
		t.Errorf("it ends at step %d again", tr.Step())
	}
}

// Callbacks that could do nothing, or contradict one another, are refused.
func TestCallbacksValidate(t *testing.T) {
	c := Default()
	held := c
	held.Validation = 10
	never := c
	never.EvalEpochs = 0
	early := func(e EarlyStopping) Callbacks { return Callbacks{EarlyStopping: e} }
	for want, k := range map[string]struct {
		b Callbacks
		c Config
	}{
		"must be one of val_accuracy":        {early(EarlyStopping{Monitor: "val_acc"}), held},
		"no validation samples are held out": {early(EarlyStopping{Monitor: "val_loss"}), c},
		"are read once, at the end":          {early(EarlyStopping{Monitor: "test_loss"}), held},
		"set train.eval_epochs":              {early(EarlyStopping{Monitor: "test_loss"}), never},
		"must be auto, max or min":           {early(EarlyStopping{Monitor: "test_loss", Mode: "up"}), c},
		"patience -1":                        {early(EarlyStopping{Monitor: "test_loss", Patience: -1}), c},
		"early_stopping: nothing is":         {early(EarlyStopping{Patience: 3}), c},
		"set save_best_only":                 {Callbacks{ModelCheckpoint: ModelCheckpoint{Monitor: "test_loss"}}, c},
		"model_checkpoint: nothing is":       {Callbacks{ModelCheckpoint: ModelCheckpoint{SaveBestOnly: true}}, c},
		"one network is the best": {Callbacks{EarlyStopping{Monitor: "test_loss"},
			ModelCheckpoint{Monitor: "test_accuracy", SaveBestOnly: true}}, c},
	} {
		if err := k.b.Validate(k.c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said: %v", want, err)
		}
	}
	if err := DefaultCallbacks().Validate(c); err != nil {
		t.Error(err)
	}
}
