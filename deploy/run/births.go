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
)

// Births returns how the neurons of each growth event learnt between the newest
// checkpoint of a run directory and the one before it; none where the run has no
// two checkpoints, or did not grow.
func (s *Saved) Births() ([]growth.BirthGroup, error) {
	if s.State == nil {
		return nil, nil
	}
	steps, err := checkpoint.Steps(s.Path)
	at := slices.Index(steps, s.State.Step)
	if err != nil || at < 1 {
		return nil, nil // a checkpoint alone
	}
	before, err := checkpoint.Load(checkpoint.StepDir(s.Path, steps[at-1]))
	if err != nil {
		return nil, as(ErrRun, err)
	}
	journal, err := readJournal(filepath.Join(s.Path, checkpoint.JournalFile), uint64(s.State.Step))
	grew := slices.ContainsFunc(journal, func(r growth.Record) bool { return len(r.Grown) > 0 })
	if err != nil || !grew {
		return nil, err
	}
	return growth.BirthGroups(before.Model, s.Model, uint64(s.State.Step-steps[at-1]), journal)
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
