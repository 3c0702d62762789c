package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/worker/dataset"
)

func newDataVerify() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Read a data set whole and tell its size, classes and digest",
		Long: `Reads every file of a data set, refuses missing, truncated and malformed ones, and prints the digest that
coordinator and workers compare.`,
		Example: "  tinygrow data verify --data cifar10 --data-dir ~/cifar --json",
		Args:    noArgs,
	}
	src := newSource(c, dataFlags)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, _ []string) error {
		s, err := src.resolve(defaults())
		if err != nil {
			return err
		}
		set, err := dataset.Open(s.Data)
		if err != nil {
			return as(exitData, err)
		}
		v := set.Report()
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(v)
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s training and %s test images of %s, %d classes (%s)\ndigest %s\n", v.Name, thousands(v.Train.Samples), thousands(v.Test.Samples),
			shapeText(set.Shape()), len(v.Classes), strings.Join(v.Classes, ", "), v.Digest)
		return err
	}
	return c
}
