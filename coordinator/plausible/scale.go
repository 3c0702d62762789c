package plausible

import (
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
)

// Bounds of what is usual, per sample.
const (
	// far is how many times as large as the largest lately a size may be. Spikes
	// of a training that recovers stay below it, numbers made up to ruin a run in
	// one step do not.
	far = 1000
	// least is what is never too large: gradients near the end of a training are
	// so small that their ratios say nothing.
	least = 1.0
	// enough is how many sums of others tell what is usual.
	enough = 8
	// recent is how many sums of a key are remembered, and maxKeys of how many keys.
	recent  = 64
	maxKeys = 1024
)

// unknown is what bounds sizes before enough is known: with inputs and weights of
// order one, sums a million times as large (squares over an image: a thousand
// million) are no start of a training.
var unknown = sizes{ofGradient: 1e6, ofStatistics: 1e9, ofLoss: 1e6, ofRiding: 1e6}

// Scale remembers how large the sums of late were, by kind of round and key. The
// zero value knows nothing.
type Scale struct {
	kinds map[proto.Kind]map[proto.Key]*sample
}

// sample is the sizes that a key sent last.
type sample struct {
	sizes [recent]sizes
	n     int // seen
}

func (s *sample) count() int { return min(s.n, recent) }

// Open starts a round. Growth rounds are each of another kind: their sums are
// compared with each other only.
func (s *Scale) Open(k proto.Kind) {
	if k == proto.Growth {
		delete(s.kinds, k)
	}
}

// Learn remembers sums that were added.
func (s *Scale) Learn(kind proto.Kind, k proto.Key, f Finding) {
	for _, v := range f.sizes {
		if !faults.Finite(v) {
			return
		}
	}
	if s.kinds == nil {
		s.kinds = map[proto.Kind]map[proto.Key]*sample{}
	}
	keys := s.kinds[kind]
	if keys == nil || len(keys) >= maxKeys && keys[k] == nil {
		keys = map[proto.Key]*sample{}
		s.kinds[kind] = keys
	}
	if keys[k] == nil {
		keys[k] = new(sample)
	}
	keys[k].sizes[keys[k].n%recent] = f.sizes
	keys[k].n++
}

// Doubt says which size of sums of a key is far beyond what others sent lately,
// or, where those are too few, all; empty: none is.
func (s *Scale) Doubt(kind proto.Kind, k proto.Key, f Finding) string {
	if f.Doubt != "" {
		return f.Doubt
	}
	bound := s.bound(kind, k)
	for i, v := range f.sizes {
		if v > bound[i] {
			return fmt.Sprintf("its %s is %.3g per sample, %.3g is the most to be expected", sizeNames[i], v, bound[i])
		}
	}
	return ""
}

// bound is what the sizes of a key's sums should not pass.
func (s *Scale) bound(kind proto.Kind, k proto.Key) sizes {
	most, n := s.most(kind, func(other proto.Key) bool { return other != k })
	if n < enough {
		if most, n = s.most(kind, func(proto.Key) bool { return true }); n < enough {
			return unknown
		}
	}
	for i := range most {
		most[i] = float64(far * max(most[i], least))
	}
	return most
}

// most returns the largest sizes of some keys, and how many they are of.
func (s *Scale) most(kind proto.Kind, of func(proto.Key) bool) (most sizes, n int) {
	for k, x := range s.kinds[kind] {
		if !of(k) {
			continue
		}
		for _, v := range x.sizes[:x.count()] {
			for i := range v {
				most[i] = max(most[i], v[i])
			}
		}
		n += x.count()
	}
	return most, n
}
