package dataset

import (
	"errors"
	"image"
	_ "image/jpeg" // the two formats of a folder
	_ "image/png"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// picture is a file of a folder and its class.
type picture struct {
	path  string
	class uint16
}

// readFolder reads dir/train/CLASS/* and dir/test/CLASS/*: PNG and JPEG images
// of one size, read as red, green and blue. Classes are numbered by name,
// samples stand in the order of class and file name.
func readFolder(dir string) (*Set, error) {
	s := &Set{flip: true}
	for _, split := range []string{Train, Test} {
		pictures, err := s.list(filepath.Join(dir, split), split == Train)
		if err != nil {
			return nil, faulty("folder: %w", err)
		}
		if err := s.decodeAll(s.split(split), pictures); err != nil {
			return nil, faulty("folder: %w", err)
		}
	}
	return s, nil
}

// list finds the pictures of a split; that of training defines the classes.
func (s *Set) list(dir string, define bool) ([]picture, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, errorf("%w; the directory given with --data-dir must hold train/CLASS/* and test/CLASS/*", err)
	}
	var pictures []picture
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path) // follows links
		if err != nil {
			return nil, err
		}
		if !info.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if define {
			s.classes = append(s.classes, e.Name())
		}
		class := slices.Index(s.classes, e.Name())
		if class < 0 {
			return nil, errorf("%s is a class of test, but not of train", e.Name())
		}
		files, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		before := len(pictures)
		for _, f := range files {
			switch strings.ToLower(filepath.Ext(f.Name())) {
			case ".png", ".jpg", ".jpeg":
				pictures = append(pictures, picture{filepath.Join(path, f.Name()), uint16(class)})
			}
		}
		if len(pictures) == before {
			return nil, errorf("%s has no .png, .jpg or .jpeg files", path)
		}
	}
	if len(s.classes) < 2 {
		return nil, errorf("%s has %d classes: at least 2 folders, one for each class, must be in it", dir, len(s.classes))
	}
	if len(s.classes) > 1<<16 {
		return nil, errorf("%s has %d classes: at most %d", dir, len(s.classes), 1<<16)
	}
	return pictures, nil
}

// decodeAll reads pictures in parallel into to, in their order.
func (s *Set) decodeAll(to *samples, pictures []picture) error {
	if len(pictures) == 0 {
		return nil
	}
	if s.shape == (nn.Shape{}) {
		first, err := decodePicture(pictures[0].path)
		if err != nil {
			return err
		}
		size := first.Bounds().Size()
		if size.X < 1 || size.Y < 1 || size.X > 1024 || size.Y > 1024 {
			return errorf("%s is %d x %d: images must have 1 to 1024 pixels a side", pictures[0].path, size.X, size.Y)
		}
		s.shape = nn.Shape{C: 3, H: size.Y, W: size.X}
	}
	size := s.shape.Len()
	to.images, to.labels = make([]byte, len(pictures)*size), make([]uint16, len(pictures))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	const batch = 64
	for lo := 0; lo < len(pictures); lo += batch {
		g.Go(func() error {
			for i := lo; i < min(lo+batch, len(pictures)); i++ {
				to.labels[i] = pictures[i].class
				img, err := decodePicture(pictures[i].path)
				if err != nil {
					return err
				}
				if got := img.Bounds().Size(); got.X != s.shape.W || got.Y != s.shape.H {
					return errorf("%s is %d x %d, others are %d x %d: all images must have one size", pictures[i].path, got.X, got.Y, s.shape.W, s.shape.H)
				}
				planes(to.image(i, size), img)
			}
			return nil
		})
	}
	return g.Wait()
}

func decodePicture(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() == 0 {
		return nil, errorf("%s: the file is empty", path)
	}
	img, _, err := image.Decode(f)
	if errors.Is(err, image.ErrFormat) {
		return nil, errorf("%s: neither PNG nor JPEG", path)
	}
	if err != nil {
		return nil, errorf("%s: %w", path, err)
	}
	return img, nil
}

// planes writes the image as planes of red, green and blue; transparency is
// taken as black.
func planes(dst []byte, img image.Image) {
	b := img.Bounds()
	area := b.Dx() * b.Dy()
	i := 0
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			dst[i], dst[area+i], dst[2*area+i] = byte(r>>8), byte(g>>8), byte(bl>>8)
			i++
		}
	}
}
