package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"

	"github.com/nlpodyssey/safetensors"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// ErrDamaged is returned when a file of a checkpoint is not what was written.
var ErrDamaged = errors.New("damaged checkpoint")

// named is one tensor of a file.
type named struct {
	name   string
	shape  []int
	values []float32
}

// part returns the tensors of entries in flat, their names preceded by prefix.
func part(prefix string, entries []nn.Entry, flat []float32) []named {
	out := make([]named, len(entries))
	for i, e := range entries {
		out[i] = named{prefix + e.Name, e.Shape, e.Of(flat)}
	}
	return out
}

// view is a tensor as the library takes it; bytes are made when asked for.
type view struct{ named }

func (v view) DType() safetensors.DType { return safetensors.F32 }
func (v view) DataLen() uint64          { return 4 * uint64(len(v.values)) }

func (v view) Shape() []uint64 {
	s := make([]uint64, len(v.shape))
	for i, d := range v.shape {
		s[i] = uint64(d)
	}
	return s
}

func (v view) Data() []byte {
	b := make([]byte, 0, 4*len(v.values))
	for _, x := range v.values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// writeTensors writes a safetensors file and syncs it.
func (d *disk) writeTensors(path string, tensors []named, info map[string]string) error {
	views := make(map[string]view, len(tensors))
	for _, t := range tensors {
		views[t.name] = view{t}
	}
	return d.writeFile(path, func(f *os.File) error { return safetensors.SerializeToWriter(views, info, f) })
}

// tensorFile is a safetensors file in memory.
type tensorFile struct {
	path string
	file safetensors.SafeTensors
	info map[string]string
}

// Bounds of a safetensors header: bytes, and tensors.
const (
	maxHeader  = 16 << 20
	maxTensors = 1 << 16
)

// readTensors reads a file that holds as many float32 values as expect makes of its
// metadata; a file of another size is not read.
func readTensors(path string, expect func(info map[string]string) (values int, err error)) (*tensorFile, error) {
	f, size, err := openTensors(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head, info, err := readHead(f, size)
	if err != nil {
		return nil, err
	}
	damaged := func(err error) error { return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err) }
	values, err := expect(info)
	if err != nil {
		return nil, damaged(err)
	}
	if rest := size - int64(len(head)); rest != 4*int64(values) {
		return nil, damaged(fmt.Errorf("%d bytes of values, its architecture has %d", rest, 4*int64(values)))
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(f, data[copy(data, head):]); err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	return parseTensors(path, data)
}

// openTensors opens a file of tensors and returns its size.
func openTensors(path string) (*os.File, int64, error) {
	f, size, err := file.Open(path)
	if errors.Is(err, file.ErrIrregular) {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("checkpoint: %w", err)
	}
	return f, size, nil
}

// readHead reads the header of a file of tensors, with the length in front of it,
// and returns the metadata in it as well.
func readHead(f *os.File, size int64) (head []byte, info map[string]string, err error) {
	head = make([]byte, min(size, 8))
	if _, err := io.ReadFull(f, head); err != nil {
		return nil, nil, fmt.Errorf("checkpoint: %s: %w", f.Name(), err)
	}
	damaged := func(err error) error { return fmt.Errorf("%w: %s: %w", ErrDamaged, f.Name(), err) }
	n, err := headerLen(head)
	if err != nil {
		return nil, nil, damaged(err)
	}
	if n > size-8 {
		return nil, nil, damaged(fmt.Errorf("a header of %d bytes in a file of %d", n, size))
	}
	head = append(head, make([]byte, n)...)
	if _, err := io.ReadFull(f, head[8:]); err != nil {
		return nil, nil, fmt.Errorf("checkpoint: %s: %w", f.Name(), err)
	}
	if info, err = readHeader(head[8:]); err != nil {
		return nil, nil, damaged(err)
	}
	return head, info, nil
}

// readInfo returns the metadata of a file of tensors, which are not read.
func readInfo(path string) (map[string]string, error) {
	f, size, err := openTensors(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, info, err := readHead(f, size)
	return info, err
}

// headerLen returns the length of the header that follows the first eight bytes.
func headerLen(data []byte) (int64, error) {
	if len(data) < 8 {
		return 0, fmt.Errorf("%d bytes are no header", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader {
		return 0, fmt.Errorf("a header of %d bytes: must be at most %d", n, maxHeader)
	}
	return int64(n), nil
}

// readHeader returns the metadata of a header, in which no more tensors may stand
// than are read.
func readHeader(header []byte) (map[string]string, error) {
	d := json.NewDecoder(bytes.NewReader(header))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("its header is no JSON object")
	}
	var info map[string]string
	for entries := 0; d.More(); entries++ {
		if entries > maxTensors {
			return nil, fmt.Errorf("more than %d tensors", maxTensors)
		}
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		var skip json.RawMessage
		to := any(&skip)
		if name == "__metadata__" {
			to = &info
		}
		if err := d.Decode(to); err != nil {
			return nil, fmt.Errorf("header: %v: %w", name, err)
		}
	}
	return info, nil
}

// parseTensors reads the contents of the file at path.
func parseTensors(path string, data []byte) (*tensorFile, error) {
	n, err := headerLen(data)
	if err == nil {
		_, err = readHeader(data[8:min(8+n, int64(len(data)))])
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	file, err := safetensors.Deserialize(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	_, meta, err := safetensors.ReadMetadata(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return &tensorFile{path, file, meta.Metadata()}, nil
}

// fill copies the file's tensors into want, which must name all of them with their shapes.
func (f *tensorFile) fill(want []named) error {
	if n := f.file.Len(); n != len(want) {
		return fmt.Errorf("%w: %s: %d tensors, the architecture has %d", ErrDamaged, f.path, n, len(want))
	}
	for _, w := range want {
		t, ok := f.file.Tensor(w.name)
		if !ok {
			return fmt.Errorf("%w: %s: no tensor %q, which the architecture has", ErrDamaged, f.path, w.name)
		}
		if t.DType() != safetensors.F32 || !slices.Equal(t.Shape(), view{w}.Shape()) {
			return fmt.Errorf("%w: %s: tensor %q has shape %d, the architecture's has %d", ErrDamaged, f.path, w.name, t.Shape(), w.shape)
		}
		data := t.Data()
		for i := range w.values {
			w.values[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
	}
	return nil
}

// values returns the number of float32 values in the file.
func (f *tensorFile) values() int {
	n := 0
	for _, t := range f.file.Tensors() {
		n += int(t.TensorView.DataLen()) / 4
	}
	return n
}
