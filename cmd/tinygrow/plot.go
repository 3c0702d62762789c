package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/picture"
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
			draw := picture.Accuracy
			if what == plotGains {
				draw = picture.GainsOf
			}
			if err := draw(picture.Drawing{File: out, Title: title}, runs); err != nil {
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
