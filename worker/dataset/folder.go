package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Bounds of a folder of images: classes, pixels a side.
const (
	maxClasses = 1 << 16
	maxSide    = 1024
)

// folderReader reads pictures of one's own.
var folderReader = reader{
	name: "folder", title: "folder", about: "pictures of one size in train/CLASS and test/CLASS: " + endingsText,
	lies: liesFolder, open: openFolder,
}

// picture is a file of a folder and its class.
type picture struct {
	path  string
	class uint16
}

// openFolder looks at dir/train/CLASS/* and dir/test/CLASS/*: pictures of one size,
// read as red, green and blue. Classes are numbered by name, samples stand in the
// order of class and file name; of a limited set no other files are decoded than those
// it keeps. Links are followed. What else lies there is noted as unused.
func openFolder(c Config, what scope) (*source, error) {
	s := &Set{flip: true, classes: what.classes}
	l := listing{root: c.Dir, set: s, owner: "train"}
	if !what.train {
		l.owner = "the model"
	}
	var pictures [2][]picture
	for i, split := range []string{Train, Test} {
		if i == 0 && !what.train {
			continue
		}
		list, err := l.split(filepath.Join(c.Dir, split), i == 0)
		if err != nil {
			return nil, err
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
	return s.pictures(pictures), nil
}

// pictures is the source of both splits' pictures. The size that most of them have
// is the set's.
func (s *Set) pictures(pictures [2][]picture) *source {
	all := slices.Concat(pictures[0], pictures[1])
	sizes := make([]pictureSize, len(all))
	bad := new(faults)
	each(len(all), func(i int) {
		var err error
		sizes[i], err = sizeOf(all[i].path)
		bad.add(i, err)
	})
	size, count := commonest(sizes)
	s.shape = nn.Shape{C: 3, H: size.h, W: size.w}
	return &source{set: s, samples: int64(len(all)), size: int64(s.shape.Len()), read: func() error {
		for i, p := range all {
			if sizes[i] != size && sizes[i].w > 0 {
				bad.add(i, fmt.Errorf("%s is %d x %d, but %d of %d pictures are %d x %d: all must have one size",
					shown(p.path), sizes[i].w, sizes[i].h, count, len(all), size.w, size.h))
			}
		}
		s.decodeAll(pictures, sizes, size, bad)
		return bad.err()
	}}
}

// decodeAll reads the pictures of both splits that have the size of the set in
// parallel, in their order; sizes are those of all.
func (s *Set) decodeAll(pictures [2][]picture, sizes []pictureSize, size pictureSize, bad *faults) {
	length := s.shape.Len()
	for i, list := range pictures {
		to := []*samples{&s.train, &s.test}[i]
		to.images, to.labels = make([]byte, len(list)*length), make([]uint16, len(list))
		each(len(list), func(j int) {
			to.labels[j] = list[j].class
			if at := i*len(pictures[0]) + j; size.w > 0 && sizes[at] == size {
				bad.add(at, decode(to.image(j), list[j].path, size))
			}
		})
	}
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

// liesFolder reports whether dir looks like a folder of pictures: train and test
// with a directory for each class.
func liesFolder(dir string) bool {
	return hasFolder(filepath.Join(dir, Train)) && hasFolder(filepath.Join(dir, Test))
}

func hasFolder(dir string) bool {
	entries, err := readDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		info, err := os.Stat(filepath.Join(dir, e.Name())) // follows links
		return err == nil && info.IsDir() && !strings.HasPrefix(e.Name(), ".")
	})
}
