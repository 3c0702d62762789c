package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/cmd/tinygrow/terminal"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

func newDataPack() *cobra.Command {
	var asJSON bool
	var to string
	c := &cobra.Command{
		Use:   "pack",
		Short: "Write a data set as one file that is trained on from disk, however large",
		Long: `Reads a data set and writes it as one packed file. What is trained on that file has the bits of what is trained on the
set itself. Its pictures stay on disk and are read when they are due, so that it may be many times larger than the memory:
in memory are 2 bytes a sample for its label, and 4 for its place in each of up to 4 orders that are in use at a time.

Every picture has a checksum that is looked at whenever it is read, and the header has the digest of all of them.
The file is written under another name beside FILE and renamed when it is whole and on disk. Pictures in
files are decoded on all cores on the way and take little memory; other sets are read into memory first.`,
		Example: `  tinygrow data pack --data folder --data-dir ~/photos --to photos.tgpack
  tinygrow train --data-dir photos.tgpack`,
		Args: noArgs,
	}
	src := newSource(c, dataFlags)
	c.Flags().StringVar(&to, "to", "", "`file` to write, as photos"+dataset.PackedEnding)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object on stdout")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if to == "" {
			return usagef("--to is missing: the file to write, as photos%s", dataset.PackedEnding)
		}
		if _, err := os.Lstat(to); err == nil {
			return usagef("%s exists: remove it, or name another file with --to", to)
		}
		if info, err := os.Stat(filepath.Dir(to)); err != nil || !info.IsDir() {
			return usagef("--to %s: there is no directory %s: make it, or name another file with --to", to, filepath.Dir(to))
		}
		s, err := src.given().Resolve(run.Defaults())
		if err != nil {
			return err
		}
		con := newConsole(c.ErrOrStderr())
		ctx, stop := untilSignal(c.Context(), func(os.Signal) {})
		defer stop()
		started := time.Now()
		report, err := dataset.Pack(ctx, s.Data, to, func(p dataset.Packing) { con.packed(p, time.Since(started)) })
		con.end()
		switch {
		case errors.Is(err, context.Canceled):
			con.Line("interrupted: nothing was written; the same command begins again")
			return silentError{exitInterrupted}
		case err != nil:
			return err
		case asJSON:
			return json.NewEncoder(c.OutOrStdout()).Encode(report)
		}
		fmt.Fprintf(printable{c.OutOrStdout()}, "%s: %s training and %s test samples of %s, digest %s\n", to,
			thousands(report.Train.Samples), thousands(report.Test.Samples), report.Name, report.Digest)
		return nil
	}
	return c
}

// packed tells how far a set is packed.
func (c *console) packed(p dataset.Packing, spent time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.due() || p.Done == 0 {
		return
	}
	left := time.Duration(float64(spent) * float64(p.All-p.Done) / float64(p.Done))
	c.screen.Progress(
		terminal.Part{Rank: 0, Text: fmt.Sprintf("packed %s of %s samples", thousands(int(p.Done)), thousands(int(p.All)))},
		terminal.Part{Rank: 2, Text: bar(float64(p.Done) / float64(p.All)), Bare: true},
		terminal.Part{Rank: 1, Text: "ETA " + roughly(left)})
}
