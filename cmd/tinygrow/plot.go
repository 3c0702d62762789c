package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/picture"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/file"
)

// What can be plotted.
const (
	plotAccuracy = "accuracy"
	plotGains    = "gains"
)

func newPlot() *cobra.Command {
	what, out, title := plotAccuracy, "", ""
	c := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Draw accuracy over epochs, or predicted against measured gains of growth",
		Long: `Draws runs, finished or not, into an SVG or PNG file: with --what accuracy the test accuracy of each over epochs, with
--what gains what each growth event was predicted to lower the loss by, and by how much it did.`,
		Example: "  tinygrow plot runs/shapes-1 runs/shapes-2\n  tinygrow plot runs/shapes-1 --what gains --out gains.png",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("plot needs at least one run directory: see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, runs []string) error {
			if what != plotAccuracy && what != plotGains {
				return usagef("--what %q: must be %s or %s", what, plotAccuracy, plotGains)
			}
			if out == "" {
				out = what + ".svg"
			}
			if err := picture.CheckName(out); err != nil {
				return as(exitUsage, err)
			}
			draw := drawAccuracy
			if what == plotGains {
				draw = drawGains
			}
			if err := draw(out, title, runs); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), out)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&what, "what", what, "accuracy or gains")
	f.StringVar(&out, "out", out, "`file` to write, .svg or .png; accuracy.svg or gains.svg if not given")
	f.StringVar(&title, "title", title, "title of the picture")
	return c
}

func drawGains(out, title string, runs []string) error {
	var gains []picture.Gain
	for _, run := range runs {
		var events []growth.Record
		if err := eachLine(filepath.Join(run, checkpoint.JournalFile), func(line []byte) error {
			var r growth.Record
			err := json.Unmarshal(line, &r)
			events = append(events, r)
			return err
		}); err != nil {
			return err
		}
		gains = append(gains, picture.Gains(events)...)
	}
	return picture.DrawGains(out, title, gains)
}

func drawAccuracy(out, title string, runs []string) error {
	var courses []picture.Course
	for _, run := range runs {
		course := picture.Course{Split: "test", Name: filepath.Base(filepath.Clean(run))}
		if err := eachLine(filepath.Join(run, checkpoint.MetricsFile), func(line []byte) error {
			var r trainer.EvalRecord
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			if r.Kind == "evaluation" && r.Split == "validation" && course.Split != r.Split {
				course.Split, course.Points = r.Split, nil // these were made along the way, that on the test samples at the end only
			}
			if r.Kind == "evaluation" && r.Split == course.Split {
				course.Points = append(course.Points, picture.Point{Epoch: r.Epoch, Accuracy: r.Accuracy, Params: r.Params})
			}
			return nil
		}); err != nil {
			return err
		}
		courses = append(courses, course)
	}
	return picture.DrawAccuracy(out, title, courses)
}

// eachLine calls take for every whole line of a file of a run directory; a run
// that is being written may end in half of one.
func eachLine(path string, take func(line []byte) error) error {
	log, _, err := file.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: it has no %s", filepath.Dir(path), checkpoint.ErrNoRun, filepath.Base(path))
	}
	if err != nil {
		return err
	}
	defer log.Close()
	in := bufio.NewReader(log)
	for n := 1; ; n++ {
		line, err := file.Line(in, checkpoint.MaxLine)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := take(line); err != nil {
			return fmt.Errorf("%s: line %d: %w: %w", path, n, checkpoint.ErrDamaged, err)
		}
	}
}
