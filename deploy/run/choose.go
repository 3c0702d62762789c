package run

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/deploy/run/config"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/dataset/download"
)

// chooseLength lets --epochs count where the steps come from another source.
func (g Given) chooseLength(out *Settings) error {
	epochs, steps := g.flag("train.epochs"), g.flag("train.steps")
	switch {
	case epochs && steps:
		return errors.New("--epochs and --steps: give one of them")
	case epochs:
		out.Train.Steps = 0
	}
	return nil
}

// chooseData finds out which data set is meant where a directory is given and no
// name, and refuses a directory of files that the named set would not read. A set without a directory is read where
// tinygrow data get put it.
func (g Given) chooseData(out *Settings) error {
	given := Settings{}
	_ = g.lay(&given) // its faults are told with all others
	dir := given.Data.Dir
	if dir == "" {
		if set, known := download.Find(out.Data.Name); known && out.Data.Dir == "" && !out.fetches {
			if home, err := download.Home(set.Name); err == nil && set.Lies(home) {
				out.Data.Dir = home
			}
		}
		return nil
	}
	if given.Data.Name == "" && (out.Data.Name == "" || dataset.Drawn(out.Data.Name)) {
		name, err := dataset.Recognize(dir)
		if err != nil {
			return fmt.Errorf("data.dir is given and data.name is not: %w", err)
		}
		out.Data.Name = name
	}
	if given.Model.Name == "" && dataset.OfRows(out.Data.Name, dir) {
		out.Model.Name = "mlp" // the others read pictures
	}
	if dataset.Drawn(out.Data.Name) && !isEmpty(dir) {
		return fmt.Errorf("data.dir %s: the data set %s is drawn and reads no files: "+
			"name the set that lies there with --data, one of %s, or leave the directory out",
			dir, out.Data.Name, strings.Join(dataset.Names, ", "))
	}
	return nil
}

// isEmpty reports whether dir holds nothing, but for names that begin with a dot.
func isEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") })
}

// checkPolicy refuses another policy on top of a configuration that a run wrote, if
// it starts from other settings: that has every key, so that nothing would be left of these.
func (g Given) checkPolicy(out *Settings) error {
	if g.File == "" {
		return nil
	}
	document, err := file.Read(g.File, checkpoint.MaxConfig)
	if err != nil || !bytes.HasSuffix(document, []byte(endOfConfig)) {
		return nil // told with all other faults of the file, or written by hand
	}
	written := *out
	if config.Decode(&written, g.File, document) == nil && !growth.StartAlike(written.Growth.Policy, out.Growth.Policy) {
		return fmt.Errorf("growth.policy: %s was written by a run with %s, and %s gives %s, which starts from other settings: "+
			"set single keys of growth, or write a configuration with the policy alone",
			g.File, written.Growth.Policy, g.giver(written, "growth.policy"), out.Growth.Policy)
	}
	return nil
}
