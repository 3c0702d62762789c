package coordinator

import "sync"

// shelf holds the offer of the round at hand. Handlers and the sender borrow
// its blobs; the memory of weights is used again once nobody has them.
type shelf struct {
	mu    sync.Mutex
	offer offer
	free  [][]float32
}

// put replaces the offer.
func (s *shelf) put(o offer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.offer.weights
	s.offer = o
	if old.users != nil && old.users != o.weights.users {
		s.drop(old)
	}
}

// borrow returns the blob of a key, which goes back with giveBack.
func (s *shelf) borrow(key string) (blob, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range []blob{s.offer.weights, s.offer.graph, s.offer.request, s.offer.plan} {
		if b.data != nil && b.ref.Key == key {
			if b.users != nil {
				*b.users++
			}
			return b, true
		}
	}
	return blob{}, false
}

// elsewhere reports whether others hand out the blob of a key.
func (s *shelf) elsewhere(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offer.weights.data == nil && s.offer.weights.ref.Key == key
}

func (s *shelf) giveBack(b blob) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.users != nil {
		s.drop(b)
	}
}

func (s *shelf) drop(b blob) {
	if *b.users--; *b.users == 0 && len(s.free) < 3 {
		s.free = append(s.free, b.memory)
	}
}

// memory returns n values of arbitrary contents.
func (s *shelf) memory(n int) []float32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, b := range s.free {
		if len(b) == n {
			s.free = append(s.free[:i], s.free[i+1:]...)
			return b
		}
	}
	s.free = nil // their length is another generation's
	return make([]float32, n)
}
