package view

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto/file"
)

// MaxRuns is how many runs of a folder are listed, the newest ones.
const MaxRuns = 1000

// Summary is a line about a run in a list.
type Summary struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Policy   string    `json:"policy"`
	Model    string    `json:"model"`
	Data     string    `json:"data"`
	Seed     string    `json:"seed"`
	Step     uint64    `json:"step"`
	Epoch    float64   `json:"epoch"`
	Params   int       `json:"params"`
	Split    string    `json:"split"`            // samples that Accuracy was measured on; empty: not evaluated yet
	Accuracy float64   `json:"accuracy"`         // at the last evaluation
	Metric   string    `json:"metric,omitempty"` // what Accuracy is where samples have no classes: R2, or label accuracy
	Wall     float64   `json:"wall"`             // seconds of the process that wrote last
	FLOPs    float64   `json:"flops"`            // spent on training, at the newest checkpoint or evaluation
	Host     string    `json:"host"`             // machine of the process that works on the run or did last; empty: not known
	Changed  time.Time `json:"changed"`
	Why      string    `json:"why,omitempty"`   // why it failed, or ended before its last step
	Fault    string    `json:"fault,omitempty"` // why the run cannot be read
}

// Library is the runs of a folder, or a single run.
type Library struct {
	folder string
	single bool // it is a run, or will be one
}

// RunLibrary returns the library of the single run that lies in dir, or will.
func RunLibrary(dir string) (*Library, error) {
	whole, err := filepath.Abs(dir)
	return &Library{whole, true}, err
}

// NewLibrary returns the runs that lie in a folder now and later. The folder may
// be a run itself, which is then the only one. ErrNoRuns is returned for a folder
// that is not there or is no folder.
func NewLibrary(folder string) (*Library, error) {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: %w: there is no such folder: give the folder in which runs lie, or a run", folder, ErrNoRuns)
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, fmt.Errorf("%s: %w: it is a file: give the folder in which runs lie, or a run", folder, ErrNoRuns)
	}
	whole, err := filepath.Abs(folder)
	return &Library{whole, isRun(whole)}, err
}

// Folder returns where the runs lie.
func (l *Library) Folder() string { return l.folder }

// dirs returns the directories of runs by name.
func (l *Library) dirs() (map[string]string, error) {
	if l.single {
		if isRun(l.folder) {
			return map[string]string{filepath.Base(l.folder): l.folder}, nil
		}
		return nil, nil
	}
	entries, err := os.ReadDir(l.folder)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, e := range entries {
		if path := filepath.Join(l.folder, e.Name()); isRun(path) {
			found[e.Name()] = path
		}
	}
	return found, nil
}

// Dirs returns the directories of all runs, sorted by name.
func (l *Library) Dirs() ([]string, error) {
	dirs, err := l.dirs()
	return slices.Sorted(maps.Values(dirs)), err
}

// isRun reports whether a directory holds a run.
func isRun(path string) bool {
	info, err := os.Stat(filepath.Join(path, checkpoint.ConfigFile))
	return err == nil && info.Mode().IsRegular()
}

// Dir returns the directory of the run of a name, or checkpoint.ErrNoRun. No name
// leads out of the folder.
func (l *Library) Dir(name string) (string, error) {
	dirs, err := l.dirs()
	if err != nil {
		return "", err
	}
	if dir, ok := dirs[name]; ok {
		return dir, nil
	}
	return "", fmt.Errorf("%q: %w in %s", name, checkpoint.ErrNoRun, l.folder)
}

// List returns the runs, those that changed last first.
func (l *Library) List() ([]Summary, error) {
	dirs, err := l.dirs()
	if err != nil {
		return nil, err
	}
	list := []Summary{}
	for name, dir := range dirs {
		list = append(list, Summary{Name: name, Changed: changed(dir)})
	}
	slices.SortFunc(list, func(a, b Summary) int {
		if c := b.Changed.Compare(a.Changed); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	list = list[:min(len(list), MaxRuns)]
	for i := range list {
		if err := list[i].read(dirs[list[i].Name]); err != nil {
			list[i].Fault = err.Error()
		}
	}
	return list, nil
}

// Summarize returns the line about the run in a directory.
func Summarize(dir string) (Summary, error) {
	s := Summary{Name: filepath.Base(filepath.Clean(dir))}
	s.Changed = changed(dir)
	return s, s.read(dir)
}

// changed returns when the run in a directory last wrote a line.
func changed(dir string) (last time.Time) {
	for _, f := range []string{checkpoint.MetricsFile, checkpoint.ConfigFile} {
		if info, err := os.Stat(filepath.Join(dir, f)); err == nil && info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last
}

// window is how many bytes at the end of the metrics are read for a Summary.
const window = 64 << 10

// read fills the summary of the run in dir from its configuration, its newest
// checkpoint and the end of its metrics.
func (s *Summary) read(dir string) error {
	document, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return err
	}
	r := &Run{dir: dir, forward: map[uint64]int64{}}
	if r.info, err = readInfo(dir, document); err != nil {
		return err
	}
	s.Policy, s.Model, s.Data, s.Seed = r.info.Policy, r.info.Model, r.info.Data, r.info.Seed
	end, err := readEnd(filepath.Join(dir, checkpoint.MetricsFile))
	if err != nil {
		return err
	}
	var step line
	for text := range bytes.Lines(end) {
		l := begin(text, &step)
		if !flat(text, l.set) {
			continue
		}
		if l.step >= s.Step {
			s.Step, s.Params = l.step, max(l.params, s.Params)
			s.Wall, s.FLOPs = max(s.Wall, l.wall), max(s.FLOPs, l.flops)
		}
		switch l.kind {
		case "step":
			step = l
			s.Epoch, s.Params = l.epoch, l.params
			r.last = Point{Step: l.step, Epoch: l.epoch}
		case "evaluation":
			s.Split, s.Accuracy, s.Metric, s.Epoch, s.Params = l.split, l.accuracy, l.metric, l.epoch, l.params
		}
	}
	err = r.readCheckpoint()
	r.stand()
	s.State, s.Host, s.Why = r.info.State, r.info.Host, cmp.Or(r.info.Fault, r.info.Ended)
	s.FLOPs = max(s.FLOPs, r.info.flops)
	return err
}

// readEnd returns the last lines of a file, without one that is cut at either end.
func readEnd(path string) ([]byte, error) {
	f, size, err := file.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	from := max(size-window, 0)
	data := make([]byte, size-from)
	n, err := f.ReadAt(data, from)
	if n < len(data) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if from > 0 {
		_, data, _ = bytes.Cut(data, []byte{'\n'})
	}
	return data[:bytes.LastIndexByte(data, '\n')+1], nil
}

// Single returns the name of the run that is the whole library, which may not be
// there yet, or nothing if it is a folder of runs.
func (l *Library) Single() string {
	if l.single {
		return filepath.Base(l.folder)
	}
	return ""
}
