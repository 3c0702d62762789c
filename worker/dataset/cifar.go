package dataset

import (
	"errors"
	"io/fs"
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
	labels      int    // bytes before the image, the last of which counts
	classes     int
	names       string // file of the names, optional
	train, test []string
}

var (
	cifar10 = cifarFormat{"CIFAR-10", "cifar-10-batches-bin", 1, 10, "batches.meta.txt",
		[]string{"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"}, []string{"test_batch.bin"}}
	cifar100 = cifarFormat{"CIFAR-100", "cifar-100-binary", 2, 100, "fine_label_names.txt",
		[]string{"train.bin"}, []string{"test.bin"}}
)

const cifarImage = 3 * 32 * 32

// readCIFAR reads the set in dir or in the folder within it that the archive unpacks to.
func readCIFAR(dir string, f cifarFormat) (*Set, error) {
	home, err := findDir(dir, f.train[0], "", f.sub)
	if err != nil {
		return nil, faulty("%s: %w; give the directory that holds %s with --data-dir (the binary version of the set, unpacked)", f.name, err, f.train[0])
	}
	s := &Set{shape: nn.Shape{C: 3, H: 32, W: 32}, flip: true, classes: classNames(filepath.Join(home, f.names), f.classes)}
	for i, name := range slices.Concat(f.train, f.test) {
		split := &s.train
		if i >= len(f.train) {
			split = &s.test
		}
		path := filepath.Join(home, name)
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, faulty("%s: %w", f.name, err)
		}
		if err := f.decode(split, data); err != nil {
			return nil, faulty("%s: %w", path, err)
		}
	}
	return s, nil
}

// decode appends the records of data.
func (f cifarFormat) decode(s *samples, data []byte) error {
	record := f.labels + cifarImage
	if len(data) == 0 {
		return errors.New("the file is empty: unpack the archive again")
	}
	if len(data)%record != 0 {
		return errorf("%d bytes are not a whole number of %s records of %d bytes: the file is cut short or of another format; unpack the archive again", len(data), f.name, record)
	}
	for i := 0; i < len(data); i += record {
		label := data[i+f.labels-1]
		if int(label) >= f.classes {
			return errorf("record %d has label %d, but %s has %d classes: the file is of another format or damaged", i/record, label, f.name, f.classes)
		}
		s.labels = append(s.labels, uint16(label))
		s.images = append(s.images, data[i+f.labels:i+record]...)
	}
	return nil
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

// findDir returns which of the subs of dir holds a file called name.
func findDir(dir, name string, subs ...string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", errorf("%s is not a directory", dir)
	}
	for _, sub := range subs {
		at := filepath.Join(dir, sub)
		_, err := os.Stat(filepath.Join(at, name))
		if err == nil {
			return at, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", errorf("no %s in %s", name, dir)
}
