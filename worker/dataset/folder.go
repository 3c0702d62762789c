package dataset

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Bounds of a folder of images: classes, pixels a side, bytes in memory.
const (
	maxClasses = 1 << 16
	maxSide    = 1024
	maxBytes   = math.MaxInt & (32<<30 - 1)
)

// picture is a file of a folder and its class.
type picture struct {
	path  string
	class uint16
}

// readFolder reads dir/train/CLASS/* and dir/test/CLASS/*: PNG and JPEG images
// of one size, read as red, green and blue. Classes are numbered by name,
// samples stand in the order of class and file name; of a limited set no
// other files are opened than those it keeps. Names that begin with a dot
// and files with other endings are passed over; links are followed.
func readFolder(dir string, limit int) (*Set, error) {
	s := &Set{flip: true}
	var pictures [2][]picture
	for i, split := range []string{Train, Test} {
		list, err := s.list(filepath.Join(dir, split), i == 0)
		if err != nil {
			return nil, faulty("folder", err)
		}
		labels := make([]uint16, len(list))
		for j, p := range list {
			labels[j] = p.class
		}
		for _, j := range choose(labels, limit, len(s.classes)) {
			pictures[i] = append(pictures[i], list[j])
		}
	}
	return s, faulty("folder", s.decodeAll(pictures))
}

// list finds the pictures of a split; that of training defines the classes.
func (s *Set) list(dir string, define bool) ([]picture, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s: the directory given with --data-dir must hold train/CLASS/* and test/CLASS/*", dir)
	}
	if err != nil {
		return nil, err
	}
	var pictures []picture
	var bad faults
	for i, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		info, err := os.Stat(path) // follows links
		if err != nil || !info.IsDir() {
			bad.add(i, err)
			continue
		}
		if define {
			s.classes = append(s.classes, e.Name())
		}
		class := slices.Index(s.classes, e.Name())
		switch {
		case class < 0:
			bad.add(i, fmt.Errorf("%s: %s is a class of test, but not of train", path, e.Name()))
			continue
		case class >= maxClasses:
			return nil, fmt.Errorf("%s has more than %d classes", dir, maxClasses)
		}
		found, err := listClass(path, uint16(class))
		bad.add(i, err)
		pictures = append(pictures, found...)
	}
	if define && len(s.classes) < 2 {
		bad.add(len(entries), fmt.Errorf("%s has %d classes: there must be at least 2 folders, one for each class", dir, len(s.classes)))
	} else if len(pictures) == 0 && bad.err() == nil {
		bad.add(len(entries), fmt.Errorf("%s has no images: there must be folders CLASS with .png, .jpg or .jpeg files in it", dir))
	}
	return pictures, bad.err()
}

// listClass finds the pictures in a class's folder.
func listClass(dir string, class uint16) ([]picture, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var pictures []picture
	for _, f := range files {
		switch strings.ToLower(filepath.Ext(f.Name())) {
		case ".png", ".jpg", ".jpeg":
			if !strings.HasPrefix(f.Name(), ".") {
				pictures = append(pictures, picture{filepath.Join(dir, f.Name()), class})
			}
		}
	}
	if len(pictures) == 0 {
		return nil, fmt.Errorf("the class %s is empty: no .png, .jpg or .jpeg files among its %d entries", dir, len(files))
	}
	return pictures, nil
}

// decodeAll reads the pictures of both splits in parallel, in their order. The
// first picture of all that has a size gives it to the set.
func (s *Set) decodeAll(pictures [2][]picture) error {
	var first string
	for _, p := range slices.Concat(pictures[0], pictures[1]) {
		if w, h, err := pictureSize(p.path); err == nil {
			first, s.shape = p.path, nn.Shape{C: 3, H: h, W: w}
			break
		}
	}
	size, all := s.shape.Len(), len(pictures[0])+len(pictures[1])
	if size > 0 && all > maxBytes/size {
		return fmt.Errorf("%d images of %d x %d take more than %d GiB of memory: keep fewer with --limit, or make them smaller", all, s.shape.W, s.shape.H, maxBytes>>30+1)
	}
	var bad faults
	for i, list := range pictures {
		to := []*samples{&s.train, &s.test}[i]
		to.images, to.labels = make([]byte, len(list)*size), make([]uint16, len(list))
		var next atomic.Int64
		var wg sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wg.Go(func() {
				for j := int(next.Add(1)) - 1; j < len(list); j = int(next.Add(1)) - 1 {
					to.labels[j] = list[j].class
					bad.add(i*len(pictures[0])+j, s.decode(to.image(j, size), list[j].path, first))
				}
			})
		}
		wg.Wait()
	}
	return bad.err()
}
