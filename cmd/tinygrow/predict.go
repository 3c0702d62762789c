package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/deploy/run/infer"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func newPredict() *cobra.Command {
	var asJSON, raw bool
	var top int
	c := &cobra.Command{
		Use:   "predict RUN|CHECKPOINT|EXPORT FILE|DIR...",
		Short: "Say of pictures, or rows of a table, what they are",
		Long: `Asks a saved model about pictures (` + dataset.Endings + `) and prints, for each file, the
most probable classes. Of a folder all pictures in and below it are read, hidden ones left out. The model is a run
directory, a checkpoint, a model.safetensors file, or what tinygrow export wrote.

A picture of any size is scaled, with its proportions, to the smallest size that covers the one the model was trained
on, and cut at its centre; one of that size stays as it is. Grey pictures become three equal channels, colours become grey for
models of one channel, and what is transparent lies over black. A file that cannot be read is told, the
others are predicted, and the exit code is 3.

A model that was trained on a table reads the rows of CSV files, whose columns it finds by their names, and tells classes,
labels, or numbers in the units of the target.`,
		Example: `  tinygrow predict runs/cifar10-1 photo.jpg
  tinygrow predict runs/a/checkpoints/step-400 photos more/cat.png --top 5 --json
  tinygrow predict runs/income new.csv --json`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("%s needs a run, a checkpoint or an export, and pictures: see %[1]s --help", c.CommandPath())
			}
			return nil
		},
	}
	src := newSource(c, threadsFlag)
	c.Flags().IntVar(&top, "top", 3, "classes to tell of each picture")
	c.Flags().BoolVar(&raw, "outputs", false, "with --json, tell the outputs of the network before softmax too")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each picture, a line each, on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		if top < 1 {
			return usagef("--top %d: must be at least 1", top)
		}
		if raw && !asJSON {
			return usagef("--outputs: a line of words has no outputs: give --json too")
		}
		s, err := run.Open(args[0])
		if err != nil {
			return err
		}
		if err := s.Give(src.given(), run.Nothing); err != nil {
			return err
		}
		n, err := s.Network()
		if err != nil {
			return err
		}
		if c.Flags().Changed("top") && !n.Card.Task.Labelled() {
			return usagef("--top %d: this model tells numbers or labels of their own, all of them: leave it out", top)
		}
		if n.Card.Table != nil {
			return predictRows(c, n, args[1:], rowsTold{top, raw, asJSON})
		}
		files, passed, err := dataset.FindLoose(args[1:])
		if err != nil {
			return as(exitData, err)
		}
		if passed > 0 {
			slog.Info("files that are no pictures were left out", "files", passed)
		}
		faults, err := run.Predict(c.Context(), n, files, top, func(p run.Prediction) error {
			if !raw {
				p.Outputs = nil
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(p)
			}
			return printPrediction(c, p)
		})
		if err == nil && faults > 0 {
			err = as(exitData, fmt.Errorf("%d of %d pictures could not be read", faults, len(files)))
		}
		return err
	}
	return c
}

// rowsTold says what is told of a row.
type rowsTold struct {
	top         int
	raw, asJSON bool
}

// predictRows asks a model about the rows of tables.
func predictRows(c *cobra.Command, n *infer.Network, files []string, how rowsTold) error {
	for _, path := range files {
		err := run.PredictRows(c.Context(), n, path, how.top, func(p run.RowPrediction) error {
			if !how.raw {
				p.Outputs = nil
			}
			if how.asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(p)
			}
			text := told(p.Top)
			for i, v := range p.Numbers {
				if i > 0 {
					text += ", "
				}
				text += fmt.Sprintf("%s %.6g", v.Target, v.Value)
			}
			_, err := fmt.Fprintf(printable{c.OutOrStdout()}, "%s:%d: %s\n", p.Path, p.Line, text)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// told tells classes with their probabilities.
func told(top []infer.Choice) string {
	var b strings.Builder
	for i, t := range top {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %.1f %%", t.Class, 100*t.Probability)
	}
	return b.String()
}

// printPrediction tells of one picture in a line.
func printPrediction(c *cobra.Command, p run.Prediction) error {
	if p.Fault != "" {
		_, err := fmt.Fprintf(printable{c.ErrOrStderr()}, "%s\n", p.Fault)
		return err
	}
	_, err := fmt.Fprintf(printable{c.OutOrStdout()}, "%s: %s\n", p.Path, told(p.Top))
	return err
}
