package sweep

import (
	"cmp"
	"fmt"
	"path/filepath"

	"github.com/tinygrow/tinygrow/coordinator/picture"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// Budgets that a plot is drawn over.
const (
	FLOPs   = "flops"
	Seconds = "seconds"
)

// axis names what a budget is counted in.
var axis = map[string]string{FLOPs: "FLOPs", Seconds: "seconds of processor time"}

// Draw draws the best accuracy of sweeps over what they had spent by then, and the evaluations of
// runs beside them. Where all sweeps made whole runs, it is that on the test samples, of the trial that was
// the best by what trials are ranked by.
func Draw(d picture.Drawing, by string, sweeps, beside []string) error {
	var list []picture.Search
	var split string
	tables, whole, err := readTables(sweeps)
	if err != nil {
		return err
	}
	for _, t := range tables {
		s := picture.Search{Name: t.Name + ": " + t.Algorithm}
		for _, at := range t.Course {
			accuracy := at.Accuracy
			if whole {
				accuracy = *at.Test
			}
			s.Spent, s.Best = append(s.Spent, spentOf(by, at.FLOPs, at.CPUS)), append(s.Best, accuracy)
		}
		for _, r := range t.Rows {
			if split = cmp.Or(split, r.Split); !whole && r.Split != "" && r.Split != split {
				return fmt.Errorf("%s is ranked on %s samples, a sweep before it on %s samples: draw them apart", t.Dir, r.Split, split)
			}
			s.Metric = cmp.Or(s.Metric, r.Metric)
		}
		list = append(list, s)
	}
	if whole {
		split = dataset.Test
	}
	for _, dir := range beside {
		v, err := view.Open(dir)
		if err != nil {
			return err
		}
		s := picture.Search{Name: filepath.Base(filepath.Clean(dir)) + ": a run, " + v.Info().Policy, Metric: v.Info().Metric, Single: true}
		for _, e := range v.Evaluations() {
			if e.Split == split {
				s.Spent, s.Best = append(s.Spent, spentOf(by, e.FLOPs, e.CPU)), append(s.Best, e.Accuracy)
			}
		}
		if s.Spent == nil {
			return fmt.Errorf("%s has no evaluation on %s samples, which the sweeps are drawn by", dir, split)
		}
		list = append(list, s)
	}
	return picture.DrawSearches(d, axis[by], split, list)
}

// readTables reads the tables of sweeps, and reports whether all that were the best were whole runs with test samples.
func readTables(dirs []string) (tables []Table, whole bool, err error) {
	whole = true
	for _, dir := range dirs {
		t, err := ReadTable(dir)
		if err != nil {
			return nil, false, err
		}
		for _, at := range t.Course {
			whole = whole && at.Test != nil
		}
		tables = append(tables, t)
	}
	return tables, whole, nil
}

// spentOf returns what was spent, in what is counted.
func spentOf(by string, flops, seconds float64) float64 {
	if by == Seconds {
		return seconds
	}
	return flops
}
