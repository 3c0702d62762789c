package sweep

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"syscall"

	"github.com/tinygrow/tinygrow/deploy/run/search"
	"github.com/tinygrow/tinygrow/proto/file"
)

// Record is the result of a job: a line of trials.jsonl.
type Record struct {
	Kind     string        `json:"kind"` // result, or spent of a job that was interrupted
	Job      int           `json:"job"`
	Trial    int           `json:"trial"`
	Rung     int           `json:"rung"`
	Part     float64       `json:"part"`     // of a whole run that the trial was made up to
	Settings []string      `json:"settings"` // key=value
	Seeds    []search.Seed `json:"seeds,omitempty"`
	// Failed says why the trial has no accuracy: training diverged, or its settings were refused.
	Failed string `json:"failed,omitempty"`
	// SameAs is an earlier trial of the same settings, whose result this one has without being
	// made; nil: it was made.
	SameAs   *int     `json:"same_as,omitempty"`
	Split    string   `json:"split,omitempty"` // samples that Accuracy is of: validation or test
	Accuracy float64  `json:"accuracy"`        // that trials are ranked by
	Metric   string   `json:"metric,omitempty"`
	Test     *float64 `json:"test_accuracy,omitempty"` // of a whole run
	FLOPs    float64  `json:"flops"`                   // of the trial, from its beginning
	CPUS     float64  `json:"cpu_s"`                   // of this job
	Steps    uint64   `json:"steps"`
	Params   int      `json:"params"`
	Model    string   `json:"model_sha256,omitempty"`
}

// Kinds of lines.
const (
	kindResult = "result"
	kindSpent  = "spent"
)

// maxLine bounds a line of the journal, in bytes, maxLines its lines.
const (
	maxLine  = 1 << 20
	maxLines = 1 << 20
)

// ErrDamaged is returned where a journal cannot be what a sweep wrote.
var ErrDamaged = errors.New("the journal of the sweep is damaged")

// check returns what cannot be so in a record.
func (r *Record) check() error {
	switch {
	case r.Kind != kindResult && r.Kind != kindSpent:
		return fmt.Errorf("kind %.20q", r.Kind)
	case r.Job < 0 || r.Trial < 0 || r.Trial >= maxTrials || r.Rung < 0 || r.Job > maxLines:
		return fmt.Errorf("job %d, trial %d, rung %d", r.Job, r.Trial, r.Rung)
	case math.Abs(r.Accuracy) > math.MaxFloat32 || r.FLOPs < 0 || r.CPUS < 0 || r.Part < 0 || r.Part > 1:
		return fmt.Errorf("job %d has numbers that cannot be", r.Job)
	case r.SameAs != nil && (*r.SameAs < 0 || *r.SameAs >= r.Trial):
		return fmt.Errorf("trial %d is the same as %d", r.Trial, *r.SameAs)
	}
	return nil
}

// rung is up to where a trial is made.
type rung struct{ trial, number int }

// account is what stands in a journal.
type account struct {
	results map[int]Record  // by job
	reached map[rung]Record // the same, by what they made
	spent   map[int]float64 // processor seconds of jobs without a result yet
	bytes   int64           // of whole lines
}

// parse reads a journal up to its last whole line: one that is cut was not synced.
func parse(in io.Reader) (account, error) {
	a := account{results: map[int]Record{}, reached: map[rung]Record{}, spent: map[int]float64{}}
	lines := bufio.NewReader(in)
	for n := 1; ; n++ {
		line, err := file.Line(lines, maxLine)
		if errors.Is(err, io.EOF) {
			return a, nil
		}
		var r Record
		if err == nil {
			if err = json.Unmarshal(line, &r); err == nil {
				err = r.check()
			}
		}
		_, twice := a.results[r.Job]
		_, made := a.reached[rung{r.Trial, r.Rung}]
		if err == nil && (twice || made || n > maxLines) {
			err = fmt.Errorf("job %d, rung %d of trial %d, has a result already", r.Job, r.Rung, r.Trial)
		}
		if err != nil {
			return a, fmt.Errorf("%w: line %d: %w", ErrDamaged, n, err)
		}
		a.bytes += int64(len(line))
		a.take(r)
	}
}

// take adds a record.
func (a account) take(r Record) {
	if r.Kind == kindSpent {
		a.spent[r.Job] += r.CPUS
		return
	}
	a.results[r.Job], a.reached[rung{r.Trial, r.Rung}] = r, r
	delete(a.spent, r.Job) // it is in the result
}

// result is what a searcher is told of a job.
func (a account) result(j search.Job) (search.Result, bool) {
	r, ok := a.results[j.Number]
	out := search.Result{Accuracy: r.Accuracy, Failed: r.Failed != ""}
	if r.SameAs == nil {
		out.FLOPs = max(r.FLOPs-a.below(j), 0)
	}
	return out, ok
}

// below returns the FLOPs of the trial of a job before that.
func (a account) below(j search.Job) float64 { return a.reached[rung{j.Trial, j.Rung - 1}].FLOPs }

// readJournal reads the journal in a file, which need not be there.
func readJournal(path string) (account, error) {
	f, _, err := file.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return parse(io.LimitReader(nil, 0))
	}
	if err != nil {
		return account{}, err
	}
	defer f.Close()
	a, err := parse(f)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return a, err
}

// journal is a file of results to which this process alone appends.
type journal struct {
	account
	file *os.File
}

// openJournal opens the journal in a file, makes it if it is not there, and cuts off a line that
// was not written whole.
func openJournal(path string) (*journal, error) {
	a, err := readJournal(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|syscall.O_NONBLOCK, 0o644)
	if err != nil {
		return nil, err
	}
	err = f.Truncate(a.bytes)
	if err == nil {
		_, err = f.Seek(a.bytes, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &journal{a, f}, nil
}

// put adds a record, which then lasts.
func (j *journal) put(r Record) error {
	if err := r.check(); err != nil {
		return err
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if _, err = j.file.Write(append(line, '\n')); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("%s: %w: make room, then go on with tinygrow sweep resume", j.file.Name(), err)
	}
	j.take(r)
	return nil
}

// seconds returns the processor time of all jobs so far.
func (a account) seconds() float64 {
	sum := 0.0
	for _, job := range slices.Sorted(maps.Keys(a.results)) {
		sum += a.results[job].CPUS
	}
	for _, job := range slices.Sorted(maps.Keys(a.spent)) {
		sum += a.spent[job]
	}
	return sum
}
