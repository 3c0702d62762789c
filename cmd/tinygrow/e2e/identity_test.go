package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/worker"
)

// unlogged are systems, and what a coordinator is told, without a commit log.
var unlogged = map[string]func(t *testing.T) system{
	"memory": func(*testing.T) system { return memory() },
	"shared": func(*testing.T) system { return shared() },
	"nats":   func(t *testing.T) system { return overNATS(t) },
}

// others are runs that are not the one of job, but may get its id.
var others = map[string]func(j *coordinator.Job){
	"seed":    func(j *coordinator.Job) { j.Config.Train.Seed = 99 },
	"width":   func(j *coordinator.Job) { j.Config.Model.Widths = []int{3, 2} },
	"augment": func(j *coordinator.Job) { j.Config.Train.Augment = false }, // the same weights at its start
}

// A coordinator is killed in the middle of a step, and another run gets its id
// while the worker lives on. Without a log both are term 1, of rounds and
// weights of the same names. The second ends in its own bits.
func TestAnIDUsedAgainWithoutALog(t *testing.T) {
	for name, join := range unlogged {
		for what, other := range others {
			t.Run(name+" "+what, func(t *testing.T) {
				second := job(t, filepath.Join(t.TempDir(), "second"))
				other(&second)
				want := of(memory().train(t, second, 1, 1))
				second.Dir = filepath.Join(t.TempDir(), "again")

				s := join(t)
				slow := data
				slow.slow = 2 * time.Millisecond // the worker is busy while the coordinators change
				w := s.start(worker.Config{ID: "w", Threads: 1, Answer: time.Second}, slow, nil)
				first := job(t, "")
				first.Config.Cluster.StopGrace = 0
				line := s.connect()
				ctx, stop := context.WithCancel(context.Background())
				first.Events.Decided = func(c plan.Command) {
					if _, folded := c.(plan.Fold); folded { // the worker has the weights, and more to do
						line.Close()
						stop()
					}
				}
				if r, err := coordinator.Run(ctx, first, line); err == nil && r.Done {
					t.Fatal("the first run was not killed")
				}
				if got := of(s.coordinate(t, context.Background(), second)); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if err := w.Stop(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// outcome is how a coordinator ended.
type outcome struct {
	r   coordinator.Result
	err error
}

// begin runs j on a connection of its own.
func (s system) begin(ctx context.Context, j coordinator.Job) <-chan outcome {
	b, ended := s.connect(), make(chan outcome, 1)
	go func() {
		defer b.Close()
		r, err := coordinator.Run(ctx, j, b)
		ended <- outcome{r, err}
	}()
	return ended
}

// Of two coordinators of one id at once, without a log, one goes on to its own
// bits, and the other ends with an error that names it: before it wrote
// anything where it can ask first, in the middle of its run where it cannot.
func TestTwoCoordinatorsOfOneIDWithoutALog(t *testing.T) {
	for name, join := range unlogged {
		for what, claim := range map[string]time.Duration{"asks": 500 * time.Millisecond, "does not ask": 0} {
			t.Run(name+" "+what, func(t *testing.T) {
				want := of(reference(t))
				s := join(t)
				slow := data
				slow.slow = 2 * time.Millisecond
				w := s.start(worker.Config{ID: "w", Threads: 1, Answer: time.Second}, slow, nil)
				v := s.start(worker.Config{ID: "v", Threads: 1}, slow, nil)
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				second := job(t, filepath.Join(t.TempDir(), "second"))
				second.Config.Train.Seed, second.Claim = 99, claim
				var ended <-chan outcome
				first := job(t, "")
				first.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
					switch r.Step {
					case 2:
						ended = s.begin(ctx, second)
					case 10: // it is still there
						o := <-ended
						if !errors.Is(o.err, lead.ErrHeld) || !strings.Contains(o.err.Error(), first.Dir) ||
							!strings.Contains(o.err.Error(), "--run") {
							t.Errorf("the second ended with %+v, %v", o.r, o.err)
						}
					}
				}
				if got := of(s.coordinate(t, ctx, first)); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if _, err := os.Stat(second.Dir); claim > 0 && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the second wrote its directory: %v", err)
				}
				for _, m := range []*member{w, v} {
					if err := m.Stop(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// Two that begin at the same moment: one of them leads, to its own bits.
func TestTwoCoordinatorsThatBeginAtOnce(t *testing.T) {
	for name, join := range unlogged {
		t.Run(name, func(t *testing.T) {
			s := join(t)
			w := s.start(worker.Config{ID: "w", Threads: 1}, data, nil)
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			var jobs [2]coordinator.Job
			var ended [2]<-chan outcome
			for i := range jobs {
				jobs[i] = job(t, "")
				jobs[i].Claim = 500 * time.Millisecond
				jobs[i].Config.Train.Seed += uint64(i)
				ended[i] = s.begin(ctx, jobs[i])
			}
			led := 0
			for i := range jobs {
				o := <-ended[i]
				switch {
				case o.err == nil:
					led++
					alone := job(t, "")
					alone.Config = jobs[i].Config
					if got, want := of(o.r), of(memory().train(t, alone, 1, 1)); !o.r.Done || got != want {
						t.Errorf("coordinator %d: got %+v, want %+v", i, got, want)
					}
				case !errors.Is(o.err, lead.ErrHeld) || !strings.Contains(o.err.Error(), jobs[1-i].Dir):
					t.Errorf("coordinator %d: %v", i, o.err)
				}
			}
			if led != 1 {
				t.Errorf("%d lead", led)
			}
			if err := w.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
