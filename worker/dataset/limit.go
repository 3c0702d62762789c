package dataset

import "slices"

// A limit is how many samples of a split are kept; 0: all.
type limit int

// of returns how many of n samples are kept.
func (l limit) of(n int) int {
	if l > 0 {
		return min(n, int(l))
	}
	return n
}

// choose returns which samples a limit keeps, in their order: each
// class's first, as many of every class as of any other while they reach; if it
// is no multiple of the classes, the first classes have one more.
func choose(labels []uint16, most limit, classes int) []int {
	count, quota := make([]int, classes), make([]int, classes)
	for _, l := range labels {
		count[l]++
	}
	for left := most.of(len(labels)); left > 0; {
		for c := range quota {
			if left > 0 && quota[c] < count[c] {
				quota[c]++
				left--
			}
		}
	}
	var kept []int
	for i, l := range labels {
		if quota[l] > 0 {
			quota[l]--
			kept = append(kept, i)
		}
	}
	return kept
}

// limit keeps the samples that choose names.
func (s *samples) limit(most limit, classes int) {
	if most.of(len(s.labels)) == len(s.labels) {
		return
	}
	kept := choose(s.labels, most, classes)
	if s.store != nil {
		labels := make([]uint16, len(kept))
		s.kept = make([]uint32, len(kept))
		for to, i := range kept {
			labels[to], s.kept[to] = s.labels[i], uint32(i)
		}
		s.labels = labels
		return
	}
	size := s.size()
	for to, i := range kept {
		copy(s.image(to), s.image(i))
		s.labels[to] = s.labels[i]
	}
	s.images, s.labels = slices.Clone(s.images[:len(kept)*size]), slices.Clone(s.labels[:len(kept)]) // lets go of the rest
}
