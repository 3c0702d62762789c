package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
)

func newReport() *cobra.Command {
	var asJSON bool
	out := ""
	c := &cobra.Command{
		Use:   "report RUN",
		Short: "Write one HTML file that tells how a run went: curves, growth, mistakes, cost, settings",
		Long: `Writes a single HTML file about the run in directory RUN that needs no other file and no network: its curves, the
network and its growth with the reasons, the confusion matrix, precision, recall and F1 of each class, the most
confident mistakes as pictures, what it cost, its settings and hashes, and the commands that make it again. A run
writes it at its end (report: false leaves that out). The newest checkpoint is run over the test samples unless
that was done before; where the data set is not at hand, the report goes without.`,
		Example: "  tinygrow report runs/shapes-1\n  tinygrow report runs/a --data-dir ~/cifar --out a.html --json",
		Args:    oneArg("RUN"),
	}
	src := newSource(c, dataFlags, threadsFlag)
	c.Flags().StringVar(&out, "out", out, "`file` to write (default: report.html in the run directory)")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, args []string) error {
		dir := args[0]
		a, err := assessed(c, src, dir)
		if err != nil {
			return err
		}
		if out == "" {
			out = filepath.Join(dir, run.ReportFile)
		}
		if err := (run.Reporting{Program: program(), Out: out}).Report(dir, a); err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(struct {
				Report     string           `json:"report"`
				Assessment *view.Assessment `json:"assessment"`
			}{out, a})
		}
		_, err = fmt.Fprintln(c.OutOrStdout(), out)
		return err
	}
	return c
}

// assessed returns what the run's newest model says of the test samples. That there
// is no checkpoint yet, or no data set here, is told and is no error.
func assessed(c *cobra.Command, src *source, dir string) (*view.Assessment, error) {
	if _, err := view.Open(dir); err != nil {
		return nil, err
	}
	saved, err := run.Open(dir)
	if err != nil && run.Kind(err) == nil {
		return nil, err
	}
	if err == nil {
		if err := saved.Give(src.given(), run.Sections("data.")); err != nil {
			return nil, err
		}
		var a *view.Assessment
		if a, err = saved.Assessed(c.Context(), dir); err == nil {
			return a, nil
		}
	}
	if c.Context().Err() != nil {
		return nil, err
	}
	fmt.Fprintf(printable{c.ErrOrStderr()}, "the report has no confusion matrix and no mistakes: %v\n", err)
	return nil, nil
}

func newCompare() *cobra.Command {
	var asJSON bool
	out := "compare.html"
	c := &cobra.Command{
		Use:   "compare RUN...",
		Short: "Write one HTML file that compares runs: accuracy over parameters, FLOPs and time, settings that differ",
		Long: `Writes a single HTML file that needs no other file and no network. It sets the runs in the directories RUN side by
side: accuracy and loss over parameters, FLOPs, seconds, steps or epochs, where each ended, and in which settings they
differ. tinygrow ui compares runs as they go on.`,
		Example: "  tinygrow compare runs/shapes-1 runs/shapes-2\n  tinygrow compare runs/* --out all.html --json",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("compare needs two runs or more: see %s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, dirs []string) error {
			if err := (run.Reporting{Program: program(), Out: out}).Compare(dirs); err != nil {
				return err
			}
			if !asJSON {
				_, err := fmt.Fprintln(c.OutOrStdout(), out)
				return err
			}
			var list []view.Summary
			for _, dir := range dirs {
				one, err := view.Summarize(dir)
				if err != nil {
					return err
				}
				list = append(list, one)
			}
			return json.NewEncoder(c.OutOrStdout()).Encode(struct {
				Report string         `json:"report"`
				Runs   []view.Summary `json:"runs"`
			}{out, list})
		},
	}
	c.Flags().StringVar(&out, "out", out, "`file` to write")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}
