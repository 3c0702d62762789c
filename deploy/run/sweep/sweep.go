package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/tinygrow/tinygrow/deploy/run/search"
	"github.com/tinygrow/tinygrow/proto"
)

// ErrStopped is returned when a sweep was told to stop before its end.
var ErrStopped = errors.New("the sweep was stopped")

// ErrBusy is returned where another process works on the sweep.
var ErrBusy = errors.New("another process works on this sweep")

// Fate is how the process of a trial ended.
type Fate int

// Fates of processes.
const (
	Ended    Fate = iota // it did what it was told
	Diverged             // the loss was not a number any more
	Refused              // the settings cannot be
	Gone                 // it was interrupted or killed, and can go on
	Taken                // the run is there already, or another process works on it, as one of a sweep that was killed may
	Broken               // something else is wrong, that another trial would meet too
)

// How says with what a sweep is made. None of it changes what comes out.
type How struct {
	Parallel int // processes at once; at most as many as slots have work
	Threads  int // of each; 0: they share the processors out among themselves
	// Place are words that the commands train and resume are given too: where the NATS server is.
	Place []string
	// Command returns the program with these words; Fate tells how it ended by its exit code.
	Command func(words ...string) *exec.Cmd
	Fate    func(code int) Fate
	// Line is told something in a line of its own, by any goroutine; Progress how far the sweep is.
	Line     func(format string, args ...any)
	Progress func(Progress)
}

// Progress is how far a sweep is.
type Progress struct {
	Trials, Begun, Ended, Running int // Trials: how many there may be
	Made, Left                    int // jobs made by this process; how many more there are at most
}

// sweep is one that is being made.
type sweep struct {
	Config
	How
	dir, name string
	space     search.Space
	journal   *journal
	by        search.Searcher
	clock     *search.Clock
	told      map[string]map[string]float64 // features by settings, see features

	jobs  []search.Job // given out, by number
	texts [][]string   // their settings, key=value
	first map[string]int
	made  int
}

// Start makes the sweep c in dir, which may hold a part of it.
func Start(ctx context.Context, dir string, c Config, how How) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if _, err := c.check(c.Base, nil); err != nil {
		return err
	}
	if err := c.put(dir); err != nil {
		return err
	}
	return Resume(ctx, dir, how)
}

// Resume goes on with the sweep in dir until its end or that of ctx: trials then
// finish their steps and write checkpoints, and ErrStopped is returned. It returns the first
// error that a trial has but for diverging or refused settings, once the others were stopped.
func Resume(ctx context.Context, dir string, how How) error {
	c, err := ReadDir(dir)
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(dir, lockFile))
	if got, err := lock.TryLock(); err == nil && !got {
		return fmt.Errorf("%s: %w", dir, ErrBusy)
	}
	defer lock.Close() // without locks in the file system, the runs' own are left
	s := &sweep{Config: c, How: how, dir: dir, name: idOf(dir), first: map[string]int{}}
	if s.space, err = search.ParseSpace(c.Space); err != nil {
		return err
	}
	if _, err := c.check(c.baseIn(dir), nil); err != nil {
		return err
	}
	if s.journal, err = openJournal(filepath.Join(dir, journalFile)); err != nil {
		return err
	}
	s.begin()
	return errors.Join(s.run(ctx), s.journal.file.Close())
}

// begin makes the clock that gives the jobs out.
func (s *sweep) begin() {
	s.told = map[string]map[string]float64{}
	s.by = s.searcher(s.features)
	s.clock = search.NewClock(s.by, search.State{Space: s.space, Seed: s.SearchSeed, Trials: s.Trials}, s.Slots, s.TotalFLOPs)
}

// runID is the id of the run of a trial.
func (s *sweep) runID(trial int) string { return fmt.Sprintf("%s-%04d", s.name, trial) }

// Runs returns what the ids of the runs of the sweep in a directory begin with.
func Runs(dir string) string { return idOf(dir) + "-" }

// idOf begins the ids of the runs of a sweep.
func idOf(dir string) string {
	const most = 48
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	id := proto.Plain(filepath.Base(dir))
	return cmp.Or(strings.Trim(id[:min(len(id), most)], "-"), "sweep")
}

// outcome is what came of a job.
type outcome struct {
	job    int
	record Record
	err    error
}

// run makes what is missing.
func (s *sweep) run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	outcomes := make(chan outcome)
	working := map[int]bool{}
	var failed error
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		if err := errors.Join(s.advance(), s.allRefused()); err != nil && failed == nil {
			failed = err
			stop()
		}
		for number := range s.jobs {
			if failed != nil || ctx.Err() != nil || len(working) >= s.Parallel || s.spent() {
				break
			}
			if _, has := s.journal.results[number]; has || working[number] || s.twin(number) >= 0 {
				continue
			}
			working[number] = true
			go func(j search.Job, settings []string, before float64) {
				r, err := s.make(ctx, j, settings, before)
				outcomes <- outcome{j.Number, r, err}
			}(s.jobs[number], s.texts[number], s.journal.below(s.jobs[number]))
		}
		s.tell(len(working))
		if len(working) == 0 {
			break
		}
		select {
		case o := <-outcomes:
			delete(working, o.job)
			if err := s.took(o); err != nil {
				stop()
				if !errors.Is(err, ErrStopped) && failed == nil {
					failed = err
				}
			}
		case <-ticker.C: // progress is told
		}
	}
	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil && !s.clock.Done():
		return ErrStopped
	}
	return nil
}

// took writes down what came of a job, and returns its error.
func (s *sweep) took(o outcome) error {
	if o.err != nil {
		if o.record.CPUS == 0 {
			return o.err
		}
		j := s.jobs[o.job]
		return errors.Join(o.err, s.journal.put(Record{Kind: kindSpent, Job: j.Number, Trial: j.Trial, Rung: j.Rung, CPUS: o.record.CPUS}))
	}
	s.made++
	o.record.CPUS += s.journal.spent[o.job]
	if err := s.journal.put(o.record); err != nil {
		return err
	}
	s.Line("%s", sentence(o.record))
	return nil
}

// spent reports whether no more trials are begun because their time is over.
func (s *sweep) spent() bool { return s.TotalSeconds > 0 && s.journal.seconds() >= s.TotalSeconds }

// advance lets the clock give out what it can by the results there are, and gives twins of trials the
// results of these.
func (s *sweep) advance() error {
	for {
		fresh := s.clock.Advance(s.journal.result)
		for _, j := range fresh {
			settings := s.space.Assignments(j.Point)
			s.jobs, s.texts = append(s.jobs, j), append(s.texts, settings)
			key := strings.Join(settings, "\n")
			if _, known := s.first[key]; !known {
				s.first[key] = j.Number
			}
			r, has := s.journal.results[j.Number]
			if has && (r.Trial != j.Trial || r.Rung != j.Rung || !slices.Equal(r.Settings, settings)) {
				return fmt.Errorf("%s: %w: trial %d has %s, and this program tries %s: go on with the version of tinygrow that began "+
					"the sweep", s.dir, ErrDamaged, j.Trial, strings.Join(r.Settings, ", "), strings.Join(settings, ", "))
			}
		}
		if more, err := s.copyTwins(); err != nil || !more {
			return err
		}
	}
}

// allRefused returns an error where the first trials were all refused, in the same words: the others would be too.
func (s *sweep) allRefused() error {
	const few = 8 // fewer may all have drawn the same bad value
	heard, n := s.clock.Heard(), min(max(s.Slots, few), s.Trials)
	if len(heard) < n || n < few {
		return nil
	}
	var why string
	for i, h := range heard[:n] {
		words := strings.ReplaceAll(s.journal.results[h.Number].Failed, s.runID(h.Trial), "")
		if !strings.HasPrefix(words, refused) || i > 0 && words != why {
			return nil
		}
		why = words
	}
	return fmt.Errorf("the first %d trials were all %s: begin another sweep with settings that can be", n, why)
}

// copyTwins gives trials the results of those with the same settings, and reports whether there were any.
func (s *sweep) copyTwins() (more bool, err error) {
	for number, j := range s.jobs {
		twin := s.twin(number)
		if _, has := s.journal.results[number]; has || twin < 0 {
			continue
		}
		r, has := s.journal.results[twin]
		if !has {
			continue
		}
		r.Job, r.Trial, r.SameAs, r.CPUS, r.Seeds = number, j.Trial, &s.jobs[twin].Trial, 0, j.Seeds
		if err := s.journal.put(r); err != nil {
			return more, err
		}
		more = true
	}
	return more, nil
}

// twin returns the first job of the same settings, whose bits the job would have; -1: there is none. A
// trial that may be continued needs a run of its own.
func (s *sweep) twin(number int) int {
	first := s.first[strings.Join(s.texts[number], "\n")]
	if first == number || s.Algorithm == ASHA || s.Assess {
		return -1
	}
	return first
}

// tell tells how far the sweep is.
func (s *sweep) tell(running int) {
	p := Progress{Trials: s.Trials, Running: running, Made: s.made}
	begun := map[int]bool{}
	for number, j := range s.jobs {
		begun[j.Trial] = true
		if _, has := s.journal.results[number]; has {
			p.Ended++
		}
	}
	p.Begun = len(begun)
	p.Left = s.Trials - p.Begun + len(s.jobs) - p.Ended
	s.Progress(p)
}

// sentence tells of a result.
func sentence(r Record) string {
	text := fmt.Sprintf("trial %d: ", r.Trial)
	switch {
	case r.Failed != "":
		text += r.Failed
	default:
		text += fmt.Sprintf("%s %.4g", cmp.Or(r.Metric, r.Split+" accuracy"), r.Accuracy)
	}
	if r.Part < 1 {
		text += fmt.Sprintf(" behind %.3g of a run", r.Part)
	}
	return fmt.Sprintf("%s, %.3g FLOPs, %.1f s: %s", text, r.FLOPs, r.CPUS, strings.Join(r.Settings, ", "))
}

// trialDir is where a trial lies.
func trialDir(dir string, trial int) string {
	return filepath.Join(dir, fmt.Sprintf("trial-%04d", trial))
}

// holdsRun reports whether a directory holds a run.
func holdsRun(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "config.yaml"))
	return err == nil
}
