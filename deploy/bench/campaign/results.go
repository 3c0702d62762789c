package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
)

// Result is a line of the file of results: which run it is of, how it was set,
// by what it was computed, and what came out.
type Result struct {
	Key
	Trials   int    `json:"trials,omitempty"` // trials of the row, the best of which counts
	Set      Set    `json:"set"`
	Numerics int    `json:"numerics"` // trainer.Numerics of the program
	CPU      string `json:"cpu"`      // model of the processor
	Date     string `json:"date"`

	Steps        uint64                  `json:"steps"`
	FLOPs        float64                 `json:"flops"`
	Batch        int                     `json:"batch"`
	ParamsStart  int                     `json:"params_start"`
	ParamsEnd    int                     `json:"params_end"`
	Widths       map[string]int          `json:"widths"`
	Events       []Event                 `json:"growth_events"`
	TrainLoss    *float64                `json:"train_loss"`
	TestAccuracy *float64                `json:"test_accuracy"`
	Validation   *coordinator.Evaluation `json:"validation,omitempty"`
	ModelSHA256  string                  `json:"model_sha256"`
	WallS        float64                 `json:"wall_s"`
	CPUS         float64                 `json:"cpu_s"`
	Births       []Birth                 `json:"births,omitempty"`
}

// Birth is what results keep of a growth.BirthGroup; what is not known is null.
type Birth struct {
	Site string   `json:"site"`
	Born uint64   `json:"born"` // step of the event, 0 for the neurons of the start
	Rows int      `json:"rows"`
	Norm float64  `json:"norm"` // median of these rows
	Turn *float64 `json:"turn"` // median degrees in 100 steps, towards the end of the run
	Pace *float64 `json:"pace"` // turn, as a multiple of that of the site's oldest rows
}

// Event is what tables and plots need of a growth event.
type Event struct {
	Step     uint64  `json:"step"`
	Decision string  `json:"decision"`
	Grown    []Grown `json:"grown,omitempty"`
}

// Grown is a site that grew in an event.
type Grown struct {
	Site string `json:"site"`
	From int    `json:"from"`
	To   int    `json:"to"`
}

// of reports whether the result is of the task as this program would compute it.
func (r Result) of(t Task) bool {
	return r.Key == t.Key && r.Numerics == trainer.Numerics && maps.Equal(r.Set, t.Set)
}

// Results are the lines of a file, in the order of the file.
type Results struct {
	path string
	list []Result
}

// maxLine bounds a line of the file of results.
const maxLine = 1 << 24

// Open reads a file of results; one that does not exist has none yet.
func Open(path string) (*Results, error) {
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r := &Results{path: path}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var one Result
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return nil, fmt.Errorf("%s:%d: %w: mend or delete the line, its run is then made again", path, n, err)
		}
		r.list = append(r.list, one)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// Has reports whether the task's result is there.
func (r *Results) Has(t Task) bool {
	return slices.ContainsFunc(r.list, func(one Result) bool { return one.of(t) })
}

// Strange counts results that are of no task, because the plan or the program
// has changed since, or because other plans write to the same file.
func (r *Results) Strange(tasks []Task) (n int) {
	for _, one := range r.list {
		if !slices.ContainsFunc(tasks, one.of) {
			n++
		}
	}
	return n
}

// Put adds a result, in the place of one with the same key if there is one, and
// writes the file: the new one is whole before it takes the place of the old one.
func (r *Results) Put(one Result) error {
	if i := slices.IndexFunc(r.list, func(old Result) bool { return old.Key == one.Key }); i >= 0 {
		r.list[i] = one
	} else {
		r.list = append(r.list, one)
	}
	var b bytes.Buffer
	for _, line := range r.list {
		if err := json.NewEncoder(&b).Encode(line); err != nil {
			return fmt.Errorf("%s: %w", line.Key, err)
		}
	}
	fresh := r.path + ".new"
	if err := os.WriteFile(fresh, b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, r.path)
}
