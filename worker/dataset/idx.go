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

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// errorf is fmt.Errorf under a name that reads well beside faulty.
func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// Files of MNIST and its kin, each plain or with .gz.
var mnistFiles = [2][2]string{
	{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
	{"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
}

// readMNIST reads IDX files from dir or the folders within it that common downloads make.
func readMNIST(dir string) (*Set, error) {
	s := &Set{}
	most := 0
	for i, split := range []*samples{&s.train, &s.test} {
		size, images, err := readIDX(dir, mnistFiles[i][0], 3)
		if err != nil {
			return nil, faulty("MNIST: %w", err)
		}
		count, labels, err := readIDX(dir, mnistFiles[i][1], 1)
		if err != nil {
			return nil, faulty("MNIST: %w", err)
		}
		if size[0] != count[0] {
			return nil, faulty("MNIST: %d images in %s and %d labels in %s", size[0], mnistFiles[i][0], count[0], mnistFiles[i][1])
		}
		shape := nn.Shape{C: 1, H: size[1], W: size[2]}
		if s.shape != (nn.Shape{}) && s.shape != shape {
			return nil, faulty("MNIST: training images are %d x %d, test images %d x %d", s.shape.H, s.shape.W, shape.H, shape.W)
		}
		s.shape, split.images = shape, images
		for _, l := range labels {
			split.labels = append(split.labels, uint16(l))
			most = max(most, int(l))
		}
	}
	s.classes = classNames("", max(most+1, 2))
	return s, nil
}

// readIDX reads the IDX file called name, or name.gz, of so many dimensions.
func readIDX(dir, name string, dims int) (size []int, data []byte, err error) {
	var file *os.File
	for _, sub := range []string{"", "raw", "MNIST/raw", "FashionMNIST/raw"} {
		for _, suffix := range []string{"", ".gz"} {
			if file == nil {
				file, err = os.Open(filepath.Join(dir, sub, name+suffix))
				if err != nil && !errors.Is(err, os.ErrNotExist) {
					return nil, nil, err
				}
			}
		}
	}
	if file == nil {
		return nil, nil, errorf("neither %s nor %s.gz is in %s; give the directory of the IDX files with --data-dir", name, name, dir)
	}
	defer file.Close()
	size, data, err = decodeIDX(file, dims)
	if err != nil {
		return nil, nil, errorf("%s: %w", file.Name(), err)
	}
	return size, data, nil
}

// maxIDX bounds what an IDX file may claim to hold.
const maxIDX = 4 << 30

// decodeIDX reads an IDX file of bytes, plain or compressed with gzip.
func decodeIDX(r io.Reader, dims int) (size []int, data []byte, err error) {
	in := bufio.NewReader(r)
	if head, err := in.Peek(2); err == nil && head[0] == 0x1f && head[1] == 0x8b {
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, nil, err
		}
		in = bufio.NewReader(z)
	}
	head := make([]byte, 4+4*dims)
	if _, err := io.ReadFull(in, head); err != nil {
		return nil, nil, errors.New("the file is too short for an IDX header")
	}
	if head[0] != 0 || head[1] != 0 || head[2] != 8 || int(head[3]) != dims {
		return nil, nil, errorf("not an IDX file of bytes in %d dimensions: it begins with % x", dims, head[:4])
	}
	total := 1
	for i := range dims {
		n := int(binary.BigEndian.Uint32(head[4+4*i:]))
		if n < 1 || n > maxIDX/total {
			return nil, nil, errorf("impossible size %d in dimension %d", n, i)
		}
		size = append(size, n)
		total *= n
	}
	data, err = io.ReadAll(io.LimitReader(in, int64(total)+1))
	switch {
	case err != nil:
		return nil, nil, errorf("the file is damaged or cut short: %w", err)
	case len(data) < total:
		return nil, nil, errorf("the file is cut short: %d of %d bytes", len(data), total)
	case len(data) > total:
		return nil, nil, errorf("more than the %d bytes that the header promises", total)
	}
	return size, data, nil
}
