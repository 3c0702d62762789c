package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Bounds of a folder of images: classes, pixels a side.
const (
	maxClasses = 1 << 16
	maxSide    = 1024
)

// folderReader reads pictures of one's own.
var folderReader = reader{
	name: "folder", title: "folder", about: "pictures in train/CLASS and test/CLASS, or in CLASS alone: " + endingsText,
	lies: liesFolder, open: openFolder, sized: true,
}

// picture is a file of a folder and its class.
type picture struct {
	path   string // a path for people, and that of the file unless the picture is inside one
	class  uint16
	inside *within // nil: the picture is a file
}

// openFolder looks at dir/train/CLASS/* and dir/test/CLASS/*, read as red, green and
// blue. Classes are numbered by name, samples stand in the
// order of class and file name; of a limited set no other files are decoded than those
// it keeps. Links are followed. What else lies there is noted as unused. Where nothing lies for
// testing a part of each class's pictures is (cut.go).
func openFolder(c Config, what scope) (*source, error) {
	s := &Set{flip: true, classes: what.classes}
	l := listing{root: c.Dir, set: s, owner: "train"}
	if !what.train {
		l.owner = "the model"
	}
	pictures, err := l.splits(c, what)
	if err != nil {
		return nil, err
	}
	for i, list := range pictures {
		pictures[i] = limited(list, what.limit, len(s.classes))
	}
	return s.pictures(c, what, pictures)
}

// splits lists the pictures for training and for testing.
func (l *listing) splits(c Config, what scope) (pictures [2][]picture, err error) {
	lay := layoutOf(c.Dir)
	if lay.test == "" && c.TestPart == 0 {
		lay.test = filepath.Join(c.Dir, Test) // it is missing
	}
	var train, test []classFolder
	if what.train || lay.test == "" {
		if train, err = l.folders(lay.train); err != nil {
			return pictures, err
		}
	}
	if lay.test != "" {
		if test, err = l.folders(lay.test); err != nil {
			return pictures, err
		}
	}
	if what.train {
		l.beside(lay)
		if lay.test != "" && test == nil {
			test = []classFolder{}
		}
		if err := l.classes(train, test); err != nil {
			return pictures, err
		}
	}
	for i, part := range []struct {
		dir  string
		list []classFolder
	}{{lay.train, train}, {lay.test, test}} {
		if part.list != nil {
			if pictures[i], err = l.split(part.dir, part.list); err != nil {
				return pictures, err
			}
		}
	}
	if lay.test == "" {
		l.cut(c, &pictures)
	} else if name := filepath.Base(lay.test); name != Test && what.train {
		l.set.said = append(l.set.said, fmt.Sprintf("the pictures in %s are for testing", shown(name)))
	}
	if !what.train {
		pictures[0] = nil
	}
	return pictures, nil
}

// mixedSide is the side of the squares that pictures of mixed sizes become where nobody
// says otherwise.
const mixedSide = 64

// pictures is the source of both splits' pictures: that of the cache if it has them. They
// become of the size that c or the model says, else of the one that all have, else squares of 64.
func (s *Set) pictures(c Config, what scope, pictures [2][]picture) (*source, error) {
	s.name = c.Name
	all := slices.Concat(pictures[0], pictures[1])
	cache := c.cacheOf(what, pictures)
	if from := cache.source(s, pictures, c.room()); from != nil {
		return from, nil
	}
	bad, before := new(faults), len(s.said)
	size, given := c.size()
	if what.size != (nn.Shape{}) {
		size, given = pictureSize{what.size.W, what.size.H}, true
	}
	if !given {
		sizes := make([]pictureSize, len(all))
		each(len(all), func(i int) {
			var err error
			sizes[i], err = all[i].size()
			bad.add(i, err)
		})
		var same bool
		if size, same = oneSize(sizes); !same {
			size = pictureSize{mixedSide, mixedSide}
			s.said = append(s.said, fmt.Sprintf("the pictures are of different sizes, or of more than %d a side, and are read as %d x %d: "+
				"data.size says another size", maxSide, mixedSide, mixedSide))
		}
	}
	s.shape = nn.Shape{C: 3, H: size.h, W: size.w}
	return &source{set: s, samples: int64(len(all)), size: int64(s.shape.Len()), read: func() error {
		s.decodeAll(c, pictures, bad)
		err := bad.err()
		if err == nil {
			cache.keep(s, s.said[before:])
		}
		return err
	}, stream: func() error {
		for i, to := range []*samples{&s.train, &s.test} {
			to.store, to.labels = files{pictures[i], s.shape}, make([]uint16, len(pictures[i]))
			for j, p := range pictures[i] {
				to.labels[j] = p.class
			}
		}
		return bad.err()
	}}, nil
}

// files are pictures that are decoded whenever they are read.
type files struct {
	list []picture
	to   nn.Shape
}

func (f files) read(buf []byte, i int) error { return decode(buf, f.list[i], f.to) }
func (files) ahead(int)                      {}

// decodeAll reads the pictures of both splits in parallel, in their order.
func (s *Set) decodeAll(c Config, pictures [2][]picture, bad *faults) {
	length := s.shape.Len()
	for i, list := range pictures {
		to := []*samples{&s.train, &s.test}[i]
		to.images, to.labels = make([]byte, len(list)*length), make([]uint16, len(list))
		told := progress{tell: c.Progress, total: len(pictures[0]) + len(pictures[1]), done: i * len(pictures[0])}
		each(len(list), func(j int) {
			to.labels[j] = list[j].class
			if at := i*len(pictures[0]) + j; !bad.has(at) { // else its header is a fault
				bad.add(at, decode(to.image(j), list[j], s.shape))
			}
			told.step()
		})
	}
}

// decode writes a picture into dst, of the shape to.
func decode(dst []byte, p picture, to nn.Shape) error {
	data, err := p.content()
	var image []byte
	if err == nil {
		image, err = DecodeLoose(data, to, MaxPixels)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", shown(p.path), err)
	}
	copy(dst, image)
	return nil
}

// progress tells how many of the pictures are read, now and then.
type progress struct {
	tell        func(done, total int)
	total, done int
	mu          sync.Mutex
	last        time.Time
}

func (p *progress) step() {
	if p.tell == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if now := time.Now(); p.done == p.total || now.Sub(p.last) >= 100*time.Millisecond {
		p.last = now
		p.tell(p.done, p.total)
	}
}

// oneSize returns the size that all pictures have, if there is one and it is no larger than
// samples may be. Sizes of zero are those of files that cannot be read.
func oneSize(sizes []pictureSize) (one pictureSize, same bool) {
	for _, s := range sizes {
		switch {
		case s.w == 0:
		case one.w == 0:
			one = s
		case s != one:
			return one, false
		}
	}
	return one, one.w > 0 && one.w <= maxSide && one.h <= maxSide
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

// liesFolder reports whether dir looks like a folder of pictures: train with a directory
// for each class.
func liesFolder(dir string) bool {
	lay := layoutOf(dir)
	return lay.train != dir && hasFolder(lay.train) && (lay.test == "" || isDir(lay.test))
}

func hasFolder(dir string) bool {
	entries, err := readDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		info, err := os.Stat(filepath.Join(dir, e.Name())) // follows links
		return err == nil && info.IsDir() && !hides(e.Name())
	})
}
