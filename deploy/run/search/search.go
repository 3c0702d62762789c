package search

import (
	"slices"
	"strconv"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Seed is 64 bits that a point, or a change of one, is drawn from.
type Seed uint64

// MarshalText writes it in hexadecimal: numbers of JSON have 53 bits.
func (s Seed) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(s), 16), nil }

// UnmarshalText reads it.
func (s *Seed) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 16, 64)
	*s = Seed(v)
	return err
}

// Job is work on a trial: to make it, or to go on with it.
type Job struct {
	Number int // of the job, from 0, in the order of being given out
	Trial  int // from 0
	Rung   int // up to which the trial is made; 0 but for asha
	Point  Point
	Seeds  []Seed // that evolve rebuilds Point from; nil for the others
}

// Result is what a job led to.
type Result struct {
	Accuracy float64
	Failed   bool    // training diverged, or its settings were refused: it is worse than all others
	FLOPs    float64 // that this job spent
}

// Heard is a job with its result.
type Heard struct {
	Job
	Result
}

// better reports whether a is better than b; the earlier trial is where both are alike.
func (a Heard) better(b Heard) bool {
	switch {
	case a.Failed != b.Failed:
		return b.Failed
	case !a.Failed && a.Accuracy != b.Accuracy:
		return a.Accuracy > b.Accuracy
	}
	return a.Trial < b.Trial
}

// best returns the first of list that is better than all others, of those that count; nothing, if none does.
func best(list []Heard, counts func(Heard) bool) (top Heard) {
	found := false
	for _, h := range list {
		if counts(h) && (!found || h.better(top)) {
			top, found = h, true
		}
	}
	return top
}

// ranked returns list with the best first.
func ranked(list []Heard) []Heard {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Heard) int {
		switch {
		case a.better(b):
			return -1
		case b.better(a):
			return 1
		}
		return 0
	})
	return list
}

// State is what a Searcher decides by.
type State struct {
	Space  Space
	Seed   uint64
	Trials int     // that may be begun
	Begun  []Job   // given out so far, by number
	Heard  []Heard // in the order of being heard

	trials int // begun
}

// fresh returns the next trial at the point of its own seed; ok is false where all are begun.
func (s *State) fresh() (j Job, ok bool) {
	j = Job{Number: len(s.Begun), Trial: s.trials}
	if j.Trial >= s.Trials {
		return j, false
	}
	j.Point = s.Space.draw(uint64(s.seed(j.Trial)))
	return j, true
}

// seed returns the seed of a trial. All searchers begin with the same points.
func (s *State) seed(trial int) Seed {
	return Seed(rng.New(s.Seed, rng.Key("trial")).Uint64(uint64(trial)))
}

// Searcher decides what is tried.
type Searcher interface {
	// Next returns what a free slot does; ok is false where there is nothing to do until
	// another result is heard. It is a function of s alone.
	Next(s *State) (j Job, ok bool)
	// Length is how long a job up to a rung lasts in the time of a Clock.
	Length(rung int) int
	// Part is the part of a run that is made up to a rung, 1 for a whole one.
	Part(rung int) float64
}

// wholeRuns is the time of searchers whose trials are whole runs.
type wholeRuns struct{}

func (wholeRuns) Length(int) int   { return 1 }
func (wholeRuns) Part(int) float64 { return 1 }

// Random draws each trial by itself, uniformly.
type Random struct{ wholeRuns }

// Next returns the next trial.
func (Random) Next(s *State) (Job, bool) { return s.fresh() }
