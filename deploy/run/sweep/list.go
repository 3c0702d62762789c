package sweep

import (
	"os"
	"path/filepath"
	"time"
)

// Listed is a line about a sweep in a list of runs.
type Listed struct {
	Name      string    `json:"name"`
	Algorithm string    `json:"algorithm"`
	Done      bool      `json:"done"`
	Trials    int       `json:"trials"` // that were asked for
	Made      int       `json:"made"`   // trials with a result
	Best      *Row      `json:"best"`   // nil: none has an accuracy yet
	FLOPs     float64   `json:"flops"`
	CPUS      float64   `json:"cpu_s"`
	Changed   time.Time `json:"changed"`
	Fault     string    `json:"fault,omitempty"` // why the sweep cannot be read
}

// List returns the sweeps in a folder, by name.
func List(folder string) ([]Listed, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	list := []Listed{}
	for _, e := range entries {
		dir := filepath.Join(folder, e.Name())
		info, err := os.Stat(filepath.Join(dir, configFile))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		l := Listed{Name: e.Name(), Changed: info.ModTime()}
		if info, err := os.Stat(filepath.Join(dir, journalFile)); err == nil {
			l.Changed = info.ModTime()
		}
		t, err := ReadTable(dir)
		if err != nil {
			l.Fault = err.Error()
		}
		l.Algorithm, l.Done, l.Trials, l.Made, l.FLOPs, l.CPUS = t.Algorithm, t.Done, t.Trials, len(t.Rows), t.FLOPs, t.CPUS
		if len(t.Rows) > 0 && t.Rows[0].Failed == "" {
			l.Best = &t.Rows[0]
		}
		list = append(list, l)
	}
	return list, nil
}
