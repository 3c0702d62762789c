package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
)

func newRunsTidy() *cobra.Command {
	keep, dry, asJSON := view.Keeping{Last: 1, Best: true}, false, false
	c := &cobra.Command{
		Use:   "gc [RUNS]",
		Short: "Remove checkpoints that are not needed and what interrupted writes left",
		Long: `Goes through the runs in folder RUNS (default: runs), or the run RUNS, and removes all checkpoints but the newest, from
which a run goes on, and that of the best evaluation; with --growth the newest before every growth event stays as well,
so that tinygrow verify can make the event again. Parts of interrupted writes and of removed runs go too. A run on which
a process works is left alone. --dry-run removes nothing and says what would go and how many bytes it has.`,
		Example: "  tinygrow runs gc --dry-run\n  tinygrow runs gc runs/a --keep 2 --growth\n  tinygrow runs gc ~/experiments --json",
		Args:    atMostOneArg,
		RunE: func(c *cobra.Command, args []string) error {
			if keep.Last < 1 {
				return usagef("--keep %d: must be at least 1: a run goes on from its newest checkpoint", keep.Last)
			}
			library, err := view.NewLibrary(folderOf(args))
			if err != nil {
				return err
			}
			t, err := run.Tidying{Keep: keep, DryRun: dry}.Tidy(library)
			if asJSON {
				return errors.Join(json.NewEncoder(c.OutOrStdout()).Encode(t), err)
			}
			return errors.Join(printTidied(c.OutOrStdout(), &t), err)
		},
	}
	f := c.Flags()
	f.IntVar(&keep.Last, "keep", keep.Last, "how many of the newest checkpoints of each run stay")
	f.BoolVar(&keep.Best, "best", keep.Best, "keep the checkpoint of the best evaluation, on validation samples if there are any")
	f.BoolVar(&keep.Growth, "growth", false, "keep the newest checkpoint before every growth event that grew")
	f.BoolVar(&dry, "dry-run", false, "remove nothing, say what would go")
	f.BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}

// printTidied tells what was removed.
func printTidied(out io.Writer, t *run.Tidied) error {
	w := printable{out}
	for _, s := range t.Removed {
		fmt.Fprintf(w, "%s: %s, %s\n", s.Path, s.Why, bytesOf(s.Bytes))
	}
	for _, dir := range t.Running {
		fmt.Fprintf(w, "%s: left alone: a process works on it\n", dir)
	}
	verb := "removed"
	if t.DryRun {
		verb = "would remove"
	}
	_, err := fmt.Fprintf(w, "%s %s in %d places of %d runs\n", verb, bytesOf(t.Bytes), len(t.Removed), t.Runs)
	return err
}
