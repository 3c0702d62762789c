package growth

import "math"

// scanPart is the part of the amplitude samples that are spent on finding where
// each trial's best amplitude lies; the others measure what is about there.
const scanPart = 8

// powerStep is the distance of the exponents of the first search.
const powerStep = 2

// search is a range of amplitudes of one insertion.
type search struct {
	insertion  Insertion
	amplitudes []float64 // to try
	scan       []Point   // those that were tried first, on few samples
}

// askAmplitude asks for the loss of all trials over a range of amplitudes, on
// samples that nothing so far has seen. One micro-shard is the least to scan.
func (e *Event) askAmplitude() {
	all := e.amplitudes()
	for _, c := range e.trials {
		if e.cfg.ApplyUpdate && !e.cfg.refits() && !c.random {
			c.kept.Update = c.request.Update
		}
		c.with = &search{insertion: c.kept, amplitudes: all}
		if e.cfg.Beyond && e.cfg.refits() && !c.random && len(c.request.Update) > 0 {
			in := c.empty(0)
			in.Update = c.request.Update
			c.alone = &search{insertion: in, amplitudes: all}
		}
	}
	s := e.ranges[2]
	part := s.Count / scanPart / e.info.MicroShard * e.info.MicroShard
	if part == 0 || len(all) <= 2 {
		e.askTrials(s, e.judge)
		return
	}
	e.ranges[2] = SampleRange{s.Offset + part, s.Count - part}
	e.askTrials(SampleRange{s.Offset, part}, e.narrow)
}

// searches returns those of all trials, in the order of their sums.
func (e *Event) searches() []*search {
	var out []*search
	for _, c := range e.trials {
		out = append(out, c.with)
		if c.alone != nil {
			out = append(out, c.alone)
		}
	}
	return out
}

// askTrials asks for the loss of all searches at their amplitudes.
func (e *Event) askTrials(s SampleRange, feed func(sums []float64)) {
	req := &Request{Kind: KindAmplitude}
	for _, s := range e.searches() {
		req.Candidates = append(req.Candidates, Candidate{[]Insertion{s.insertion}, s.amplitudes})
	}
	e.ask(req, s, feed)
}

func (e *Event) amplitudes() []float64 {
	var out []float64
	for p := e.cfg.MinPower; p <= e.cfg.MaxPower; p += powerStep {
		out = append(out, math.Ldexp(1, p))
	}
	return out
}

// narrow leaves each search the amplitude of the largest gain on the first
// samples and the next smaller one, which is safer and costs little gain, to be
// measured on the others.
func (e *Event) narrow(sums []float64) {
	at := header
	for _, s := range e.searches() {
		s.scan = points(s.amplitudes, sums[at:], sums[0], sums[3])
		at += trialSums * len(s.amplitudes)
		best := 0
		for i, p := range s.scan {
			if p.Gain > s.scan[best].Gain || math.IsNaN(float64(s.scan[best].Gain)) {
				best = i
			}
		}
		from := max(best-1, 0)
		s.amplitudes = s.amplitudes[from : from+2]
	}
	e.askTrials(e.ranges[2], e.judge)
}

// points reads the sums of one candidate.
func points(amplitudes, sums []float64, n, shards float64) []Point {
	out := make([]Point, len(amplitudes))
	for i, g := range amplitudes {
		s := sums[i*trialSums:][:trialSums]
		out[i] = Point{Number(g), Number(-s[0] / n), Number(standardError(s, n, shards))}
	}
	return out
}
