package run

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Evaluation is what a saved model does on samples, the test samples of its data
// set if nothing else was asked for.
type Evaluation struct {
	Path         string     `json:"path"`
	Step         proto.Step `json:"step"`
	Params       int        `json:"params"`
	Split        string     `json:"split"` // train, validation, test, or pictures for those of a folder
	Samples      int        `json:"samples"`
	TestLoss     float64    `json:"test_loss"`     // mean over the samples of Split
	TestAccuracy float64    `json:"test_accuracy"` // mean over the samples of Split
	// Metric says what TestAccuracy is where samples have no classes (nn.Task.Metric).
	Metric string `json:"metric,omitempty"`
	// Flips is by the mean of the outputs for a picture and its mirror image; nil if
	// train.test_flips is off.
	Flips       *trainer.Flips `json:"flips,omitempty"`
	ModelSHA256 string         `json:"model_sha256"`
	// Classes and Macro are told if they were asked for, class by class in the
	// order of the outputs.
	Classes []ClassScore `json:"classes,omitempty"`
	Macro   *Macro       `json:"macro,omitempty"`
	// Confusions counts samples by true and predicted class, the most frequent
	// pairs first; at most 20,000 pairs.
	Confusions []view.Confusion `json:"confusions,omitempty"`
}

// ClassScore is how well one class is told from the others.
type ClassScore struct {
	Class string `json:"class"`
	view.Score
}

// Macro is the mean of the scores of all classes that have samples, each class counted once.
type Macro struct {
	Classes   int     `json:"classes"` // classes that have samples
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	F1        float64 `json:"f1"`
}

// Asked says which samples a model is evaluated on.
type Asked struct {
	// Split is dataset.Train, Validation or Test; empty: Test.
	Split string
	// Pictures is a folder with a folder of pictures for each class, of any sizes, in
	// place of a data set; empty: none.
	Pictures string
	// PerClass asks for the scores of each class too.
	PerClass bool
}

// Evaluate runs the model over samples: those of the data set of its settings, or
// pictures in a folder.
func (s *Saved) Evaluate(ctx context.Context, ask Asked) (Evaluation, error) {
	set, order, n, err := s.samples(ask)
	if err != nil {
		return Evaluation{}, err
	}
	if n == 0 {
		return Evaluation{}, as(ErrData, fmt.Errorf("%s: the data set has no %s samples", s.Settings.Data.Dir, order.Split))
	}
	var augment proto.Augmentation
	if s.Settings.Train.TestFlips {
		augment = proto.Mirrored
	}
	m, flips, err := s.local(set).EvaluateOrder(ctx, s.Model, order, n, augment)
	if err != nil {
		return Evaluation{}, err
	}
	e := Evaluation{Path: s.Path, Params: len(s.Model.Params), Split: order.Split, Samples: int(m.N), TestLoss: m.Loss / m.N,
		TestAccuracy: m.Correct / m.N, ModelSHA256: checkpoint.ModelSHA256(s.Model)}
	if c := s.Card; c != nil && !c.Task.Labelled() {
		if e.Metric = c.Task.Metric(); ask.PerClass {
			return e, usagef("%s tells numbers, not classes: leave --per-class out", s.Path)
		}
	}
	if augment != 0 {
		e.Flips = &trainer.Flips{Loss: flips.Loss / flips.N, Accuracy: flips.Correct / flips.N}
	}
	if ask.Pictures != "" {
		e.Split = "pictures"
	}
	if s.State != nil {
		e.Step = s.State.Step
	}
	if ask.PerClass {
		err = s.perClass(ctx, &e, set, order)
	}
	return e, err
}

// samples returns the samples that are asked for, and how many there are.
func (s *Saved) samples(ask Asked) (*dataset.Set, proto.Order, int, error) {
	order := infer.Order
	if ask.Split != "" {
		order.Split = ask.Split
	}
	if ask.Pictures != "" {
		set, err := s.loose(ask.Pictures)
		if err != nil {
			return nil, order, 0, err
		}
		return set, order, set.Len(dataset.Test), nil
	}
	if order.Split == dataset.Test {
		set, err := s.TestData()
		if err != nil {
			return nil, order, 0, err
		}
		return set, order, set.Len(dataset.Test), nil
	}
	set, err := s.Data()
	if err != nil {
		return nil, order, 0, err
	}
	held := min(s.Settings.Train.Validation, set.Len(dataset.Train))
	order.Seed, order.Held = s.Settings.Train.Seed, uint64(held)
	if order.Split == dataset.Validation {
		if held == 0 {
			return nil, order, 0, usagef("%s held no samples out for validation: evaluate another split", s.Path)
		}
		return set, order, held, nil
	}
	return set, order, set.Len(dataset.Train) - held, nil
}

// loose reads the pictures in a folder of classes.
func (s *Saved) loose(dir string) (*dataset.Set, error) {
	if s.Card == nil {
		_, err := s.Network() // says what is missing
		return nil, err
	}
	set, err := dataset.OpenLoose(dir, s.Card)
	return set, as(ErrData, err)
}

// perClass adds the scores of each class to e.
func (s *Saved) perClass(ctx context.Context, e *Evaluation, set *dataset.Set, order proto.Order) error {
	guesses, err := s.guesses(ctx, set, order, e.Samples)
	if err != nil {
		return err
	}
	classes := set.ClassNames()
	if s.Card != nil {
		classes = s.Card.Classes
	}
	a := view.Assess(classes, set.Shape(), guesses, func(int) []byte { return nil })
	e.Confusions = a.Confusions
	m := Macro{}
	for c, score := range a.Scores {
		e.Classes = append(e.Classes, ClassScore{classes[c], score})
		if score.Samples > 0 {
			m.Classes++
			m.Precision += score.Precision
			m.Recall += score.Recall
			m.F1 += score.F1
		}
	}
	k := float64(max(m.Classes, 1))
	e.Macro = &Macro{m.Classes, m.Precision / k, m.Recall / k, m.F1 / k}
	return nil
}

// local computes on a data set in this process.
func (s *Saved) local(set *dataset.Set) worker.Local {
	return worker.Local{Samples: set, Threads: s.Settings.Worker.Threads, MicroShard: s.Settings.Train.MicroShard,
		Augment: s.Settings.Train.Augmentation().Unmixed()}
}
