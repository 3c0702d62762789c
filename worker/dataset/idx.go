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

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Files of MNIST and its kin, each plain or with .gz: images and labels of the
// training samples, then of the test samples.
var mnistFiles = [4]string{"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}

// mnistDirs are where common downloads put them.
var mnistDirs = []string{"", "raw", "MNIST/raw", "FashionMNIST/raw"}

const mnistClasses = 10

// idxFile is a decoded IDX file.
type idxFile struct {
	path string
	size []int
	data []byte
}

// readMNIST reads IDX files from dir or the first folder within it that has them.
func readMNIST(dir string) (*Set, error) {
	home, err := findIDX(dir)
	if err != nil {
		return nil, faulty("MNIST", err)
	}
	var files [4]idxFile
	var bad faults
	for i, name := range mnistFiles {
		files[i], err = readIDX(home, name, 3-i%2*2)
		bad.add(i, err)
	}
	if err := bad.err(); err != nil {
		return nil, faulty("MNIST", err)
	}
	s := &Set{shape: nn.Shape{C: 1, H: files[0].size[1], W: files[0].size[2]}, classes: classNames("", mnistClasses)}
	if test := files[2]; !slices.Equal(test.size[1:], files[0].size[1:]) {
		bad.add(0, fmt.Errorf("training images are %d x %d, test images %d x %d", s.shape.H, s.shape.W, test.size[1], test.size[2]))
	}
	bad.add(1, s.train.pair(files[0], files[1]))
	bad.add(2, s.test.pair(files[2], files[3]))
	return s, faulty("MNIST", bad.err())
}

// pair takes over images and their labels.
func (s *samples) pair(images, labels idxFile) error {
	if images.size[0] != labels.size[0] {
		return fmt.Errorf("%d images in %s, but %d labels in %s: the files are not of one set", images.size[0], images.path, labels.size[0], labels.path)
	}
	s.images = images.data
	for i, l := range labels.data {
		if l >= mnistClasses {
			return fmt.Errorf("%s: label %d of sample %d, but there are %d classes: the file is damaged or of another set", labels.path, l, i, mnistClasses)
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
	return "", fmt.Errorf("neither %[1]s nor %[1]s.gz in %[2]s or its folders raw, MNIST/raw and FashionMNIST/raw; get the four files (https://ossci-datasets.s3.amazonaws.com/mnist/) and name their directory with --data-dir", mnistFiles[0], dir)
}

// readIDX reads the IDX file called name, or name.gz, of so many dimensions.
func readIDX(dir, name string, dims int) (idxFile, error) {
	path := filepath.Join(dir, name)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		path += ".gz"
		file, err = os.Open(path)
	}
	if errors.Is(err, os.ErrNotExist) {
		return idxFile{}, fmt.Errorf("neither %[1]s nor %[1]s.gz is in %[2]s, which has others of the set's files", name, dir)
	}
	if err != nil {
		return idxFile{}, err
	}
	defer file.Close()
	size, data, err := decodeIDX(file, dims)
	if err != nil {
		return idxFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return idxFile{path, size, data}, nil
}

// maxIDX bounds what an IDX file may claim to hold.
const maxIDX = 4 << 30

// decodeIDX reads an IDX file of bytes, plain or compressed with gzip. It takes
// no more memory than twice what the file turns out to hold.
func decodeIDX(r io.Reader, dims int) (size []int, data []byte, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, fmt.Errorf("the file is damaged or cut short: %w", err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	head := make([]byte, 4+4*dims)
	if n, err := io.ReadFull(in, head); n == 0 && err == io.EOF {
		return nil, nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, nil, fmt.Errorf("the file is too short for an IDX header: %w", err)
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dims {
		return nil, nil, fmt.Errorf("not an IDX file of bytes in %d dimensions: it begins with % x, not 00 00 08 %02x", dims, head[:4], dims)
	}
	total := int64(1)
	for i := range dims {
		n := int64(binary.BigEndian.Uint32(head[4+4*i:]))
		if n < 1 || n > maxIDX/total {
			return nil, nil, fmt.Errorf("impossible size %d in dimension %d", n, i)
		}
		size = append(size, int(n))
		total *= n
	}
	data, err = io.ReadAll(io.LimitReader(in, total+1))
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("the file is damaged or cut short: %w", err)
	case int64(len(data)) < total:
		return nil, nil, fmt.Errorf("the file is cut short: %d of %d bytes", len(data), total)
	case int64(len(data)) > total:
		return nil, nil, fmt.Errorf("the file has more than the %d bytes that its header promises", total)
	}
	return size, data, nil
}
