package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run/record"
	"github.com/tinygrow/tinygrow/deploy/run/sweep"
)

// onStdout is the name of a file that stands for stdout.
const onStdout = "-"

// recordRuns writes the records of the runs in folders, of those in a state if that is not empty, to a file, which appears whole or not
// at all.
func recordRuns(c *cobra.Command, path string, folders []string, state view.State) error {
	dirs, err := runsBelow(folders)
	if err != nil {
		return err
	}
	if path == onStdout {
		return writeRecords(c, c.OutOrStdout(), dirs, state)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".records-")
	if err != nil {
		return usagef("the records cannot be written: %w: name another file with --records", err)
	}
	defer os.Remove(f.Name())
	err = writeRecords(c, f, dirs, state)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return usagef("the records cannot be written: %w: name another file with --records", err)
	}
	return nil
}

// runDir is a directory of a run, and the sweep whose trial it is.
type runDir struct{ dir, sweep string }

// runsBelow returns the runs in folders, trials of the sweeps in them included, by name.
func runsBelow(folders []string) (list []runDir, err error) {
	for _, folder := range folders {
		library, err := view.NewLibrary(folder)
		if err != nil {
			return nil, err
		}
		name := ""
		if _, err := sweep.ReadDir(library.Folder()); err == nil {
			name = filepath.Base(library.Folder())
		}
		if list, err = addRuns(list, library, name); err != nil {
			return nil, err
		}
		entries, err := os.ReadDir(library.Folder())
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			dir := filepath.Join(library.Folder(), e.Name())
			if _, err := sweep.ReadDir(dir); err != nil {
				continue // it is none
			}
			trials, err := view.NewLibrary(dir)
			if err == nil {
				list, err = addRuns(list, trials, e.Name())
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}

// addRuns adds the runs of a library.
func addRuns(list []runDir, library *view.Library, sweep string) ([]runDir, error) {
	dirs, err := library.Dirs()
	for _, dir := range dirs {
		list = append(list, runDir{dir, sweep})
	}
	return list, err
}

// writeRecords writes a line for each run, and tells how many there are. A run that cannot be read is told of and left out.
func writeRecords(c *cobra.Command, to io.Writer, dirs []runDir, state view.State) error {
	lines := json.NewEncoder(to)
	all, ended := 0, 0
	for _, d := range dirs {
		r, err := record.Of(d.dir, d.sweep)
		if err != nil {
			fmt.Fprintf(printable{c.ErrOrStderr()}, "%s is left out: %v\n", d.dir, err)
			continue
		}
		if state != "" && r.State != state {
			continue
		}
		if err := lines.Encode(r); err != nil {
			return err
		}
		all++
		if r.Final != nil {
			ended++
		}
	}
	fmt.Fprintf(c.ErrOrStderr(), "%d records, %d of runs that are at their end\n", all, ended)
	return nil
}
