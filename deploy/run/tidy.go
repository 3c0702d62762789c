package run

import (
	"errors"
	"os"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
)

// Tidied is what was removed from a folder of runs, or would be.
type Tidied struct {
	Folder  string               `json:"folder"`
	DryRun  bool                 `json:"dry_run"`
	Runs    int                  `json:"runs"`    // looked at
	Running []string             `json:"running"` // left alone because a process works on them
	Removed []checkpoint.Surplus `json:"removed"`
	Bytes   int64                `json:"bytes"`
}

// Tidying says what of runs stays, and whether the rest goes or is only found.
type Tidying struct {
	Keep   view.Keeping
	DryRun bool
}

// Tidy removes what the runs of a library can do without. What fails is told at the
// end; the other runs are tidied all the same.
func (o Tidying) Tidy(library *view.Library) (Tidied, error) {
	t := Tidied{Folder: library.Folder(), DryRun: o.DryRun, Running: []string{}, Removed: []checkpoint.Surplus{}}
	err := t.tidy(library, o.Keep)
	for _, s := range t.Removed {
		t.Bytes += s.Bytes
	}
	return t, err
}

func (t *Tidied) tidy(library *view.Library, keep view.Keeping) error {
	dirs, err := library.Dirs()
	if err != nil {
		return err
	}
	var faults []error
	for _, dir := range dirs {
		t.Runs++
		found, err := t.surplus(dir, keep)
		t.Removed = append(t.Removed, found...)
		switch {
		case errors.Is(err, checkpoint.ErrLocked):
			t.Running = append(t.Running, dir)
		case err != nil && !errors.Is(err, checkpoint.ErrNoCheckpoint):
			faults = append(faults, err)
		}
	}
	if library.Single() != "" {
		return errors.Join(faults...)
	}
	left, err := checkpoint.LeftBehind(library.Folder())
	faults = append(faults, err)
	for _, path := range left {
		t.Removed = append(t.Removed, checkpoint.Surplus{Path: path, Bytes: checkpoint.Size(path), Why: "interrupted removal"})
		if !t.DryRun {
			faults = append(faults, os.RemoveAll(path))
		}
	}
	return errors.Join(faults...)
}

// surplus removes what the run in dir can do without, or finds it.
func (t *Tidied) surplus(dir string, keep view.Keeping) ([]checkpoint.Surplus, error) {
	if checkpoint.Active(dir) {
		return nil, checkpoint.ErrLocked
	}
	run, err := view.Open(dir)
	if err != nil {
		return nil, err
	}
	steps, err := run.Keep(keep)
	if err != nil {
		return nil, err
	}
	if t.DryRun {
		return checkpoint.Surpluses(dir, steps)
	}
	return checkpoint.Sweep(dir, steps)
}
