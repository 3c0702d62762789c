package growth

import (
	"cmp"
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
)

// Amplitudes are tried from 2^minPower to 2^maxPower in steps of 2^powerStep, then
// at the factors of two about the best.
const (
	minPower  = -6
	maxPower  = 12
	powerStep = 2
)

// scanPart is the part of the amplitude samples that are spent on finding where
// each trial's best amplitude lies; the others measure what is about there.
const scanPart = 8

// search is the amplitudes of one trial.
type search struct {
	amplitudes []float64 // amplitudes to try
	scan       []Point   // what was tried first, on few samples
}

// scan tries all amplitudes of all trials on the first of the samples that nothing
// so far has seen, of which one micro-shard is the least.
type scan struct{}

func (*scan) Ask(s *State) *Round {
	for _, c := range s.trials {
		for p := minPower; p <= maxPower; p += powerStep {
			c.search.amplitudes = append(c.search.amplitudes, math.Ldexp(1, p))
		}
	}
	all := &s.samples.amplitude
	part := all.Count / scanPart / s.Info.MicroShard * s.Info.MicroShard
	if part == 0 {
		return nil
	}
	first := SampleRange{all.Offset, part}
	*all = SampleRange{all.Offset + part, all.Count - part}
	return &Round{s.askTrials(), first}
}

// Take leaves each trial the amplitude of the largest gain and the next smaller
// one, which is safer and costs little gain, to be measured on the other samples.
func (*scan) Take(s *State, sums *measure.Sums) {
	if sums == nil {
		return
	}
	for i, c := range s.trials {
		all := c.search.amplitudes
		tried := points(all, sums, i)
		best := 0
		for k, p := range tried {
			if p.Gain > tried[best].Gain || math.IsNaN(float64(tried[best].Gain)) {
				best = k
			}
		}
		from := max(best-1, 0)
		c.search = search{all[from : from+2], tried}
	}
}

// askTrials asks for the loss of all trials at their amplitudes.
func (s *State) askTrials() *measure.Request {
	req := &measure.Request{Kind: measure.KindAmplitude}
	for _, c := range s.trials {
		req.Candidates = append(req.Candidates, measure.Candidate{Insertions: []site.Insertion{c.kept}, Amplitudes: c.search.amplitudes})
	}
	return req
}

// points reads the sums of candidate i.
func points(amplitudes []float64, sums *measure.Sums, i int) []Point {
	out := make([]Point, len(amplitudes))
	for k, g := range amplitudes {
		gain, err := sums.Gain(measure.Tried{Candidate: i, Amplitude: k})
		out[k] = Point{Number(g), Number(gain), Number(err)}
	}
	return out
}

// amplitudes measures every trial's best amplitude, lets the gate decide, and
// chooses the sites of the best gain per parameter.
type amplitudes struct{}

func (*amplitudes) Ask(s *State) *Round { return &Round{s.askTrials(), s.samples.amplitude} }

func (*amplitudes) Take(s *State, sums *measure.Sums) {
	var passed []*prospect
	s.Record.Trials = make([]TrialRecord, len(s.trials))
	for i, c := range s.trials {
		c.trial = &s.Record.Trials[i]
		*c.trial = TrialRecord{Sites: []site.ID{c.ID}, Params: c.more() * c.cost, FLOPs: int64(c.more()) * c.flops, Scan: c.search.scan}
		c.trial.search(points(c.search.amplitudes, sums, i))
		s.gate(c.trial)
		c.measured = c.trial.Gain
		if c.trial.Passed {
			passed = append(passed, c)
		} else {
			c.record.Reason = c.trial.Reason
		}
	}
	if len(passed) == 0 {
		s.refuse("no candidate passed the gate: " + s.Record.Trials[0].Reason)
		return
	}
	perParam := func(c *prospect) float64 { return float64(c.trial.Gain) / float64(c.trial.Params) }
	slices.SortStableFunc(passed, func(a, b *prospect) int { return cmp.Compare(perParam(b), perParam(a)) })
	s.chosen = s.affordable(passed)
}

// search fills in r from what was measured at some amplitudes. The best one is that
// of the largest gain that is sure: less one standard error, the smaller of equals.
func (r *TrialRecord) search(curve []Point) {
	r.Curve = curve
	for _, p := range r.Curve {
		gain, err := float64(p.Gain), float64(p.Error)
		if sure := gain - err; gain > 0 && (r.Gain == 0 || sure > float64(r.Gain-r.Error)) && !math.IsInf(gain, 0) && !math.IsNaN(err) {
			r.Amplitude, r.Gain, r.Error = p.Amplitude, p.Gain, p.Error
		}
	}
}
