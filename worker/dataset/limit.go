package dataset

import "slices"

// limited returns how many of n samples a limit keeps.
func limited(n, limit int) int {
	if limit > 0 {
		return min(n, limit)
	}
	return n
}

// choose returns which samples a limit of n keeps, in their order: each
// class's first, as many of every class as of any other while they reach; if n
// is no multiple of the classes, the first classes have one more.
func choose(labels []uint16, n, classes int) []int {
	count, quota := make([]int, classes), make([]int, classes)
	for _, l := range labels {
		count[l]++
	}
	for left := limited(len(labels), n); left > 0; {
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

// limit keeps the n samples of size bytes that choose names; 0 keeps all.
func (s *samples) limit(n, classes, size int) {
	if limited(len(s.labels), n) == len(s.labels) {
		return
	}
	kept := choose(s.labels, n, classes)
	for to, i := range kept {
		copy(s.image(to, size), s.image(i, size))
		s.labels[to] = s.labels[i]
	}
	s.images, s.labels = slices.Clone(s.images[:len(kept)*size]), slices.Clone(s.labels[:len(kept)]) // lets go of the rest
}
