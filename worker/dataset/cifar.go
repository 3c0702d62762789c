package dataset

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// cifarFormat is a data set of the CIFAR binary format: records of label bytes
// and a 32 x 32 image in planes of red, green and blue.
type cifarFormat struct {
	name        string
	sub         string // where the archive unpacks to
	archive     string
	python      string // a file of the version for Python
	labels      int    // bytes before the image, the last of which counts
	classes     int
	names       string // file of the names, optional
	train, test []string
}

var (
	cifar10 = cifarFormat{"CIFAR-10", "cifar-10-batches-bin", "cifar-10-binary.tar.gz", "data_batch_1", 1, 10, "batches.meta.txt",
		[]string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}, []string{"test_batch.bin"}}
	cifar100 = cifarFormat{"CIFAR-100", "cifar-100-binary", "cifar-100-binary.tar.gz", "train", 2, 100, "fine_label_names.txt",
		[]string{"train.bin"}, []string{"test.bin"}}
)

const cifarImage = 3 * 32 * 32

// readCIFAR reads the set in dir or in the folder within it that the archive unpacks to.
func readCIFAR(dir string, f cifarFormat) (*Set, error) {
	home, err := findDir(dir, f.sub, f.train[0], f.test[0])
	if err != nil {
		return nil, faulty(f.name, fmt.Errorf("%w; %s", err, f.advice(dir)))
	}
	s := &Set{shape: nn.Shape{C: 3, H: 32, W: 32}, flip: true, classes: classNames(filepath.Join(home, f.names), f.classes)}
	var bad faults
	for i, name := range slices.Concat(f.train, f.test) {
		split, files := &s.train, len(f.train)
		if i >= files {
			split, files = &s.test, len(f.test)
		}
		path := filepath.Join(home, name)
		data, err := os.ReadFile(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			err = fmt.Errorf("%s is missing: unpack %s again", path, f.archive)
		case err == nil:
			if split.images == nil && len(data) > 0 { // the files are of one size
				split.images = make([]byte, 0, len(data)*files)
			}
			if err = f.decode(split, data); err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
		}
		bad.add(i, err)
	}
	return s, faulty(f.name, bad.err())
}

// decode appends the records of data.
func (f cifarFormat) decode(s *samples, data []byte) error {
	record := f.labels + cifarImage
	if len(data) == 0 {
		return fmt.Errorf("the file is empty: unpack %s again", f.archive)
	}
	if len(data)%record != 0 {
		return fmt.Errorf("%d bytes are not a whole number of %s records of %d bytes: the file is cut short or of another format; unpack %s again", len(data), f.name, record, f.archive)
	}
	for i := 0; i < len(data); i += record {
		label := data[i+f.labels-1]
		if int(label) >= f.classes {
			return fmt.Errorf("record %d has label %d, but %s has %d classes: the file is damaged or of another format; unpack %s again", i/record, label, f.name, f.classes, f.archive)
		}
		s.labels = append(s.labels, uint16(label))
		s.images = append(s.images, data[i+f.labels:i+record]...)
	}
	return nil
}

// advice says what to do about a directory without the set.
func (f cifarFormat) advice(dir string) string {
	has := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err == nil }
	folder := func(name string) bool { i, err := os.Stat(filepath.Join(dir, name)); return err == nil && i.IsDir() }
	switch {
	case has(f.archive):
		return fmt.Sprintf("unpack %s there first (tar xzf)", f.archive)
	case folder(Train) && folder(Test):
		return "it looks like a folder of images, which --data folder reads"
	case has(f.python):
		return fmt.Sprintf("it looks like the version for Python; get the binary version, %s", f.archive)
	}
	return fmt.Sprintf("get the binary version, https://www.cs.toronto.edu/~kriz/%s, unpack it, and name the directory with --data-dir", f.archive)
}

// classNames reads one name a line, or numbers the classes where there is no such file.
func classNames(path string, n int) []string {
	data, err := os.ReadFile(path)
	names := strings.Fields(string(data))
	if err == nil && len(names) == n {
		return names
	}
	names = nil
	for i := range n {
		names = append(names, strconv.Itoa(i))
	}
	return names
}

// findDir returns dir or the folder sub in it, whichever holds one of the files.
func findDir(dir, sub string, files ...string) (string, error) {
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
	for _, at := range []string{dir, filepath.Join(dir, sub)} {
		for _, name := range files {
			if _, err := os.Stat(filepath.Join(at, name)); err == nil {
				return at, nil
			}
		}
	}
	return "", fmt.Errorf("no %s in %s or in %s", files[0], dir, filepath.Join(dir, sub))
}
