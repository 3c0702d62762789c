package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
)

func newEval() *cobra.Command {
	var asJSON, flips bool
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
	c.Flags().BoolVar(&flips, "flips", false, "also evaluate the mean of the outputs for a picture and its mirror image")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := run.Open(args[0])
		if err != nil {
			return err
		}
		if err := s.Give(src.given(), run.Sections("data.")); err != nil {
			return err
		}
		s.Settings.Train.TestFlips = s.Settings.Train.TestFlips || flips
		e, err := s.Evaluate(c.Context())
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(e)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s parameters, step %d: test loss %.4f, test accuracy %.2f %% on %s samples\n",
			e.Path, thousands(e.Params), e.Step, e.TestLoss, 100*e.TestAccuracy, thousands(e.Samples))
		if f := e.Flips; err == nil && f != nil {
			_, err = fmt.Fprintf(c.OutOrStdout(), "with mirror images: test loss %.4f, test accuracy %.2f %%\n", f.Loss, 100*f.Accuracy)
		}
		return err
	}
	return c
}
