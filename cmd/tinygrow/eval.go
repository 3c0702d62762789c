package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// splits are those that a model can be evaluated on.
var splits = []string{dataset.Train, dataset.Validation, dataset.Test}

func newEval() *cobra.Command {
	var asJSON, flips bool
	var ask run.Asked
	c := &cobra.Command{
		Use:   "eval RUN|CHECKPOINT|EXPORT [FOLDER]",
		Short: "Measure loss and accuracy of a saved model, class by class if asked",
		Long: `Reads the newest checkpoint of a run directory, one checkpoint directory, a model.safetensors file, or what tinygrow
export wrote, and runs it over the test samples of the run's data set, or of another one with the same classes, or over
those of another split, never augmented. It reads pictures as the model was trained to, and of the data set nothing
but the test samples, if these are asked for.

FOLDER has a folder of pictures for each class, FOLDER/CLASS/*, of any sizes, which are read as tinygrow predict reads
them. With --per-class it tells precision, recall and F1 of each class and which classes are taken for which.`,
		Example: `  tinygrow eval runs/shapes-1 --per-class
  tinygrow eval runs/a photos --per-class --json
  tinygrow eval runs/a --split validation
  tinygrow eval runs/a/checkpoints/step-400 --data cifar10 --data-dir ~/cifar --json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usagef("%s needs a run, a checkpoint or an export, and takes a folder of pictures: see %[1]s --help",
					c.CommandPath())
			}
			return nil
		},
	}
	src := newSource(c, dataFlags, threadsFlag)
	c.Flags().StringVar(&ask.Split, "split", dataset.Test, "samples to evaluate: "+strings.Join(splits, ", "))
	c.Flags().BoolVar(&ask.PerClass, "per-class", false, "tell precision, recall and F1 of each class, and the confusion matrix")
	c.Flags().BoolVar(&flips, "flips", false, "also evaluate the mean of the outputs for a picture and its mirror image")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		if !slices.Contains(splits, ask.Split) {
			return usagef("--split %q: must be one of %s", ask.Split, strings.Join(splits, ", "))
		}
		if len(args) == 2 {
			ask.Pictures = args[1]
			if c.Flags().Changed("split") || slices.ContainsFunc(dataFlags, func(f keyFlag) bool { return c.Flags().Changed(f.name) }) {
				return usagef("a folder of pictures and --split or a data set: give one of them")
			}
		}
		s, err := run.Open(args[0])
		if err != nil {
			return err
		}
		if err := s.Give(src.given(), run.Sections("data.")); err != nil {
			return err
		}
		s.Settings.Train.TestFlips = s.Settings.Train.TestFlips || flips
		con := newConsole(c.ErrOrStderr())
		s.Settings.Data.Progress = con.reading
		e, err := s.Evaluate(c.Context(), ask)
		con.end()
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(e)
		}
		return printEvaluation(c.OutOrStdout(), e)
	}
	return c
}

// maxMatrix is the number of classes up to which the matrix of confusions is
// printed; of more classes the most frequent ones are.
const maxMatrix = 20

func printEvaluation(to io.Writer, e run.Evaluation) error {
	w := newTable(to)
	fmt.Fprintf(w, "%s: %s parameters, step %d: %s loss %.4f, %s %s on %s samples\n",
		e.Path, thousands(e.Params), e.Step, e.Split, e.TestLoss, e.Split, nn.TellScore(e.Metric, e.TestAccuracy), thousands(e.Samples))
	if f := e.Flips; f != nil {
		fmt.Fprintf(w, "with mirror images: %s loss %.4f, %s accuracy %.2f %%\n", e.Split, f.Loss, e.Split, 100*f.Accuracy)
	}
	if e.Macro == nil {
		return w.Flush()
	}
	fmt.Fprintln(w, "\nclass\t\tsamples\tpredicted\tprecision\trecall\tF1")
	for i, c := range e.Classes {
		fmt.Fprintf(w, "%d\t%s\t%d\t%d\t%.2f %%\t%.2f %%\t%.2f %%\n", i, c.Class, c.Samples, c.Predicted, 100*c.Precision,
			100*c.Recall, 100*c.F1)
	}
	fmt.Fprintf(w, "mean\tof %d classes\t\t\t%.2f %%\t%.2f %%\t%.2f %%\n", e.Macro.Classes, 100*e.Macro.Precision, 100*e.Macro.Recall,
		100*e.Macro.F1)
	if len(e.Classes) <= maxMatrix {
		printMatrix(w, e)
		return w.Flush()
	}
	fmt.Fprintln(w, "\nmost often taken for another class\tpredicted\tsamples")
	told := 0
	for _, c := range e.Confusions {
		if c.Truth != c.Predicted && told < maxMatrix {
			fmt.Fprintf(w, "%s\t%s\t%d\n", e.Classes[c.Truth].Class, e.Classes[c.Predicted].Class, c.Count)
			told++
		}
	}
	return w.Flush()
}

// printMatrix prints how many samples of each class, a row, were taken for each class, a column.
func printMatrix(w io.Writer, e run.Evaluation) {
	counts := make([][]int, len(e.Classes))
	fmt.Fprint(w, "\nTrue classes in rows, what they were taken for in columns:\nclass\t")
	for i := range counts {
		counts[i] = make([]int, len(e.Classes))
		fmt.Fprintf(w, "\t%d", i)
	}
	fmt.Fprintln(w)
	for _, c := range e.Confusions {
		counts[c.Truth][c.Predicted] = c.Count
	}
	for i, row := range counts {
		fmt.Fprintf(w, "%s\t%d", e.Classes[i].Class, i)
		for _, n := range row {
			fmt.Fprintf(w, "\t%d", n)
		}
		fmt.Fprintln(w)
	}
}
