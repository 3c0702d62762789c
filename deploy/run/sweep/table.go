package sweep

import (
	"cmp"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/deploy/run/search"
)

// Table is what a sweep found so far, the best trial first.
type Table struct {
	Name      string `json:"name"`
	Dir       string `json:"dir"`
	Algorithm string `json:"algorithm"`
	Assess    bool   `json:"assess,omitempty"` // a predictor stops trials and proposes new ones
	Seed      uint64 `json:"search_seed"`
	// Done says that nothing is left to do, Ended why there are fewer trials than were asked for.
	Done   bool    `json:"done"`
	Ended  string  `json:"ended,omitempty"`
	Trials int     `json:"trials"` // that were asked for
	FLOPs  float64 `json:"flops"`  // of all trials
	CPUS   float64 `json:"cpu_s"`  // of all trials, with what was interrupted
	Rows   []Row   `json:"rows"`
	// Course is the best so far, behind each result in the order in which the search heard of them.
	Course []Point `json:"course"`
}

// Row is a trial: its last result, with what all of its jobs took.
type Row struct {
	Record
	Dir string `json:"dir,omitempty"` // of its run; empty: it is the same as another, or was refused
	// Assessed is what was foretold of it behind its first part; nil: the predictor was not asked.
	Assessed *search.Verdict `json:"assessed,omitempty"`
}

// Point is where a search stood.
type Point struct {
	FLOPs float64 `json:"flops"` // spent until then by all trials that were heard of
	CPUS  float64 `json:"cpu_s"`
	Trial int     `json:"trial"` // the best
	// Accuracy is that which trials are ranked by, Test that of the same trial on the test samples, if
	// it was made to its end.
	Accuracy float64  `json:"accuracy"`
	Test     *float64 `json:"test_accuracy,omitempty"`
}

// better sorts records, the best first.
func better(a, b Record) int {
	if c := cmp.Compare(len(a.Failed), 0) - cmp.Compare(len(b.Failed), 0); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(b.Accuracy, a.Accuracy), cmp.Compare(a.Trial, b.Trial))
}

// ReadTable reads what the sweep in dir found, while it goes on or behind its end.
func ReadTable(dir string) (Table, error) {
	c, err := ReadDir(dir)
	if err != nil {
		return Table{}, err
	}
	a, err := readJournal(filepath.Join(dir, journalFile))
	if err != nil {
		return Table{}, err
	}
	space, err := search.ParseSpace(c.Space)
	if err != nil {
		return Table{}, err
	}
	s := &sweep{Config: c, dir: dir, space: space, journal: &journal{account: a}}
	s.begin()
	t := Table{Name: filepath.Base(filepath.Clean(dir)), Dir: dir, Algorithm: c.Algorithm, Assess: c.Assess, Seed: c.SearchSeed,
		Trials: c.Trials, CPUS: a.seconds(), Rows: []Row{}, Course: []Point{}}
	for before := -1; len(s.jobs) > before; { // what is given out makes more of the results known
		before = len(s.jobs)
		s.jobs = append(s.jobs, s.clock.Advance(a.result)...)
	}
	t.Done = s.clock.Done()
	switch {
	case s.clock.Done() && s.clock.Spent():
		t.Ended = "its FLOPs are spent"
	case !t.Done && s.spent():
		t.Done, t.Ended = true, "its processor seconds are spent"
	}
	t.fill(s, a)
	return t, nil
}

// fill makes rows and course of the results of the jobs given out.
func (t *Table) fill(s *sweep, a account) {
	rows := map[int]Row{}
	for _, j := range s.jobs {
		r, ok := a.results[j.Number]
		if !ok {
			continue
		}
		old, known := rows[j.Trial]
		r.CPUS += old.CPUS
		row := Row{Record: r}
		if r.SameAs == nil && r.Steps > 0 {
			row.Dir = trialDir(t.Dir, r.Trial)
		}
		if !known || r.Rung >= old.Rung {
			rows[j.Trial] = row
		}
	}
	if by, assessed := s.by.(*search.Assessed); assessed {
		for _, j := range s.jobs {
			if row, known := rows[j.Trial]; known && j.Rung == 0 {
				row.Assessed = by.Verdict(j.Number)
				rows[j.Trial] = row
			}
		}
	}
	for _, row := range rows {
		t.Rows = append(t.Rows, row)
	}
	slices.SortFunc(t.Rows, func(a, b Row) int { return better(a.Record, b.Record) })
	var at Point
	var top Record
	found := false
	for _, h := range s.clock.Heard() {
		r := a.results[h.Number]
		at.FLOPs += h.FLOPs
		at.CPUS += r.CPUS
		if r.Failed == "" && (!found || better(r, top) < 0) {
			top, found = r, true
			at.Trial, at.Accuracy, at.Test = r.Trial, r.Accuracy, r.Test
		}
		if found {
			t.Course = append(t.Course, at)
		}
	}
	t.FLOPs = at.FLOPs
}
