package export

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// infoRecord is the record of an archive that holds what checkpoint.Describe says.
const infoRecord = "tinygrow.json"

// record is a file in an archive.
type record struct {
	name string
	data func() []byte
}

// writeZip writes an archive of records that are not compressed, their sizes in front
// of them, as numpy and PyTorch write theirs.
func writeZip(path string, records []record) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	for _, r := range records {
		data := r.data()
		n := uint64(len(data))
		w, err := z.CreateRaw(&zip.FileHeader{Name: r.name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), CompressedSize64: n,
			UncompressedSize64: n})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(z.Close(), f.Sync(), f.Close())
}

// archive is a zip archive in memory.
type archive struct {
	path  string
	files map[string]*zip.File
}

// openZip opens the archive at path, whose records are not compressed.
func openZip(path string) (*archive, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, damaged(path, err)
	}
	a := &archive{path, map[string]*zip.File{}}
	for _, f := range z.File {
		if f.Method != zip.Store || f.UncompressedSize64 > uint64(len(data)) {
			return nil, damaged(path, fmt.Errorf("%.80q is compressed or larger than the file: only what tinygrow export wrote is read",
				f.Name))
		}
		a.files[f.Name] = f
	}
	return a, nil
}

// read returns a record.
func (a *archive) read(name string) ([]byte, error) {
	f, ok := a.files[name]
	if !ok {
		return nil, damaged(a.path, fmt.Errorf("it has no record %q: only what tinygrow export wrote is read", name))
	}
	r, err := f.Open()
	if err != nil {
		return nil, damaged(a.path, err)
	}
	data, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil { // the checksum is among it
		return nil, damaged(a.path, fmt.Errorf("%s: %w", name, err))
	}
	return data, nil
}

// info returns what the archive says of its model.
func (a *archive) info(name string) (info map[string]string, err error) {
	data, err := a.read(name)
	if err == nil && json.Unmarshal(data, &info) != nil {
		err = damaged(a.path, fmt.Errorf("%s is not what was written", name))
	}
	return info, err
}

// writeNPZ writes one array for each tensor, under its name.
func writeNPZ(s *Source, path string) error {
	info, err := describe(s)
	if err != nil {
		return err
	}
	var records []record
	for _, e := range entries(s.Model) {
		records = append(records, record{e.Name + ".npy", func() []byte { return append(npyHead(e.Shape), e.bytes()...) }})
	}
	records = append(records, record{infoRecord, func() []byte { return info }})
	return writeZip(path, records)
}

// npyHead returns the head of an array of float32 of version 1.0, in C's order.
func npyHead(shape []int) []byte {
	var dims strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&dims, "%d,", d)
	}
	head := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }", dims.String())
	const prefix, align = 10, 64
	head += strings.Repeat(" ", align-(prefix+len(head)+1)%align) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(b[8:], uint16(len(head)))
	return append(b, head...)
}

var npyDims = regexp.MustCompile(`^\{'descr': '<f4', 'fortran_order': False, 'shape': \(((?:[0-9]{1,10},)*)\), \} *\n$`)

// parseNPY reads an array that npyHead begins.
func parseNPY(data []byte) (shape []int, values []byte, err error) {
	if len(data) < 10 || string(data[:8]) != "\x93NUMPY\x01\x00" {
		return nil, nil, errors.New("no array of numpy's format 1.0")
	}
	n := 10 + int(binary.LittleEndian.Uint16(data[8:]))
	if n > len(data) {
		return nil, nil, errors.New("its head is cut")
	}
	dims := npyDims.FindSubmatch(data[10:n])
	if dims == nil {
		return nil, nil, errors.New("no float32 array in C's order")
	}
	for d := range strings.SplitSeq(strings.TrimSuffix(string(dims[1]), ","), ",") {
		v, err := strconv.Atoi(d)
		if err != nil {
			return nil, nil, err
		}
		shape = append(shape, v)
	}
	return shape, data[n:], nil
}

// describe returns the record of what a file says of its model.
func describe(s *Source) ([]byte, error) {
	info, err := describeMap(s)
	if err != nil {
		return nil, err
	}
	return json.Marshal(info)
}

func readNPZ(path string) (*nn.Model, *nn.Card, error) {
	a, err := openZip(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := a.info(infoRecord)
	if err != nil {
		return nil, nil, err
	}
	var tensors []tensor
	for name := range a.files {
		name, ok := strings.CutSuffix(name, ".npy")
		if !ok {
			continue
		}
		data, err := a.read(name + ".npy")
		if err != nil {
			return nil, nil, err
		}
		shape, values, err := parseNPY(data)
		if err != nil {
			return nil, nil, damaged(path, fmt.Errorf("%.80q: %w", name, err))
		}
		tensors = append(tensors, tensor{name, shape, values})
	}
	return assemble(path, info, tensors)
}
