package coordinator

import (
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
)

const (
	// fewSteps is how many steps say how long one takes. Later ones count by their part of
	// memory, but one for no more than an eighth; a longer one than outlier times the usual
	// counts as that: a worker was lost, which says nothing of the others.
	fewSteps, memory, outlier = 5, 15 * time.Second, 4
	// A reading is the pace of the steps of at least reading. If the last readings say that
	// steps take less than 1/recovered of what memory says, they are believed: what held the
	// run up is over.
	reading, readings, recovered = 250 * time.Millisecond, 5, 1.5
	// Before one has been seen, a sample of a growth event is taken to cost as much as eventGuess
	// samples of a step, one of an evaluation as much as evalGuess: its forward pass.
	eventGuess, evalGuess = 4, 1. / 3
)

// eta estimates how long a run still takes: its steps at the pace of the latest
// ones, because networks that grow get slower, and the evaluations and growth
// events ahead at what the last ones cost. Costs are counted in samples of a
// step, so that they grow with the network.
type eta struct {
	ended time.Duration // the round before
	begun bool

	n       int     // steps of this generation so far
	settled bool    // the step at hand is no first one, which waits for workers and weights
	latest  float64 // seconds a sample took in these
	recent  recent  // the last of them
	sample  float64 // the same once there were a few, before that of the generation before

	spent            float64 // seconds on the event at hand
	event, evaluated float64 // samples of a step that a sample of an event, of an evaluation costs; 0: not known yet
}

// note takes down when a round ended, and what it was.
func (e *eta) note(now time.Duration, a trainer.Applied, eventSamples int) {
	seconds := (now - e.ended).Seconds()
	first := !e.begun
	e.ended, e.begun = now, true
	switch {
	case first:
	case a.Step != nil:
		e.step(seconds, a.Step.Samples)
	case a.Eval != nil && e.sample > 0:
		e.evaluated = seconds / float64(a.Eval.Samples) / e.sample
	case a.Eval == nil:
		e.spent += seconds
	}
	if a.Growth == nil {
		return
	}
	if e.spent > 0 && e.sample > 0 && eventSamples > 0 {
		e.event = e.spent / float64(eventSamples) / e.sample
	}
	e.spent, e.settled = 0, false
	if a.Grown.Grown {
		e.n, e.latest, e.recent = 0, 0, recent{}
	}
}

// step takes down what a step took.
func (e *eta) step(seconds float64, samples int) {
	if !e.settled {
		e.settled = true
		return
	}
	each := seconds / float64(samples)
	e.recent.add(seconds, samples)
	if e.n >= fewSteps {
		each = min(each, float64(outlier*e.latest))
	}
	part := min(each*float64(samples)/memory.Seconds(), 1./8)
	e.latest += float64(max(part, 1/float64(e.n+1)) * (each - e.latest))
	if now := e.recent.pace(); e.latest > recovered*now && now > 0 {
		e.latest = now
	}
	if e.n++; e.n >= fewSteps {
		e.sample = e.latest
	}
}

// left returns how long the run still takes, 0 if that is not known yet.
func (e *eta) left(to trainer.Ahead) time.Duration {
	orGuess := func(measured, guess float64) float64 {
		if measured == 0 {
			return guess
		}
		return measured
	}
	samples := float64(to.Samples) + float64(float64(to.EvaluationSamples)*orGuess(e.evaluated, evalGuess)) +
		float64(float64(to.Events)*float64(to.EventSamples)*orGuess(e.event, eventGuess))
	return time.Duration(samples * e.sample * float64(time.Second))
}

// recent has the last readings of the pace.
type recent struct {
	seconds float64 // time of the steps since the last reading
	samples int     // their samples
	paces   [readings]float64
	n       int // how many readings there were
}

// add takes down what a step took.
func (r *recent) add(seconds float64, samples int) {
	r.seconds += seconds
	r.samples += samples
	if r.seconds < reading.Seconds() {
		return
	}
	r.paces[r.n%readings] = r.seconds / float64(r.samples)
	r.n++
	r.seconds, r.samples = 0, 0
}

// pace returns the seconds of a sample, the mean of the last readings but the
// slowest and the fastest; 0 if there are too few.
func (r *recent) pace() float64 {
	if r.n < readings {
		return 0
	}
	sorted := r.paces
	slices.Sort(sorted[:])
	var sum float64
	for _, p := range sorted[1 : readings-1] {
		sum += p
	}
	return float64(sum / (readings - 2))
}
