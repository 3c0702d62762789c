package search

import (
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/deploy/run/predictor"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Assessor says when trials are assessed by a predictor (deploy/run/predictor).
type Assessor struct {
	Part  float64 `yaml:"part"`  // of a run, behind which a trial is assessed
	Draws int     `yaml:"draws"` // of which the best by prediction is tried
	Least int     `yaml:"least"` // whole runs that are heard before the predictor is asked
}

// DefaultAssessor assesses trials behind a quarter of a run, once 8 whole runs are known.
func DefaultAssessor() Assessor { return Assessor{Part: 0.25, Draws: 8, Least: 8} }

// MaxAssessed bounds the trials of a search that assesses them: each decision is a prediction.
const MaxAssessed = 1000

// maxPool is how many trials a prediction is made from, the newest.
const maxPool = 256

// Validate returns all faults of a search of so many trials, or nil.
func (a Assessor) Validate(trials int) error {
	var found faults.List
	found.Check(a.Part >= 0.01 && a.Part <= 0.9, "assessor.part %v: must be 0.01 to 0.9", a.Part)
	found.Check(a.Draws >= 1 && a.Draws <= 64, "assessor.draws %d: must be 1 to 64", a.Draws)
	found.Check(a.Least >= predictor.Least && a.Least <= MaxAssessed, "assessor.least %d: must be %d to %d", a.Least, predictor.Least,
		MaxAssessed)
	found.Check(trials <= MaxAssessed, "trials %d: with assess at most %d", trials, MaxAssessed)
	return found.Err()
}

// Assessed is random search with a predictor. Each trial is made up to a part of a run, rung 0. If its predicted final accuracy and the
// error of predictions together stay below the best whole run, and its first part does not lead those of all whole runs, that is its
// end; else it goes on to rung 1, the whole run. A new trial is the one of several draws that is foretold to end best, its own draw first
// among equals.
//
// A trial is assessed once, by what was heard up to its own result, so that what is heard later changes nothing.
type Assessed struct {
	Assessor
	// Features tells of the network and the settings at a point, for the predictor; nil: they are refused.
	Features func(Point) map[string]float64

	state    *State           // that verdicts are of, which are found once in the life of a Clock
	verdicts map[int]*Verdict // by number of the job; nil: the predictor had nothing to say
}

// Verdict is what was found about a trial behind its first part.
type Verdict struct {
	Foretold float64 `json:"foretold"` // final accuracy
	Error    float64 `json:"error"`
	Best     float64 `json:"best"` // of whole runs then
	// Leads says that the first part was better than those of all whole runs: what is foretold is then beyond what the predictor knows,
	// and the trial goes on.
	Leads   bool `json:"leads"`
	Stopped bool `json:"stopped"`
}

// NewAssessed returns a search. features tells of points.
func NewAssessed(a Assessor, features func(Point) map[string]float64) *Assessed {
	return &Assessed{Assessor: a, Features: features}
}

// first is how long the first part of a trial lasts, of wholeTime.
func (a *Assessed) first() int { return max(int(math.Round(float64(a.Assessor.Part*wholeTime))), 1) }

// wholeTime is how long a whole run lasts in the time of a Clock.
const wholeTime = 100

// Length returns the time of the first part, or of the rest.
func (a *Assessed) Length(rung int) int {
	if rung == 0 {
		return a.first()
	}
	return wholeTime - a.first()
}

// Part returns the part of a run up to a rung.
func (a *Assessed) Part(rung int) float64 {
	if rung == 0 {
		return a.Assessor.Part
	}
	return 1
}

// Verdict returns what was found about the trial of a first job; nil: nothing.
func (a *Assessed) Verdict(number int) *Verdict { return a.verdicts[number] }

// Next goes on with a trial, or begins one.
func (a *Assessed) Next(s *State) (Job, bool) {
	if a.state != s {
		a.state, a.verdicts = s, map[int]*Verdict{}
	}
	whole := map[int]bool{} // trials that were begun up to the end
	for _, j := range s.Begun {
		whole[j.Trial] = whole[j.Trial] || j.Rung == 1
	}
	for i, h := range s.Heard {
		if h.Rung == 0 && !h.Failed && !whole[h.Trial] && !a.stops(s.Heard[:i+1]) {
			j := h.Job
			j.Number, j.Rung = len(s.Begun), 1
			return j, true
		}
	}
	j, ok := s.fresh()
	if ok {
		j.Point = a.propose(s, j)
	}
	return j, ok
}

// stops reports whether the last trial of heard ends behind its first part.
func (a *Assessed) stops(heard []Heard) bool {
	number := heard[len(heard)-1].Number
	v, known := a.verdicts[number]
	if !known {
		v = a.assess(heard)
		a.verdicts[number] = v
	}
	return v != nil && v.Stopped
}

// assess foretells how the last trial of heard would end; nil: the predictor has nothing to say.
func (a *Assessed) assess(heard []Heard) *Verdict {
	samples, labelled := a.pool(heard, true)
	if labelled < a.Least {
		return nil
	}
	p, ok := predictor.Predict(samples)
	if !ok {
		return nil
	}
	v := Verdict{Foretold: p.Accuracy[len(samples)-1], Error: p.Error, Best: best(heard, isWhole).Accuracy}
	last := samples[len(samples)-1]
	v.Leads = !slices.ContainsFunc(samples, func(s predictor.Sample) bool { return s.Labelled && s.Seen[0] >= last.Seen[0] })
	v.Stopped = v.Foretold+v.Error < v.Best && !v.Leads
	return &v
}

func isWhole(h Heard) bool { return h.Rung == 1 && !h.Failed }

// pool returns what a predictor learns from, in the order in which first parts were heard, and how many of it are whole runs. seen: what
// was seen of curves belongs to it.
func (a *Assessed) pool(heard []Heard, seen bool) (samples []predictor.Sample, labelled int) {
	finals := map[int]float64{}
	for _, h := range heard {
		if isWhole(h) {
			finals[h.Trial] = h.Accuracy
		}
	}
	var firsts []Heard
	for _, h := range heard {
		if h.Rung == 0 && !h.Failed {
			firsts = append(firsts, h)
		}
	}
	for _, h := range firsts[max(len(firsts)-maxPool, 0):] {
		sample := predictor.Sample{Features: a.Features(h.Point)}
		if sample.Final, sample.Labelled = finals[h.Trial]; sample.Labelled {
			labelled++
		}
		if seen {
			sample.Seen = []float64{h.Accuracy}
		}
		samples = append(samples, sample)
	}
	return samples, labelled
}

// propose returns the point of a trial that is begun: of several draws the one that is foretold to end best.
func (a *Assessed) propose(s *State, j Job) Point {
	samples, labelled := a.pool(s.Heard, false)
	if a.Draws == 1 || labelled < a.Least {
		return j.Point
	}
	draws := rng.New(uint64(s.seed(j.Trial)), rng.Key("draw"))
	var points []Point
	for k := range a.Draws {
		p := j.Point
		if k > 0 {
			p = s.Space.draw(draws.Uint64(uint64(k)))
		}
		if f := a.Features(p); f != nil {
			points, samples = append(points, p), append(samples, predictor.Sample{Features: f})
		}
	}
	foretold, ok := predictor.Predict(samples)
	if !ok || len(points) == 0 {
		return j.Point
	}
	top, from := 0, len(samples)-len(points)
	for i := range points {
		if foretold.Accuracy[from+i] > foretold.Accuracy[from+top] {
			top = i
		}
	}
	return points[top]
}
