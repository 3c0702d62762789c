package main

import (
	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/picture"
)

// What can be plotted.
const (
	plotAccuracy = "accuracy"
	plotGains    = "gains"
	plotGrowth   = "growth"
)

func newPlot() *cobra.Command {
	what := plotAccuracy
	var asked drawing
	c := &cobra.Command{
		Use:   "plot RUN...",
		Short: "Draw accuracy over epochs, how a network grew, or predicted against measured gains of growth",
		Long: `Draws runs, finished or not, into an SVG or PNG file: with --what accuracy the test accuracy of each over epochs, with
--what gains what each growth event was predicted to lower the loss by, and by how much it did. With --what growth it draws how the
network of one run grew: each layer is a band as high as it has channels, which have the colour of the event that added them.`,
		Example: `  tinygrow plot runs/shapes-1 runs/shapes-2
  tinygrow plot runs/shapes-1 --what growth
  tinygrow plot runs/shapes-1 --what gains --size paper --out gains.png`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("plot needs at least one run directory: see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, runs []string) error {
			draw := map[string]func(picture.Drawing, []string) error{plotAccuracy: picture.Accuracy,
				plotGains: picture.GainsOf, plotGrowth: oneGrowth}[what]
			if draw == nil {
				return usagef("--what %q: must be %s, %s or %s", what, plotAccuracy, plotGains, plotGrowth)
			}
			return asked.draw(c, what+".svg", func(d picture.Drawing) error { return draw(d, runs) })
		},
	}
	c.Flags().StringVar(&what, "what", what, "accuracy, gains or growth")
	asked.flags(c, "accuracy.svg, gains.svg or growth.svg")
	must(c.RegisterFlagCompletionFunc("what", cobra.FixedCompletions([]string{plotAccuracy, plotGains, plotGrowth},
		cobra.ShellCompDirectiveNoFileComp)))
	return c
}

// oneGrowth draws how the network of the one run that is given grew.
func oneGrowth(d picture.Drawing, runs []string) error {
	if len(runs) != 1 {
		return usagef("--what %s draws one run, not %d", plotGrowth, len(runs))
	}
	return picture.Growth(d, runs[0])
}
