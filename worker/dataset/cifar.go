package dataset

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// cifarFormat is a data set of the CIFAR binary format: records of label bytes
// and a 32 x 32 image in planes of red, green and blue.
type cifarFormat struct {
	name, short string // names for people, and in a configuration
	sub         string // folder that the archive unpacks to
	archive     string
	python      string // a file of the version for Python
	labels      int    // bytes before the image, the last of which counts
	classes     int
	names       string // file of the names, optional
	train, test []string
}

var (
	cifar10Reader  = cifar10.reader()
	cifar100Reader = cifar100.reader()
)

var (
	cifar10 = cifarFormat{"CIFAR-10", "cifar10", "cifar-10-batches-bin", "cifar-10-binary.tar.gz", "data_batch_1", 1, 10,
		"batches.meta.txt", []string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
		[]string{"test_batch.bin"}}
	cifar100 = cifarFormat{"CIFAR-100", "cifar100", "cifar-100-binary", "cifar-100-binary.tar.gz", "train", 2, 100, "fine_label_names.txt",
		[]string{"train.bin"}, []string{"test.bin"}}
)

func (f cifarFormat) reader() reader {
	return reader{name: f.short, title: f.name, about: f.name + " in its binary format, " + f.archive, lies: f.lies, open: f.source,
		published: true}
}

const cifarImage = 3 * 32 * 32

// maxCIFAR bounds a file; the largest of the published ones has 153,700,000 bytes.
const maxCIFAR = 512 << 20

// cifarFile is a file of the set, open, and what of it is known.
type cifarFile struct {
	path    string
	file    *os.File
	records int64
	to      *samples
}

// source opens the set in dir or in the folder within it that the archive unpacks to.
func (f cifarFormat) source(c Config, what scope) (*source, error) {
	if !what.train {
		f.train = nil
	}
	home, err := f.find(c.Dir, slices.Concat(f.train, f.test)...)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, f.advice(c.Dir))
	}
	s := &Set{shape: nn.Shape{C: 3, H: 32, W: 32}, flip: true}
	s.classes = classNames(s, filepath.Join(home, f.names), f.classes)
	files, err := f.open(s, home)
	source := &source{set: s, size: cifarImage}
	for _, file := range files {
		source.files = append(source.files, file.file)
		source.samples += file.records
	}
	source.read = func() error {
		if what.train {
			f.others(s, home)
		}
		return f.read(files)
	}
	return source, err
}

// read reads the samples of all files.
func (f cifarFormat) read(files []cifarFile) error {
	count := map[*samples]int64{}
	for _, file := range files {
		count[file.to] += file.records
	}
	for split, n := range count {
		split.images, split.labels = make([]byte, 0, n*cifarImage), make([]uint16, 0, n)
	}
	var bad faults
	for i, file := range files {
		if err := f.decode(file.to, file.file, file.records); err != nil {
			bad.add(i, fmt.Errorf("%s: %w", file.path, err))
		}
	}
	return bad.err()
}

func (f cifarFormat) lies(dir string) bool {
	_, err := f.find(dir, f.train[0], f.test[0])
	return err == nil
}

// open opens the files in home and checks their sizes. The caller closes those that it returns.
func (f cifarFormat) open(s *Set, home string) ([]cifarFile, error) {
	var files []cifarFile
	var bad faults
	for i, name := range slices.Concat(f.train, f.test) {
		path := filepath.Join(home, name)
		in, size, err := file.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			err = fmt.Errorf("%s is missing: unpack %s again", path, f.archive)
		}
		if err == nil {
			to := &s.train
			if i >= len(f.train) {
				to = &s.test
			}
			files = append(files, cifarFile{path, in, size / f.record(), to})
			if err = f.checkSize(size); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		bad.add(i, err)
	}
	return files, bad.err()
}

// record returns the bytes of a record.
func (f cifarFormat) record() int64 { return int64(f.labels + cifarImage) }

func (f cifarFormat) checkSize(size int64) error {
	switch {
	case size == 0:
		return fmt.Errorf("the file is empty: unpack %s again", f.archive)
	case size > maxCIFAR:
		return fmt.Errorf("%d bytes are more than the %d that a file of %s may have: unpack %s again",
			size, int64(maxCIFAR), f.name, f.archive)
	case size%f.record() != 0:
		return fmt.Errorf("%d bytes are not a whole number of %s records of %d bytes: "+
			"the file is cut short or of another format; unpack %s again", size, f.name, f.record(), f.archive)
	}
	return nil
}

// decode appends so many records of r.
func (f cifarFormat) decode(s *samples, r io.Reader, records int64) error {
	in := bufio.NewReaderSize(r, 1<<18)
	buf := make([]byte, f.record())
	for i := range records {
		if _, err := io.ReadFull(in, buf); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		label := buf[f.labels-1]
		if int(label) >= f.classes {
			return fmt.Errorf("record %d has label %d, but %s has %d classes: "+
				"the file is damaged or of another format; unpack %s again", i, label, f.name, f.classes, f.archive)
		}
		s.labels = append(s.labels, uint16(label))
		s.images = append(s.images, buf[f.labels:]...)
	}
	return nil
}

// others notes files that look like a part of the set and are none.
func (f cifarFormat) others(s *Set, home string) {
	entries, err := readDir(home)
	if err != nil {
		return
	}
	for _, e := range entries {
		if name := e.Name(); filepath.Ext(name) == ".bin" && !slices.Contains(slices.Concat(f.train, f.test), name) {
			s.unused.add("files that are no part of "+f.name, 1, name)
		}
	}
}

// advice says what to do about a directory without the set.
func (f cifarFormat) advice(dir string) string {
	has := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	folder := func(name string) bool { i, err := os.Stat(filepath.Join(dir, name)); return err == nil && i.IsDir() }
	switch {
	case has(f.archive):
		return fmt.Sprintf("unpack %s there first (tar xzf, or tinygrow data get %s --to %s)", f.archive, f.short, dir)
	case folder(Train) && folder(Test):
		return "it looks like a folder of images, which --data folder reads"
	case has(f.python):
		return fmt.Sprintf("it looks like the version for Python; get the binary version, %s", f.archive)
	}
	return fmt.Sprintf("get them with: tinygrow data get %s --to %s; or get the binary version, "+
		"https://www.cs.toronto.edu/~kriz/%s, unpack it, and name the directory with --data-dir", f.short, dir, f.archive)
}

// maxNames bounds a file of class names.
const maxNames = 1 << 16

// classNames reads one name a line from the file at path, or numbers the classes
// where there is none. A file of anything else is noted as unused.
func classNames(s *Set, path string, n int) []string {
	data, err := file.Read(path, maxNames)
	names := strings.Fields(string(data))
	if err == nil && len(names) == n && utf8.Valid(data) {
		return names
	}
	if !errors.Is(err, os.ErrNotExist) {
		s.unused.add(fmt.Sprintf("files of class names that do not hold %d names", n), 1, filepath.Base(path))
	}
	return numbers(n)
}

// numbers names n classes by their numbers.
func numbers(n int) []string {
	var names []string
	for i := range n {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

// find returns dir or the folder of the archive in it, whichever holds one of the files.
func (f cifarFormat) find(dir string, files ...string) (string, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no %s in %s: there is no such directory", files[0], dir)
	}
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", fmt.Errorf("no %s in %s: it is not a directory", files[0], dir)
	}
	for _, at := range []string{dir, filepath.Join(dir, f.sub)} {
		for _, name := range files {
			if _, err := os.Stat(filepath.Join(at, name)); err == nil {
				return at, nil
			}
		}
	}
	return "", fmt.Errorf("no %s in %s or in %s", files[0], dir, filepath.Join(dir, f.sub))
}
