package search

import (
	"math"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// Evolve is evolution by lists of seeds, after the released code of [nevo, arXiv
// 2304.12431]: an individual is its list of seeds, and anybody who knows the space makes
// its settings of it (Rebuild). The better half of the population stays, and each
// of it gets in turn a child, whose list has one seed more. As those that stay are the
// best of all so far, the parents of a child are the best Population/2 of what
// was heard when it is begun.
//
// What a seed changes is a reading of ours, as the paper changes networks: all
// numbers move by a normal part Strength of their range, and then one variable, or none, is drawn anew.
type Evolve struct {
	wholeRuns  `yaml:"-"`
	Population int     `yaml:"population"`
	Strength   float64 `yaml:"strength"`
}

// DefaultEvolve has 8 individuals.
func DefaultEvolve() Evolve { return Evolve{Population: 8, Strength: 0.1} }

// Validate returns all faults of a search in so many slots, or nil.
func (e Evolve) Validate(slots int) error {
	var found faults.List
	found.Check(e.Population >= 2 && e.Population <= maxPopulation, "evolve.population %d: must be 2 to %d", e.Population, maxPopulation)
	found.Check(e.Population >= slots, "evolve.population %d: there are %d slots: raise it, or lower slots", e.Population, slots)
	found.Check(e.Strength >= 0 && e.Strength <= 1, "evolve.strength %v: must be 0 to 1", e.Strength)
	return found.Err()
}

// Next returns the next individual.
func (e Evolve) Next(s *State) (Job, bool) {
	j, ok := s.fresh()
	if !ok {
		return j, false
	}
	j.Seeds = []Seed{s.seed(j.Trial)}
	if j.Trial >= e.Population {
		parents := ranked(s.Heard)
		parents = parents[:min(len(parents), e.Population/2)]
		parent := parents[(j.Trial-e.Population)%len(parents)]
		j.Seeds = append(slices.Clone(parent.Seeds), j.Seeds[0])
	}
	j.Point = e.Rebuild(s.Space, j.Seeds)
	return j, true
}

// Rebuild returns the point of an individual: drawn from its first seed, and changed by each of the others.
func (e Evolve) Rebuild(s Space, seeds []Seed) Point {
	p := s.draw(uint64(seeds[0]))
	n := uint64(len(p))
	for _, seed := range seeds[1:] {
		draws := rng.New(rng.Key("change"), uint64(seed))
		for i := range p {
			if s[i].Kind != Choice {
				p[i] = reflect(p[i] + float64(e.Strength*draws.Normal(uint64(i))))
			}
		}
		if i := draws.Uintn(n, n+1); i < n {
			p[i] = draws.Float64(n + 1)
		}
	}
	return p
}

// reflect brings x back into 0 to below 1, as mirrors at both ends do.
func reflect(x float64) float64 {
	x -= float64(2 * math.Floor(x/2))
	if x >= 1 {
		x = 2 - x
	}
	return min(x, 1-0x1p-53)
}
