package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/proto"
)

// Surplus is a checkpoint, or a part of a write that was interrupted, that a run can
// do without.
type Surplus struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Why   string `json:"why"`
}

// Surpluses returns what the run in path can do without if the checkpoints of the
// steps in keep stay: other checkpoints, and parts of interrupted writes. The newest
// checkpoint is never among them.
func Surpluses(path string, keep []proto.Step) ([]Surplus, error) {
	found := []Surplus{}
	add := func(path, why string) { found = append(found, Surplus{path, Size(path), why}) }
	steps, err := Steps(path)
	if err != nil {
		return nil, err
	}
	for i, step := range steps {
		if i < len(steps)-1 && !slices.Contains(keep, step) {
			add(StepDir(path, step), "checkpoint")
		}
	}
	root := filepath.Join(path, checkpoints)
	inside, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	for _, e := range inside {
		old, replaced := strings.CutPrefix(e.Name(), oldPrefix)
		if replaced {
			if _, err := os.Stat(filepath.Join(root, old)); errors.Is(err, fs.ErrNotExist) {
				continue // the checkpoint itself: whoever resumes the run puts it back
			}
		}
		if replaced || strings.HasPrefix(e.Name(), newPrefix) {
			add(filepath.Join(root, e.Name()), "interrupted write")
		}
	}
	beside, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	for _, e := range beside {
		name := e.Name()
		if name == incoming || strings.HasPrefix(name, reportFiles) || strings.HasSuffix(name, temporary) && !e.IsDir() {
			add(filepath.Join(path, name), "interrupted write")
		}
	}
	return found, nil
}

// Sweep removes what Surpluses finds of a run that nobody works on, and returns it.
// What is found is found under the run's lock. It returns ErrLocked where a process works on it.
func Sweep(path string, keep []proto.Step) ([]Surplus, error) {
	if _, err := ReadConfig(path); err != nil {
		return nil, err
	}
	d := &Dir{path: path, fault: LastEnd(path).Fault}
	if err := d.acquire(); err != nil {
		return nil, err
	}
	if d.fault != "" { // the file of an owner that was killed has gone
		defer d.noteEnd()
	}
	found, err := Surpluses(path, keep)
	for i, s := range found {
		if err = os.RemoveAll(s.Path); err != nil {
			found = found[:i]
			break
		}
	}
	return found, errors.Join(err, d.claim.release())
}
