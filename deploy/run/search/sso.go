package search

import (
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// SSO is simplified swarm optimisation [sso, arXiv 2103.03995]. Trial t is particle t
// mod Population in its generation t div Population. Each variable of a particle takes, by
// a number r that is uniform from 0 to 1,
//
//	the value of the best trial so far         if r < Cg
//	the value of the particle's own best one   if Cg <= r < Cp
//	the value that it has                      if Cp <= r < Cw
//	a new one, uniform                         otherwise
//
// The constants of the paper could not be read: those of DefaultSSO are a choice of ours. A
// particle does not wait for the end of a generation: it knows what was heard when it is begun.
type SSO struct {
	wholeRuns  `yaml:"-"`
	Population int     `yaml:"population"`
	Cg         float64 `yaml:"cg"`
	Cp         float64 `yaml:"cp"`
	Cw         float64 `yaml:"cw"`
}

// DefaultSSO has 8 particles.
func DefaultSSO() SSO { return SSO{Population: 8, Cg: 0.4, Cp: 0.7, Cw: 0.9} }

// Validate returns all faults of a search in so many slots, or nil.
func (o SSO) Validate(slots int) error {
	var found faults.List
	found.Check(o.Population >= 2 && o.Population <= maxPopulation, "sso.population %d: must be 2 to %d", o.Population, maxPopulation)
	found.Check(o.Population >= slots, "sso.population %d: there are %d slots, and each needs a particle of its own: "+
		"raise it, or lower slots", o.Population, slots)
	found.Check(0 <= o.Cg && o.Cg <= o.Cp && o.Cp <= o.Cw && o.Cw <= 1, "sso: cg %v, cp %v, cw %v: must ascend from 0 to 1",
		o.Cg, o.Cp, o.Cw)
	return found.Err()
}

// maxPopulation bounds populations.
const maxPopulation = 1024

// Next returns the next particle. What it had before was heard, as there are no more slots than particles.
func (o SSO) Next(s *State) (Job, bool) {
	j, ok := s.fresh()
	if !ok || j.Trial < o.Population {
		return j, ok
	}
	has := s.Begun[j.Trial-o.Population].Point // jobs are trials
	global := best(s.Heard, func(Heard) bool { return true })
	own := best(s.Heard, func(h Heard) bool { return h.Trial%o.Population == j.Trial%o.Population })
	draws := rng.New(s.Seed, rng.Key("sso"), uint64(j.Trial))
	for i := range j.Point {
		switch r := draws.Float64(uint64(i)); {
		case r < o.Cg:
			j.Point[i] = global.Point[i]
		case r < o.Cp:
			j.Point[i] = own.Point[i]
		case r < o.Cw:
			j.Point[i] = has[i]
		}
	}
	return j, true
}
