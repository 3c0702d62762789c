package run

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// lateness is the part of its steps from which on a run is asked how its neurons learn.
const lateness = 0.9

// Births returns how the neurons of each growth event learnt up to the newest
// checkpoint of a run directory since the newest one of the first nine tenths of its
// steps, or the oldest one that is left; none where the run has no two checkpoints, or
// did not grow.
func (s *Saved) Births() ([]growth.BirthGroup, error) {
	if s.State == nil {
		return nil, nil
	}
	return birthsAt(s.Path, s.State.Step, s.Model)
}

// BirthsOf is Saved.Births of a run directory whose configuration may be one of an
// earlier version, with other settings than this one.
func BirthsOf(dir string) ([]growth.BirthGroup, error) {
	c, err := checkpoint.Latest(dir)
	if err != nil {
		return nil, as(ErrRun, err)
	}
	return birthsAt(dir, c.Step, c.Model)
}

// birthsAt is Births of a run whose model at a step is now.
func birthsAt(dir string, now proto.Step, m *nn.Model) ([]growth.BirthGroup, error) {
	steps, err := checkpoint.Steps(dir)
	at := slices.Index(steps, now)
	if err != nil || at < 1 {
		return nil, nil // a checkpoint alone
	}
	from := steps[0]
	for _, step := range steps[:at] {
		if float64(step) <= float64(lateness*float64(now)) {
			from = step
		}
	}
	before, err := checkpoint.Load(checkpoint.StepDir(dir, from))
	if err != nil {
		return nil, as(ErrRun, err)
	}
	journal, err := readJournal(filepath.Join(dir, checkpoint.JournalFile), uint64(now))
	grew := slices.ContainsFunc(journal, func(r growth.Record) bool { return len(r.Grown) > 0 })
	if err != nil || !grew {
		return nil, err
	}
	return growth.BirthGroups(before.Model, m, uint64(now-from), journal)
}

// readJournal reads the events of a journal up to a step.
func readJournal(path string, last uint64) (out []growth.Record, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, as(ErrRun, err)
	}
	defer f.Close()
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return out, nil // what a process that was killed left of a line is no event
		}
		var r growth.Record
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, as(ErrRun, fmt.Errorf("%s: event %d: %w", path, len(out), err))
		}
		if r.Step <= last {
			out = append(out, r)
		}
	}
}
