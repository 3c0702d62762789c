package dataset

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Files of MNIST and its kin, each plain or with .gz: images and labels of the
// training samples, then of the test samples.
var mnistFiles = [4]string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}

// mnistReader reads MNIST and every set in IDX files of its names.
var mnistReader = reader{
	name: "mnist", title: "MNIST", about: "MNIST and sets in IDX files of its names, as Fashion-MNIST; files may be compressed (.gz)",
	lies: func(dir string) bool { return liesIDX(dir) && !liesFashion(dir) }, open: openMNIST, published: true,
}

// fashionReader reads Fashion-MNIST, whose files are called like those of MNIST: only the folder of a download tells
// them apart.
var fashionReader = reader{
	name: "fashion-mnist", title: "Fashion-MNIST", about: "Fashion-MNIST in IDX files of MNIST's names, with the names of its classes",
	lies: liesFashion, published: true,
	open: func(c Config, what scope) (*source, error) {
		source, err := openMNIST(c, what)
		if err == nil {
			source.set.classes, source.set.flip = fashionClasses, true
		}
		return source, err
	},
}

// fashionClasses are those of Fashion-MNIST, in its authors' words.
var fashionClasses = []string{"t-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}

// mnistDirs are where common downloads put them.
var mnistDirs = []string{"", "raw", "MNIST/raw", "FashionMNIST/raw"}

const mnistClasses = 10

// idxFile is an IDX file whose header has been read.
type idxFile struct {
	path string
	size []int
	in   io.Reader // what follows the header
	data []byte
}

// total returns the bytes that the header promises.
func (f *idxFile) total() int64 {
	n := int64(1)
	for _, d := range f.size {
		n *= int64(d)
	}
	return n
}

// openMNIST opens IDX files in dir or the first folder within it that has them, and
// finds their headers to agree.
func openMNIST(c Config, what scope) (*source, error) {
	home, err := findIDX(c.Dir)
	if err != nil {
		return nil, err
	}
	names := mnistFiles[:]
	if !what.train {
		names = names[2:]
	}
	files, source := make([]idxFile, len(names)), new(source)
	var bad faults
	for i, name := range names {
		file, err := openIDX(&files[i], filepath.Join(home, name), 3-i%2*2)
		bad.add(i, err)
		if err == nil {
			source.files = append(source.files, file)
		}
	}
	if err := bad.err(); err != nil {
		return source, err
	}
	images := files[0].size[1:]
	s := &Set{shape: nn.Shape{C: 1, H: images[0], W: images[1]}, classes: numbers(mnistClasses)}
	source.set = s
	source.read = func() error {
		if what.train {
			others(s, home)
		}
		return s.readMNIST(files)
	}
	return source, source.agree(files)
}

// readMNIST reads the samples of both splits, or those for testing alone.
func (s *Set) readMNIST(files []idxFile) error {
	var bad faults
	for i := range files {
		bad.add(i, files[i].read())
	}
	if err := bad.err(); err != nil {
		return err
	}
	splits := []*samples{&s.train, &s.test}
	for i := 0; i < len(files); i += 2 {
		bad.add(i, splits[len(splits)-len(files)/2+i/2].pair(files[i], files[i+1]))
	}
	return bad.err()
}

// others notes IDX files that are no part of the set.
func others(s *Set, home string) {
	entries, err := readDir(home)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, _ := strings.CutSuffix(e.Name(), ".gz")
		if strings.HasSuffix(name, "-ubyte") && !slices.Contains(mnistFiles[:], name) {
			s.unused.add("IDX files that are no part of MNIST", 1, e.Name())
		}
	}
}

// agree counts the samples, and refuses files of different sets.
func (s *source) agree(files []idxFile) error {
	var bad faults
	first := files[0].size[1:]
	for i := 0; i < len(files); i += 2 {
		images, labels := files[i], files[i+1]
		s.samples, s.size = s.samples+int64(images.size[0]), max(s.size, int64(images.size[1]*images.size[2]))
		if images.size[0] != labels.size[0] {
			bad.add(i, fmt.Errorf("%d images in %s, but %d labels in %s: the files are not of one set",
				images.size[0], images.path, labels.size[0], labels.path))
		}
		if size := images.size[1:]; !slices.Equal(size, first) {
			bad.add(i+1, fmt.Errorf("training images are %d x %d, test images %d x %d", first[0], first[1], size[0], size[1]))
		}
	}
	return bad.err()
}

// pair takes over images and their labels.
func (s *samples) pair(images, labels idxFile) error {
	s.images = images.data
	for i, l := range labels.data {
		if l >= mnistClasses {
			return fmt.Errorf("%s: label %d of sample %d, but there are %d classes: the file is damaged or of another set",
				labels.path, l, i, mnistClasses)
		}
		s.labels = append(s.labels, uint16(l))
	}
	return nil
}

// findIDX returns the directory, of dir and mnistDirs in it, that has any of the files.
func findIDX(dir string) (string, error) {
	if info, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no %s in %s: there is no such directory", mnistFiles[0], dir)
	} else if err != nil {
		return "", err
	} else if !info.IsDir() {
		return "", fmt.Errorf("no %s in %s: it is not a directory", mnistFiles[0], dir)
	}
	for _, sub := range mnistDirs {
		for _, name := range mnistFiles {
			for _, suffix := range []string{"", ".gz"} {
				if _, err := os.Stat(filepath.Join(dir, sub, name+suffix)); err == nil {
					return filepath.Join(dir, sub), nil
				}
			}
		}
	}
	return "", fmt.Errorf("neither %[1]s nor %[1]s.gz in %[2]s or its folders raw, MNIST/raw and FashionMNIST/raw; "+
		"get the four files with: tinygrow data get mnist --to %[2]s; or name their directory with --data-dir", mnistFiles[0], dir)
}

func liesFashion(dir string) bool {
	home, err := findIDX(dir)
	return err == nil && strings.Contains(filepath.ToSlash(home), "FashionMNIST/")
}

func liesIDX(dir string) bool {
	_, err := findIDX(dir)
	return err == nil
}

// openIDX opens the IDX file at path, or path.gz, of so many dimensions, and
// reads its header.
func openIDX(f *idxFile, path string, dims int) (*os.File, error) {
	f.path = path
	in, size, err := file.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		f.path += ".gz"
		in, size, err = file.Open(f.path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("neither %[1]s nor %[1]s.gz is in %[2]s, which has others of the set's files",
			filepath.Base(path), filepath.Dir(path))
	}
	if err != nil {
		return nil, err
	}
	if err := f.open(in, size, dims); err != nil {
		in.Close()
		return nil, fmt.Errorf("%s: %w", f.path, err)
	}
	return in, nil
}

const (
	// maxIDX bounds the samples that an IDX file may claim to hold.
	maxIDX = 1 << 32
	// deflateRatio is the most that DEFLATE makes of a byte, pictureRatio of one of
	// more than blankBytes of pictures that are not blank: MNIST has 5.
	deflateRatio = 1032
	pictureRatio = 256
	blankBytes   = 256 << 20
)

// open reads the header of an IDX file of so many bytes, plain or compressed with
// gzip, and refuses one that promises what the file cannot hold.
func (f *idxFile) open(r io.Reader, bytes int64, dims int) error {
	in := bufio.NewReaderSize(r, 1<<16)
	head, err := in.Peek(2)
	compressed := err == nil && head[0] == 0x1f && head[1] == 0x8b
	if compressed {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("the file is damaged or cut short: %w", err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	if f.size, err = idxHeader(in, dims); err != nil {
		return err
	}
	f.in = in
	total, have := f.total(), bytes-int64(4+4*dims)
	switch {
	case compressed && total/deflateRatio > bytes:
		return fmt.Errorf("the file is cut short or its header is wrong: %d bytes cannot be what became of %d", bytes, total)
	case compressed && total > blankBytes && total/pictureRatio > bytes:
		return fmt.Errorf("the file has %d bytes and promises %d: no pictures can be compressed like that, "+
			"it would fill the memory with nothing", bytes, total)
	case !compressed && have < total:
		return fmt.Errorf("the file is cut short: %d of %d bytes", have, total)
	case !compressed && have > total:
		return fmt.Errorf("the file has more than the %d bytes that its header promises", total)
	}
	return nil
}

// idxHeader reads the sizes of an IDX file of bytes.
func idxHeader(in io.Reader, dims int) ([]int, error) {
	head := make([]byte, 4+4*dims)
	if n, err := io.ReadFull(in, head); n == 0 && err == io.EOF {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, fmt.Errorf("the file is too short for an IDX header: %w", err)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dims {
		return nil, fmt.Errorf("not an IDX file of bytes in %d dimensions: it begins with % x, not 00 00 08 %02x", dims, head[:4], dims)
	}
	var size []int
	for i := range dims {
		n, most := int64(binary.BigEndian.Uint32(head[4+4*i:])), int64(maxIDX)
		if i > 0 {
			most = maxSide
		}
		if n < 1 || n > most {
			return nil, fmt.Errorf("impossible size %d in dimension %d: must be 1 to %d", n, i, most)
		}
		size = append(size, int(n))
	}
	return size, nil
}

// read reads what the header promises, which must be all that is there.
func (f *idxFile) read() error {
	f.data = make([]byte, f.total())
	if n, err := io.ReadFull(f.in, f.data); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is cut short: %d of %d bytes: %w", f.path, n, f.total(), io.ErrUnexpectedEOF)
	} else if err != nil {
		return fmt.Errorf("%s: the file is damaged or cut short: %w", f.path, err)
	}
	switch n, err := io.ReadFull(f.in, make([]byte, 1)); { // reads the checksum at the end too
	case n > 0:
		return fmt.Errorf("%s: the file has more than the %d bytes that its header promises", f.path, f.total())
	case err != io.EOF:
		return fmt.Errorf("%s: the file is damaged or cut short: %w", f.path, err)
	}
	return nil
}
