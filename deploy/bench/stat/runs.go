package stat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/run"
)

// Runs makes training runs in this process, one after the other.
type Runs struct {
	Dir  string    // where each has its directory
	Most int       // so many will be made at the most; 0: that is not known
	Out  io.Writer // is told behind every tenth run how long it took; nil: os.Stderr

	began time.Time
	made  int
}

// Run is a run that was made.
type Run struct {
	Dir    string
	Steps  []trainer.StepRecord
	Scales []trainer.TensorScale // of first weights that were learned
	Result coordinator.Result
	Whole  bool // it did not diverge
}

// Line is what run.Train tells people: nothing is made of it.
func (*Run) Line(string, ...any) {}

// Events are what a run remembers of itself.
func (r *Run) Events() coordinator.Events {
	return coordinator.Events{
		Step:    func(s trainer.StepRecord, _ coordinator.Pace) { r.Steps = append(r.Steps, s) },
		Learned: func(l trainer.InitRecord) { r.Scales = l.Scales },
	}
}

// Last returns the mean of the last n steps by of; infinity for a run that has not so many.
func (r *Run) Last(n int, of func(trainer.StepRecord) float64) float64 {
	if n < 1 || len(r.Steps) < n {
		return math.Inf(1)
	}
	sum := 0.0
	for _, s := range r.Steps[len(r.Steps)-n:] {
		sum += of(s)
	}
	return sum / float64(n)
}

// Loss is the training loss of a step, for Run.Last.
func Loss(r trainer.StepRecord) float64 { return r.Loss }

// Given are the settings of common and of set, which wins, as the package run takes them. The key model.name may
// name a file of a network.
func Given(common, set map[string]string) (g run.Given) {
	all := maps.Clone(common)
	maps.Copy(all, set)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if key == "model.name" {
			g.Flags = append(g.Flags, run.Flag{Name: "--model", Key: key, Value: all[key]})
		} else {
			g.Assignments = append(g.Assignments, key+"="+all[key])
		}
	}
	return g
}

// Train makes a run in the directory of that name, in place of what is there. A run that diverges is no error.
func (r *Runs) Train(ctx context.Context, name string, g run.Given) (*Run, error) {
	if r.made == 0 {
		r.began = time.Now()
	}
	s, err := g.Resolve(run.Defaults())
	if err != nil {
		return nil, err
	}
	s.RunDir = filepath.Join(r.Dir, name)
	if err := os.RemoveAll(s.RunDir); err != nil {
		return nil, err
	}
	s.Name()
	made := &Run{Dir: s.RunDir}
	made.Result, err = run.Train(ctx, s, run.Start{Workers: s.Workers, Given: g}, made)
	made.Whole = err == nil
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err == nil && !made.Result.Done:
		return nil, errors.New("the run did not come to its end")
	case err != nil && !errors.Is(err, trainer.ErrDiverged):
		return nil, err
	}
	if r.made++; r.made%10 == 0 {
		r.tell(time.Since(r.began))
	}
	return made, nil
}

// tell prints how far the runs are after so long.
func (r *Runs) tell(took time.Duration) {
	of, left := "", ""
	if r.Most > 0 {
		of = fmt.Sprintf(" of at most %d", r.Most)
		left = fmt.Sprintf(", at most %s to go", (took / time.Duration(r.made) * time.Duration(max(r.Most-r.made, 0))).Round(time.Second))
	}
	out := r.Out
	if out == nil {
		out = os.Stderr
	}
	fmt.Fprintf(out, "%d%s runs in %s%s\n", r.made, of, took.Round(time.Second), left)
}
