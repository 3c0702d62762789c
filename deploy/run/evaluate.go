package run

import (
	"context"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Evaluation is what a saved model does on test samples.
type Evaluation struct {
	Path         string     `json:"path"`
	Step         proto.Step `json:"step"`
	Params       int        `json:"params"`
	Samples      int        `json:"samples"`
	TestLoss     float64    `json:"test_loss"`
	TestAccuracy float64    `json:"test_accuracy"`
	// Flips is by the mean of the outputs for a picture and its mirror image; nil if
	// train.test_flips is off.
	Flips       *trainer.Flips `json:"flips,omitempty"`
	ModelSHA256 string         `json:"model_sha256"`
}

// Evaluate runs the model over the test samples of the data set of its settings.
func (s *Saved) Evaluate(ctx context.Context) (Evaluation, error) {
	set, err := s.TestData()
	if err != nil {
		return Evaluation{}, err
	}
	if set.Len(dataset.Test) == 0 {
		return Evaluation{}, as(ErrData, fmt.Errorf("%s: the data set has no test samples", s.Settings.Data.Dir))
	}
	m, flips, err := s.evaluate(ctx, set)
	if err != nil {
		return Evaluation{}, err
	}
	e := Evaluation{Path: s.Path, Params: len(s.Model.Params), Samples: int(m.N), TestLoss: m.Loss / m.N, TestAccuracy: m.Correct / m.N,
		Flips: flips, ModelSHA256: checkpoint.ModelSHA256(s.Model)}
	if s.State != nil {
		e.Step = s.State.Step
	}
	return e, nil
}

func (s *Saved) evaluate(ctx context.Context, set *dataset.Set) (nn.Metrics, *trainer.Flips, error) {
	n := set.Len(dataset.Test)
	if !s.Settings.Train.TestFlips {
		m, err := s.local(set).Evaluate(ctx, s.Model, n)
		return m, nil, err
	}
	m, flips, err := s.local(set).EvaluateFlips(ctx, s.Model, n)
	return m, &trainer.Flips{Loss: flips.Loss / flips.N, Accuracy: flips.Correct / flips.N}, err
}

// local computes on a data set in this process.
func (s *Saved) local(set *dataset.Set) worker.Local {
	return worker.Local{Samples: set, Threads: s.Settings.Worker.Threads, MicroShard: s.Settings.Train.MicroShard,
		Augment: s.Settings.Train.Augmentation()}
}
