package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"golang.org/x/sync/semaphore"
)

// Loose pictures are no samples of a data set: files or bytes of any size that a
// trained network is to look at.

// MaxPixels is the most that a loose picture may have where nobody says otherwise.
const MaxPixels = 1 << 26

// maxLooseSide bounds the rows and columns of a loose picture.
const maxLooseSide = 1 << 16

// DecodeLoose returns a picture of any size up to so many pixels as a network of
// inputs of shape to reads it, (C, H, W) bytes: as it is seen (orientation.go, pixels.go),
// covering that size, cut at its centre (cover.go); with one channel, as grey (ITU-R 601).
// The size in its header is looked at before anything is decoded, and no more than
// MaxPixels are in work in the whole process: others wait.
func DecodeLoose(data []byte, to nn.Shape, pixels int64) ([]byte, error) {
	if to.C != 1 && to.C != 3 {
		return nil, fmt.Errorf("the network reads %d channels: pictures have 1 or 3", to.C)
	}
	stored, err := headerSize(io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))))
	if err != nil {
		return nil, err
	}
	if err := stored.check(pixels); err != nil {
		return nil, err
	}
	work := min(int64(stored.w)*int64(stored.h), MaxPixels)
	_ = inWork.Acquire(context.Background(), work) // ends: what holds the rest waits for nothing
	defer inWork.Release(work)
	whole := make([]byte, 3*stored.w*stored.h)
	if err := decodePlanes(whole, data, stored); err != nil {
		return nil, err
	}
	from, size := orientationOf(bytes.NewReader(data)).seen(stored), pictureSize{to.W, to.H}
	area, wide := to.H*to.W, from.w*from.h
	rgb := make([]byte, 3*area)
	for c := range 3 {
		cover(rgb[c*area:(c+1)*area], whole[c*wide:(c+1)*wide], from, size)
	}
	if to.C == 3 {
		return rgb, nil
	}
	for i := range area {
		rgb[i] = byte((19595*uint32(rgb[i]) + 38470*uint32(rgb[area+i]) + 7471*uint32(rgb[2*area+i]) + 1<<15) >> 16)
	}
	return rgb[:area:area], nil
}

// inWork counts the pixels of the pictures that are being decoded: each takes at most
// some 25 bytes (a progressive JPEG's coefficients, its image and its planes).
var inWork = semaphore.NewWeighted(MaxPixels)

// ErrManyPixels is returned for pictures that are too large to decode.
var ErrManyPixels = errors.New("the picture is too large")

// ReadLoose is DecodeLoose of a file.
func ReadLoose(path string, to nn.Shape) ([]byte, error) {
	data, err := file.Read(path, maxFile)
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, fmt.Errorf("%s: the file is empty", shown(path))
	}
	image, err := DecodeLoose(data, to, MaxPixels)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", shown(path), err)
	}
	return image, nil
}

// FindLoose lists the pictures that paths name: a file as it is, of a folder all
// pictures in it and below it by the endings of their names, in the order of names.
// Hidden ones are left out. Passed counts files in folders that are no pictures.
func FindLoose(paths []string) (pictures []string, passed int, err error) {
	for _, root := range paths {
		info, err := os.Stat(root) // follows links
		if err != nil {
			return nil, 0, err
		}
		if !info.IsDir() {
			pictures = append(pictures, root)
			continue
		}
		found := 0
		err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			switch hides := path != root && strings.HasPrefix(e.Name(), "."); {
			case err != nil:
				return err
			case e.IsDir() && hides:
				return filepath.SkipDir
			case e.IsDir():
			case !hides && slices.Contains(endings, strings.ToLower(filepath.Ext(path))):
				pictures, found = append(pictures, path), found+1
			default:
				passed++
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
		if found == 0 {
			return nil, 0, fmt.Errorf("%s: there is no picture in it: no %s file", shown(root), endingsText)
		}
	}
	return pictures, passed, nil
}

// Loose returns a set that has pictures, or rows as EachRow gives them, as its test samples, as a model with
// card c reads them: they are one after another, each of SampleSize bytes, of a picture (C, H, W);
// labels has one class for each.
func Loose(c *nn.Card, images []byte, labels []uint16) *Set {
	s := &Set{name: "pictures", shape: c.Input, classes: c.Classes, flip: c.Data != mnistReader.name,
		test: samples{images: images, labels: labels}, tabular: tabularOf(c)}
	s.Normalise(c.Mean, c.Std)
	return s
}

// OpenLoose reads the pictures in dir/CLASS as the test samples of a model with
// card c, whatever their sizes. Classes of the model without a folder have no
// samples; a folder that is no class of the model is a fault.
func OpenLoose(dir string, c *nn.Card) (*Set, error) {
	if _, err := readDir(dir); err != nil {
		return nil, faulty("folder", err)
	}
	s := &Set{classes: c.Classes}
	l := listing{root: dir, set: s, owner: "the model"}
	folders, err := l.folders(dir)
	if err != nil {
		return nil, faulty("folder", err)
	}
	found, err := l.split(dir, folders)
	if err != nil {
		return nil, faulty("folder", err)
	}
	size := c.Input.Len()
	if err := Holds(int64(len(found)) * int64(size)); err != nil {
		return nil, faulty("folder", err)
	}
	images, labels := make([]byte, len(found)*size), make([]uint16, len(found))
	bad := new(faults)
	each(len(found), func(i int) {
		image, err := ReadLoose(found[i].path, c.Input)
		bad.add(i, err)
		copy(images[i*size:], image)
		labels[i] = found[i].class
	})
	if err := bad.err(); err != nil {
		return nil, faulty("folder", err)
	}
	s = Loose(c, images, labels)
	s.unused = l.set.unused
	return s, nil
}
