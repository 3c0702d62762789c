package dataset

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// orders remembers the permutations that rounds are reading.
type orders struct {
	mu    sync.Mutex
	known []permutation // the most recent last
}

type permutation struct {
	order proto.Order
	ids   []uint32
}

// keep is how many permutations are remembered: two epochs overlap for a
// moment, and growth events read an order of their own.
const keep = 4

// size returns the number of samples of order o.
func (s *Set) size(o proto.Order) int {
	switch held := int(min(o.Held, uint64(s.Len(Train)))); o.Split {
	case Train:
		return s.Len(Train) - held
	case Validation:
		return held
	}
	return s.Len(o.Split)
}

// Fits returns an error if the set has no samples of order o, or if they are
// not what graph g reads and tells apart.
func (s *Set) Fits(o proto.Order, g *nn.Graph) error {
	shapes, err := g.Shapes()
	if err != nil {
		return err
	}
	switch classes := shapes[g.Output().ID].Len(); {
	case g.Input != s.shape || classes != len(s.classes):
		return fmt.Errorf("the network reads images of %v and tells %d classes apart, the data set has images of %v and %d classes",
			g.Input, classes, s.shape, len(s.classes))
	case s.size(o) == 0:
		return fmt.Errorf("the data set has no %s samples when %d of its %d training samples are held out",
			o.Split, o.Held, s.Len(Train))
	}
	return nil
}

var heldKey = rng.Key("held out")

// ids returns the samples of order o; nil for the order of the set itself.
func (s *Set) ids(o proto.Order) []uint32 {
	if o.Split == Test {
		o.Held = 0
	}
	if o.Stream == "sequential" && o.Held == 0 {
		return nil
	}
	r := &s.orders
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.known {
		if p.order == o {
			return p.ids
		}
	}
	ids := s.draw(o)
	if len(r.known) == keep {
		r.known = append(r.known[:0], r.known[1:]...)
	}
	r.known = append(r.known, permutation{o, ids})
	return ids
}

// draw returns the samples of order o. Those held out are the first of a
// permutation of all training samples: a data set may be sorted by class.
func (s *Set) draw(o proto.Order) []uint32 {
	var members []uint32 // nil: all
	if o.Held > 0 {
		all, held := rng.New(heldKey, o.Seed).Perm(s.Len(Train)), min(o.Held, uint64(s.Len(Train)))
		if members = all[held:]; o.Split == Validation {
			members = all[:held]
		}
		slices.Sort(members)
	}
	if o.Stream == "sequential" {
		return members
	}
	ids := rng.New(rng.Key(o.Split), rng.Key(o.Stream), o.Seed, o.Index).Perm(s.size(o))
	if members != nil {
		for i, at := range ids {
			ids[i] = members[at]
		}
	}
	return ids
}

// Samples returns the function that tells which sample of its split stands at a
// position of order o.
func (s *Set) Samples(o proto.Order) func(position int) int {
	ids := s.ids(o)
	return func(position int) int {
		if ids == nil {
			return position
		}
		return int(ids[position])
	}
}
