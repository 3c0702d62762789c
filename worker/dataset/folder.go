package dataset

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Bounds of a folder of images: classes, pixels a side.
const (
	maxClasses = 1 << 16
	maxSide    = 1024
)

// picture is a file of a folder and its class.
type picture struct {
	path  string
	class uint16
}

// readFolder reads dir/train/CLASS/* and dir/test/CLASS/*: pictures of one size,
// read as red, green and blue. Classes are numbered by name, samples stand in the
// order of class and file name; of a limited set no other files are decoded than those
// it keeps. Links are followed. What else lies there is noted as unused.
func readFolder(dir string, what scope) (*Set, error) {
	s := &Set{flip: true, classes: what.classes}
	l := listing{root: dir, set: s, owner: "train"}
	if !what.train {
		l.owner = "the model"
	}
	var pictures [2][]picture
	for i, split := range []string{Train, Test} {
		if i == 0 && !what.train {
			continue
		}
		list, err := l.split(filepath.Join(dir, split), i == 0)
		if err != nil {
			return nil, faulty("folder", err)
		}
		labels := make([]uint16, len(list))
		for j, p := range list {
			labels[j] = p.class
		}
		for _, j := range choose(labels, what.limit, len(s.classes)) {
			pictures[i] = append(pictures[i], list[j])
		}
	}
	if what.train {
		l.beside()
	}
	return s, faulty("folder", s.decodeAll(pictures, what.room))
}

// decodeAll reads the pictures of both splits in parallel, in their order. The
// size that most of them have is the set's.
func (s *Set) decodeAll(pictures [2][]picture, room room) error {
	all := slices.Concat(pictures[0], pictures[1])
	sizes := make([]pictureSize, len(all))
	var bad faults
	each(len(all), func(i int) {
		var err error
		sizes[i], err = sizeOf(all[i].path)
		bad.add(i, err)
	})
	size, count := commonest(sizes)
	s.shape = nn.Shape{C: 3, H: size.h, W: size.w}
	length := s.shape.Len()
	if err := room.takes(int64(len(all)), int64(length)); err != nil {
		return err
	}
	for i, p := range all {
		if sizes[i] != size && sizes[i].w > 0 {
			bad.add(i, fmt.Errorf("%s is %d x %d, but %d of %d pictures are %d x %d: all must have one size",
				shown(p.path), sizes[i].w, sizes[i].h, count, len(all), size.w, size.h))
		}
	}
	for i, list := range pictures {
		to := []*samples{&s.train, &s.test}[i]
		to.images, to.labels = make([]byte, len(list)*length), make([]uint16, len(list))
		each(len(list), func(j int) {
			to.labels[j] = list[j].class
			if at := i*len(pictures[0]) + j; size.w > 0 && sizes[at] == size {
				bad.add(at, decode(to.image(j, length), list[j].path, size))
			}
		})
	}
	return bad.err()
}

// commonest returns the size that most pictures have, the first of several such,
// and how many have it. Sizes of zero are those of files that cannot be read.
func commonest(sizes []pictureSize) (size pictureSize, count int) {
	n := map[pictureSize]int{}
	for _, s := range sizes {
		n[s]++
	}
	for _, s := range sizes {
		if s.w > 0 && n[s] > count {
			size, count = s, n[s]
		}
	}
	return size, count
}

// each calls do for 0 to n-1 on all processors.
func each(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
