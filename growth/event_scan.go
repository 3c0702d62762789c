package growth

import "math"

// scanPart is the part of the amplitude samples that are spent on finding where
// each trial's best amplitude lies; the others measure what is about there.
const scanPart = 8

// powerStep is the distance of the exponents of the first search.
const powerStep = 2

// askAmplitude asks for the loss of all trials over a range of amplitudes, on
// samples that nothing so far has seen. One micro-shard is the least to scan.
func (e *Event) askAmplitude() {
	all := e.amplitudes()
	for _, c := range e.trials {
		if e.cfg.ApplyUpdate && !e.cfg.refits() && !c.random {
			c.kept.Update = c.request.Update
		}
		c.amplitudes = all
	}
	s := e.ranges[2]
	part := s.Count / scanPart / e.info.MicroShard * e.info.MicroShard
	if part == 0 || len(all) <= 3 {
		e.askTrials(s, e.judge)
		return
	}
	e.ranges[2] = SampleRange{s.Offset + part, s.Count - part}
	e.askTrials(SampleRange{s.Offset, part}, e.narrow)
}

// askTrials asks for the loss of all trials at their amplitudes.
func (e *Event) askTrials(s SampleRange, feed func(sums []float64)) {
	req := &Request{Kind: KindAmplitude}
	for _, c := range e.trials {
		req.Candidates = append(req.Candidates, Candidate{[]Insertion{c.kept}, c.amplitudes})
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

// narrow leaves each trial the amplitude of the largest gain on the first
// samples and its neighbours, to be measured on the others.
func (e *Event) narrow(sums []float64) {
	at := header
	for _, c := range e.trials {
		c.scan = points(c.amplitudes, sums[at:], sums[0], sums[3])
		at += trialSums * len(c.amplitudes)
		best := 0
		for i, p := range c.scan {
			if p.Gain > c.scan[best].Gain || math.IsNaN(float64(c.scan[best].Gain)) {
				best = i
			}
		}
		from := min(max(best-1, 0), len(c.amplitudes)-3)
		c.amplitudes = c.amplitudes[from : from+3]
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
