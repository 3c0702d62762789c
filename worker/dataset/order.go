package dataset

import (
	"sync"

	"github.com/tinygrow/tinygrow/proto"
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

// ids returns the samples of a split in the order o; nil for the order of the
// set itself.
func (s *Set) ids(o proto.Order) []uint32 {
	if o.Stream == "sequential" {
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
	ids := rng.New(rng.Key(o.Split), rng.Key(o.Stream), o.Seed, o.Index).Perm(s.Len(o.Split))
	if len(r.known) == keep {
		r.known = append(r.known[:0], r.known[1:]...)
	}
	r.known = append(r.known, permutation{o, ids})
	return ids
}
