package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
)

// removedRun is a run that runs rm removed.
type removedRun struct {
	Dir   string `json:"dir"`
	Bytes int64  `json:"bytes"`
}

func newRunsRemove() *cobra.Command {
	var asJSON, yes bool
	c := &cobra.Command{
		Use:   "rm RUN...",
		Short: "Remove runs with all that lies in their directories",
		Long: `Removes the runs in the directories RUN with their checkpoints, metrics and reports, and whatever else lies there, after
asking for each; --yes asks nothing. A run on which a process works is refused, and so is a directory that holds no run
and a link to one: nothing is removed unless all can be. A directory is renamed and then emptied, so that an interrupt
leaves a run whole or not at all; tinygrow runs gc takes away what is left of one.`,
		Example: "  tinygrow runs rm runs/shapes-1\n  tinygrow runs rm runs/old-* --yes",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s needs at least one run directory: see %[1]s --help", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			var faults []error
			for _, dir := range args {
				switch _, err := checkpoint.ReadConfig(dir); {
				case err != nil:
					faults = append(faults, err)
				case checkpoint.Active(dir):
					faults = append(faults, fmt.Errorf("%s: %w: stop it first", dir, checkpoint.ErrLocked))
				}
			}
			if err := errors.Join(faults...); err != nil {
				return err
			}
			if !yes && !term.IsTerminal(int(os.Stdin.Fd())) {
				return usagef("removing %d runs: nobody is here to ask: give --yes", len(args))
			}
			removed := []removedRun{}
			var failed error
			answers := bufio.NewReader(c.InOrStdin())
			for _, dir := range args {
				size := checkpoint.Size(dir)
				if !yes && !agreed(c, answers, dir, size) {
					continue
				}
				if failed = checkpoint.Remove(dir); failed != nil {
					break
				}
				removed = append(removed, removedRun{dir, size})
				if !asJSON {
					fmt.Fprintf(printable{c.OutOrStdout()}, "removed %s, %s\n", dir, bytesOf(size))
				}
			}
			if asJSON {
				failed = errors.Join(failed, json.NewEncoder(c.OutOrStdout()).Encode(struct {
					Removed []removedRun `json:"removed"`
				}{removed}))
			}
			return failed
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "ask nothing")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	return c
}

// agreed asks whether a run is to be removed. Whatever is no y keeps it.
func agreed(c *cobra.Command, answers *bufio.Reader, dir string, size int64) bool {
	what := ""
	if s, err := view.Summarize(dir); err == nil {
		what = fmt.Sprintf(", %s at step %s", s.State, thousands(int(s.Step)))
	}
	fmt.Fprintf(printable{c.ErrOrStderr()}, "remove %s%s, %s? [y/N] ", dir, what, bytesOf(size))
	line, err := answers.ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	return err == nil && (answer == "y" || answer == "yes")
}
