package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/nlpodyssey/safetensors"
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

func readTensors(path string) (*tensorFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return parseTensors(path, data)
}

// parseTensors reads the contents of the file at path.
func parseTensors(path string, data []byte) (*tensorFile, error) {
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
