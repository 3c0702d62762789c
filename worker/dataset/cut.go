package dataset

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/tinygrow/tinygrow/tensor/rng"
)

var cutKey = rng.Key("test pictures of a folder without them")

// cut takes the part c.TestPart of each class's training pictures for testing, rounded, but
// at least one of two or more and never all. Which ones is keyed by c.Seed, class and file name:
// another picture more changes little. The order of samples stays.
func (l *listing) cut(c Config, pictures *[2][]picture) {
	type drawn struct {
		at  int
		key uint64
	}
	byClass := make([][]drawn, len(l.set.classes))
	for i, p := range pictures[0] {
		name := l.set.classes[p.class] + "/" + filepath.Base(p.path)
		byClass[p.class] = append(byClass[p.class], drawn{i, rng.New(cutKey, c.Seed, rng.Key(name)).Uint64(0)})
	}
	test := make([]bool, len(pictures[0]))
	n := 0
	for _, list := range byClass {
		most := len(list) - 1
		if most < 1 {
			continue
		}
		slices.SortFunc(list, func(a, b drawn) int { return cmp.Or(cmp.Compare(a.key, b.key), a.at-b.at) })
		for _, d := range list[:min(max(int(float64(c.TestPart*float64(len(list)))+0.5), 1), most)] {
			test[d.at] = true
			n++
		}
	}
	all := pictures[0]
	pictures[0] = nil
	for i, p := range all {
		to := &pictures[0]
		if test[i] {
			to = &pictures[1]
		}
		*to = append(*to, p)
	}
	l.set.said = append(l.set.said, fmt.Sprintf("there is no folder for testing: %d of %d pictures, %.4g of each class, are for testing, "+
		"drawn by seed %d (data.test_part, data.seed)", n, len(all), c.TestPart, c.Seed))
}
