package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func newDataVerify() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read a data set whole and tell its size, classes and digest",
		Long: `Reads every file of a data set, refuses missing, truncated and malformed ones, names what lies there and counts for
nothing, warns of blank, repeated and missing images, and prints the samples of each class and the digest that
coordinator and workers compare.

Data sets:
` + strings.TrimRight(dataset.About(), "\n"),
		Example: "  tinygrow data verify --data cifar10 --data-dir ~/cifar --json",
		Args:    noArgs,
	}
	src := newSource(c, dataFlags)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := src.given().Resolve(run.Defaults())
		if err != nil {
			return err
		}
		con := newConsole(c.ErrOrStderr())
		s.Data.Progress = con.reading
		report, err := dataset.Verify(s.Data)
		con.end()
		if err != nil {
			return as(exitData, err)
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(report)
		}
		return report.WriteText(c.OutOrStdout())
	}
	return c
}
