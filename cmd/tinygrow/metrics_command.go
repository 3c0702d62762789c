package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/metrics"
)

func newMetrics() *cobra.Command {
	var asCSV bool
	out, kind := "", metrics.KindStep
	c := &cobra.Command{
		Use:   "metrics RUN",
		Short: "Print the metrics of a run as JSON lines or CSV, each line whole",
		Long: `Prints the lines of one kind in metrics.jsonl of the run in directory RUN, finished or not. In that file the line of a
step leaves out what is as in the step before; here each has everything. With --csv they are a table with a head, quoted
as RFC 4180 says; members of members are named by both, as flips.accuracy. Kinds: ` + strings.Join(metrics.Kinds, ", ") + `.`,
		Example: "  tinygrow metrics runs/shapes-1 --csv > steps.csv\n" +
			"  tinygrow metrics runs/a --kind evaluation --csv --out evaluations.csv\n" +
			"  tinygrow metrics runs/a | jq .loss",
		Args: oneArg("RUN"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if !slices.Contains(metrics.Kinds, kind) {
				return usagef("--kind %q: must be one of %s", kind, strings.Join(metrics.Kinds, ", "))
			}
			if asCSV, err = tableAt(out, asCSV); err != nil {
				return err
			}
			var unread int
			if out == "" {
				unread, err = printMetrics(c.OutOrStdout(), args[0], kind, asCSV)
			} else {
				unread, err = writeMetrics(out, args[0], kind, asCSV)
			}
			if unread > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "%d lines could not be read and were left out\n", unread)
			}
			return err
		},
	}
	f := c.Flags()
	f.BoolVar(&asCSV, "csv", false, "print a table of comma-separated values instead of JSON lines")
	f.StringVar(&kind, "kind", kind, "`kind` of lines")
	f.StringVar(&out, "out", out, "`file` to write instead of stdout, .csv, or .jsonl for JSON lines")
	return c
}

// tableAt reports whether a file is to hold a table, by the ending of its name.
func tableAt(path string, asCSV bool) (bool, error) {
	switch ending := strings.ToLower(filepath.Ext(path)); {
	case path == "":
		return asCSV, nil
	case ending == ".csv":
		return true, nil
	case ending != ".jsonl" && ending != ".json":
		return false, usagef("--out %s: let the name end in .csv for a table, or .jsonl for JSON lines", path)
	case asCSV:
		return false, usagef("--out %s: with --csv it is a table: let the name end in .csv", path)
	}
	return false, nil
}

// writeMetrics is printMetrics into a file, which appears whole or not at all.
func writeMetrics(path, dir, kind string, asCSV bool) (unread int, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".metrics-")
	if err != nil {
		return 0, usagef("the metrics cannot be written: %w: name another file with --out", err)
	}
	defer os.Remove(f.Name())
	unread, err = printMetrics(f, dir, kind, asCSV)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return unread, err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return unread, usagef("the metrics cannot be written: %w: name another file with --out", err)
	}
	return unread, nil
}

// printMetrics writes lines of a kind and returns how many lines could not be read.
func printMetrics(to io.Writer, dir, kind string, asCSV bool) (unread int, err error) {
	if asCSV {
		return metrics.WriteCSV(to, dir, kind)
	}
	return metrics.WriteJSON(to, dir, kind)
}
