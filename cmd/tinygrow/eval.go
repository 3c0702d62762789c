package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// evaluation is what eval --json prints.
type evaluation struct {
	Path         string     `json:"path"`
	Step         proto.Step `json:"step"`
	Params       int        `json:"params"`
	Samples      int        `json:"samples"`
	TestLoss     float64    `json:"test_loss"`
	TestAccuracy float64    `json:"test_accuracy"`
	ModelSHA256  string     `json:"model_sha256"`
}

func newEval() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "eval RUN|CHECKPOINT",
		Short: "Measure loss and accuracy of a saved model on the test samples",
		Long: `Reads the newest checkpoint of a run directory, one checkpoint directory, or a model.safetensors file,
and runs it over the test samples of the run's data set, or of another one with the same classes. It reads pictures
as the model was trained to, and of the data set nothing but the test samples.`,
		Example: `  tinygrow eval runs/shapes-1
  tinygrow eval runs/a/checkpoints/step-400 --data cifar10 --data-dir ~/cifar --json`,
		Args: oneArg("RUN|CHECKPOINT"),
	}
	src := newSource(c, dataFlags, threadsFlag)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, set, err := openWithData(src, args[0], testSet, sections("data."))
		if err != nil {
			return err
		}
		if set.Len(dataset.Test) == 0 {
			return as(exitData, fmt.Errorf("%s: the data set has no test samples", s.base.Data.Dir))
		}
		m, err := s.local(set).Evaluate(c.Context(), s.model, set.Len(dataset.Test))
		if err != nil {
			return err
		}
		e := evaluation{Path: s.path, Params: len(s.model.Params), Samples: int(m.N), TestLoss: m.Loss / m.N, TestAccuracy: m.Correct / m.N,
			ModelSHA256: checkpoint.ModelSHA256(s.model)}
		if s.state != nil {
			e.Step = s.state.Step
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(e)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s parameters, step %d: test loss %.4f, test accuracy %.2f %% on %s samples\n",
			e.Path, thousands(e.Params), e.Step, e.TestLoss, 100*e.TestAccuracy, thousands(e.Samples))
		return err
	}
	return c
}
