package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/picture"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

func newSweepPlot() *cobra.Command {
	by, out, title, size := sweep.FLOPs, "sweep.svg", "", string(picture.ForReadme)
	var beside []string
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
			if s := picture.Size(size); s != picture.ForReadme && s != picture.ForPaper {
				return usagef("--size %q: must be readme or paper", size)
			}
			if err := picture.CheckName(out); err != nil {
				return as(exitUsage, err)
			}
			if err := sweep.Draw(picture.Drawing{File: out, Title: title, Size: picture.Size(size)}, by, sweeps, beside); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), out)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&by, "by", by, "what is spent: flops or seconds")
	f.StringArrayVar(&beside, "beside", nil, "draw a `run` beside the sweeps; may be repeated")
	f.StringVar(&out, "out", out, "`file` to write, .svg or .png")
	f.StringVar(&title, "title", title, "title of the picture")
	f.StringVar(&size, "size", size, "readme or paper")
	return c
}
