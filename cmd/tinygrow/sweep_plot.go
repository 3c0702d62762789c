package main

import (
	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/picture"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

func newSweepPlot() *cobra.Command {
	const name = "sweep.svg"
	by := sweep.FLOPs
	var beside []string
	var asked drawing
	c := &cobra.Command{
		Use:   "plot SWEEP...",
		Short: "Draw the best accuracy of sweeps over what they had spent, and single runs beside them",
		Long: `Draws into an SVG or PNG file the best accuracy that each sweep had found when it had spent so many FLOPs, or seconds of
processor time, and the evaluations of the runs of --beside, as of one that grows. The accuracy is that on the test
samples, of the trial that was the best by what trials are ranked by, if all trials are whole runs, else that they are ranked by.`,
		Example: `  tinygrow sweep plot runs/random runs/sso --beside runs/grown
  tinygrow sweep plot runs/search --by seconds --out search.png`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("plot needs at least one directory of a sweep: see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, sweeps []string) error {
			if by != sweep.FLOPs && by != sweep.Seconds {
				return usagef("--by %q: must be %s or %s", by, sweep.FLOPs, sweep.Seconds)
			}
			return asked.draw(c, name, func(d picture.Drawing) error { return sweep.Draw(d, by, sweeps, beside) })
		},
	}
	f := c.Flags()
	f.StringVar(&by, "by", by, "what is spent: flops or seconds")
	f.StringArrayVar(&beside, "beside", nil, "draw a `run` beside the sweeps; may be repeated")
	asked.flags(c, name)
	return c
}
