package faults

import "strings"

// Nearest returns the known key that name most likely meant: one whose last
// part is the same, or else the one at the smallest edit distance, or "" when
// none is near.
func Nearest(name string, known []string) string {
	best, distance := "", len(name)/2+1
	for _, key := range known {
		if len(name) > longest || len(key) > longest {
			continue
		}
		d := edits(name, key)
		if last := key[strings.LastIndexByte(key, '.')+1:]; !strings.Contains(name, ".") {
			d = min(d, edits(name, last))
		} else if last == name[strings.LastIndexByte(name, '.')+1:] {
			d = min(d, 2)
		}
		if d < distance {
			best, distance = key, d
		}
	}
	return best
}

// longest is the length of a name, in bytes, beyond which nothing is near it.
const longest = 200

// edits is the number of insertions, deletions, substitutions and swaps of
// neighbours that turn a into b (the optimal string alignment distance).
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			substitute := last[j-1]
			if a[i-1] != b[j-1] {
				substitute++
			}
			row[j] = min(last[j]+1, row[j-1]+1, substitute)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
