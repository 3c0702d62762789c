package search

import "github.com/tinygrow/tinygrow/tensor/faults"

// ASHA is asynchronous successive halving [asha, arXiv 1810.05934, algorithm 2] without
// a bound on the first rung: trials are made up to the part Eta^-Rungs of a run, rung 0, and a
// trial among the best 1/Eta of those that a rung has heard of goes on to the next one, up to
// whole runs on rung Rungs. A free slot promotes where it can, on the highest rung first, and else begins
// a trial. A trial stops early on the schedule of the whole run, so that one that is
// promoted goes on with the bits of a run that nobody stopped.
type ASHA struct {
	Eta   int `yaml:"eta"`
	Rungs int `yaml:"rungs"`
}

// DefaultASHA stops trials behind 1/16 and 1/4 of a run. The paper's runs have eta 4.
func DefaultASHA() ASHA { return ASHA{Eta: 4, Rungs: 2} }

// Validate returns all faults of a search of so many trials, or nil.
func (a ASHA) Validate(trials int) error {
	var found faults.List
	found.Check(a.Eta >= 2 && a.Eta <= 16, "asha.eta %d: must be 2 to 16", a.Eta)
	found.Check(a.Rungs >= 1 && a.Rungs <= 8, "asha.rungs %d: must be 1 to 8", a.Rungs)
	if len(found) == 0 {
		found.Check(trials >= power(a.Eta, a.Rungs), "trials %d: with asha.eta %d and asha.rungs %d none may be made to its end: give "+
			"%d trials, or lower asha.rungs", trials, a.Eta, a.Rungs, power(a.Eta, a.Rungs))
	}
	return found.Err()
}

// power returns x^n.
func power(x, n int) int {
	p := 1
	for range n {
		p *= x
	}
	return p
}

// Part returns Eta^(rung-Rungs).
func (a ASHA) Part(rung int) float64 { return 1 / float64(power(a.Eta, a.Rungs-rung)) }

// Length returns what is made from the rung below up to this one, in parts of Eta^-Rungs.
func (a ASHA) Length(rung int) int {
	if rung == 0 {
		return 1
	}
	return power(a.Eta, rung) - power(a.Eta, rung-1)
}

// Next promotes a trial, or begins one.
func (a ASHA) Next(s *State) (Job, bool) {
	rungs := make([][]Heard, a.Rungs+1)
	for _, h := range s.Heard {
		rungs[h.Rung] = append(rungs[h.Rung], h)
	}
	on := make(map[int]int, s.trials) // rung that each trial was begun up to
	for _, j := range s.Begun {
		on[j.Trial] = j.Rung
	}
	for rung := a.Rungs - 1; rung >= 0; rung-- {
		for _, h := range ranked(rungs[rung])[:len(rungs[rung])/a.Eta] {
			if on[h.Trial] == rung && !h.Failed {
				j := h.Job
				j.Number, j.Rung = len(s.Begun), rung+1
				return j, true
			}
		}
	}
	return s.fresh()
}
