package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/dataset/sheet"
)

func newDataShow() *cobra.Command {
	var asJSON, augment bool
	var out, split string
	var count, epochs int
	c := &cobra.Command{
		Use:   "show",
		Short: "Draw samples of a data set with their classes, as they are and as training augments them",
		Long: `Draws a sheet of samples, each with its class and its number, as a PNG file: of every class as many as of any other, in the
order of the set. With --augment each is followed by what training reads of it in the first epochs, by the settings of train.
(train.augment, train.mirror, train.cutout and what else changes pictures); what is uncovered has the mean colour.

--json lists what is drawn where.`,
		Example: `  tinygrow data show --data cifar10 --data-dir ~/cifar --augment --out sheet.png
  tinygrow data show --data folder --data-dir ~/photos --set data.size=48 --count 60 --json`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags)
	c.Flags().StringVar(&out, "out", "", "`file` to write (default: NAME-SPLIT.png in this directory)")
	c.Flags().StringVar(&split, "split", dataset.Train, "train or test")
	c.Flags().IntVar(&count, "count", 40, "samples to draw")
	c.Flags().BoolVar(&augment, "augment", false, "draw each as training reads it too")
	c.Flags().IntVar(&epochs, "epochs", 3, "with --augment: in how many epochs")
	c.Flags().BoolVar(&asJSON, "json", false, "print what is drawn as one JSON object on stdout")
	c.RunE = func(c *cobra.Command, _ []string) error {
		switch {
		case split != dataset.Train && split != dataset.Test:
			return usagef("--split %s: must be train or test", split)
		case count < 1 || count > sheet.MaxCount:
			return usagef("--count %d: must be 1 to %d", count, sheet.MaxCount)
		case !augment && c.Flags().Changed("epochs"):
			return usagef("--epochs %d: samples as they are do not change from epoch to epoch: give --augment too", epochs)
		case epochs < 1 || epochs > sheet.MaxEpochs:
			return usagef("--epochs %d: must be 1 to %d", epochs, sheet.MaxEpochs)
		}
		if out != "" && !strings.EqualFold(filepath.Ext(out), ".png") {
			return usagef("--out %s: a sheet is a PNG file: let the name end in .png", out)
		}
		s, err := src.given().Resolve(run.Defaults())
		if err != nil {
			return err
		}
		o := sheet.Options{Split: split, Count: count, Epochs: epochs, Seed: s.Train.Seed}
		if o.Augment = s.Train.Augmentation(); augment && o.Augment == 0 {
			return usagef("--augment: train.augment is false, so that training changes nothing")
		}
		if !augment {
			o.Augment = 0
		}
		con := newConsole(c.ErrOrStderr())
		s.Data.Progress = con.reading
		set, err := dataset.Open(s.Data)
		con.end()
		if err != nil {
			return as(exitData, err)
		}
		if len(set.Report().Columns) > 0 {
			return usagef("the data set is a table, of which there is nothing to draw: tinygrow data verify tells its columns")
		}
		if set.Len(split) == 0 {
			return as(exitData, fmt.Errorf("the data set has no %s samples", split))
		}
		if out == "" {
			out = set.Name() + "-" + split + ".png"
		}
		return show(c, set, o, out, asJSON)
	}
	return c
}

// shown is what data show --json prints.
type shown struct {
	File    string       `json:"file"`
	Data    string       `json:"data"`
	Digest  string       `json:"digest"`
	Split   string       `json:"split"`
	Samples int          `json:"samples"` // the samples in the split
	Cells   []sheet.Cell `json:"cells"`
}

// show draws a sheet into a file, which appears whole or not at all.
func show(c *cobra.Command, set *dataset.Set, o sheet.Options, path string, asJSON bool) error {
	img, cells, err := sheet.Draw(set, o)
	if err != nil {
		return as(exitData, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".sheet-")
	if err != nil {
		return usagef("--out: %w", err)
	}
	defer os.Remove(f.Name())
	if err := errors.Join(png.Encode(f, img), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return usagef("--out: %w", err)
	}
	if asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(shown{path, set.Name(), set.Digest(), o.Split, set.Len(o.Split), cells})
	}
	fmt.Fprintf(printable{c.OutOrStdout()}, "%d pictures of %s, %d x %d pixels: %s\n", len(cells), set.Name(), img.Bounds().Dx(),
		img.Bounds().Dy(), path)
	return nil
}
