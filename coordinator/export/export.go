// Package export writes trained networks in the formats of other programs and reads
// them back:
//
//	safetensors  a directory with model.safetensors, config.json and a model card, README.md
//	onnx         a file of opset 17: input image (N, C, H, W), normalised; output logits (N, classes)
//	npz          a file that numpy.load reads: an array for each tensor
//	pytorch      a directory with model.pt, a dict of tensors as torch.save writes it, and model.py, whose module reads it
//	gromotion    a directory that the GroMotion viewer ingests: how the network grew
//
// Tensors have PyTorch's names, shapes and order. Each of the first four also holds what
// package checkpoint lists: architecture, input size, mean and deviation, names of
// classes and data; so Read returns the model with the bits it was written with.
//
// Files are written under another name and renamed once they are whole. What is read is
// bounded by its own size, and every tensor is held against the architecture.
package export

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/proto/file"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Source is what is exported.
type Source struct {
	Model *nn.Model
	Card  *nn.Card
	// Run is the account of the run that made the model; nil: it is not known.
	Run *view.Run
	// Step is that of the model in its run.
	Step uint64
}

// Format is the name of a format, one of Formats.
type Format string

// format is a way to write a network.
type format struct {
	name Format
	// ending is that of the name of the file or directory, behind the name of the run.
	ending string
	write  func(s *Source, path string) error // path does not exist
}

var formats = []format{
	{"safetensors", "-safetensors", writeSafetensors},
	{"onnx", ".onnx", writeONNX},
	{"npz", ".npz", writeNPZ},
	{"pytorch", "-pytorch", writePyTorch},
	{"gromotion", "-gromotion", writeGroMotion},
}

// FormatList returns the names of all formats, for a person to choose from.
func FormatList() string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f.name))
	}
	return strings.Join(names, ", ")
}

var (
	// ErrFormat is returned for the name of no format.
	ErrFormat = errors.New("no such format")
	// ErrExists is returned where something lies already.
	ErrExists = errors.New("it exists already")
	// ErrCannot is returned for a network that a format cannot express.
	ErrCannot = errors.New("the format cannot express it")
)

// DefaultPath returns the name of the export in a format of what lies at path.
func DefaultPath(path string, name Format) string {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	base := strings.TrimSuffix(filepath.Base(filepath.Clean(path)), ".safetensors")
	if i < 0 {
		return base
	}
	return base + formats[i].ending
}

// Write writes s in a format to path, where nothing may lie.
func Write(s *Source, name Format, path string) error {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == name })
	if i < 0 {
		return fmt.Errorf("%w: %q: use one of %s", ErrFormat, name, FormatList())
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w: remove it, or name another", path, errors.Join(ErrExists, err))
	}
	if s.Model.Graph.LRA != nil { // error synapses are of use in training alone
		plain := *s
		plain.Model = s.Model.WithoutLRA()
		s = &plain
	}
	part := path + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	if err := formats[i].write(s, part); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), os.RemoveAll(part))
	}
	return os.Rename(part, path)
}

// Is reports whether path looks like an export that Read reads, and no file or
// directory of a run.
func Is(path string) bool {
	_, kind := locate(path)
	return kind != ""
}

// locate returns the file of an export that holds the model, and its kind by its ending.
func locate(path string) (file, kind string) {
	for _, name := range []string{"", checkpoint.ModelFile, ptFile} {
		at := filepath.Join(path, name)
		info, err := os.Stat(at)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if name == checkpoint.ModelFile {
			if _, err := os.Stat(filepath.Join(path, configFile)); err != nil {
				continue // a checkpoint
			}
		}
		if ending := filepath.Ext(at); slices.Contains([]string{".onnx", ".npz", ".pt"}, ending) || name == checkpoint.ModelFile {
			return at, ending
		}
	}
	return "", ""
}

// Read reads a model that Write wrote.
func Read(path string) (*nn.Model, *nn.Card, error) {
	at, kind := locate(path)
	switch kind {
	case ".onnx":
		return readONNX(at)
	case ".npz":
		return readNPZ(at)
	case ".pt":
		return readPyTorch(at)
	case ".safetensors":
		return checkpoint.LoadModel(at)
	}
	return nil, nil, fmt.Errorf("%s: %w", path, ErrFormat)
}

// maxExport bounds an export that is read, in bytes.
const maxExport = 4<<30 + 64<<20

// damaged is an error about the contents of a file.
func damaged(path string, err error) error {
	return fmt.Errorf("%w: %s: %w", checkpoint.ErrDamaged, path, err)
}

// readFile reads an export.
func readFile(path string) ([]byte, error) {
	data, err := file.Read(path, maxExport)
	if errors.Is(err, file.ErrIrregular) || errors.Is(err, file.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", checkpoint.ErrDamaged, err)
	}
	return data, err
}

// tensor is one tensor of a file, little-endian float32.
type tensor struct {
	name  string
	shape []int
	data  []byte
}

// entry is a tensor of a model with its values.
type entry struct {
	nn.Entry
	values []float32
}

// entries returns all tensors of a model: parameters, then buffers.
func entries(m *nn.Model) []entry {
	var list []entry
	for _, e := range m.Graph.ParamEntries() {
		list = append(list, entry{e, e.Of(m.Params)})
	}
	for _, e := range m.Graph.BufferEntries() {
		list = append(list, entry{e, e.Of(m.Buffers)})
	}
	return list
}

// bytes returns the values, little-endian.
func (e *entry) bytes() []byte {
	b := make([]byte, 4*len(e.values))
	for i, v := range e.values {
		bits := math.Float32bits(v)
		b[4*i], b[4*i+1], b[4*i+2], b[4*i+3] = byte(bits), byte(bits>>8), byte(bits>>16), byte(bits>>24)
	}
	return b
}

// assemble makes a model of what a file at path says of itself and of its tensors,
// which must be those of its architecture.
func assemble(path string, info map[string]string, tensors []tensor) (*nn.Model, *nn.Card, error) {
	g, card, err := checkpoint.Described(path, info)
	if err != nil {
		return nil, nil, err
	}
	size := 0
	for _, t := range tensors {
		size += len(t.data)
	}
	if want := 4 * (g.NumParams() + g.NumBuffers()); size != want {
		return nil, nil, damaged(path, fmt.Errorf("%d bytes of values, its architecture has %d", size, want))
	}
	m := &nn.Model{Graph: g, Params: make([]float32, g.NumParams()), Buffers: make([]float32, g.NumBuffers())}
	for _, e := range entries(m) {
		i := slices.IndexFunc(tensors, func(t tensor) bool { return t.name == e.Name })
		if i < 0 {
			return nil, nil, damaged(path, fmt.Errorf("no tensor %q, which the architecture has", e.Name))
		}
		t := tensors[i]
		if !slices.Equal(t.shape, e.Shape) || len(t.data) != 4*len(e.values) {
			return nil, nil, damaged(path, fmt.Errorf("tensor %q has shape %d and %d bytes, the architecture's has %d", t.name, t.shape,
				len(t.data), e.Shape))
		}
		for k := range e.values {
			b := t.data[4*k:]
			e.values[k] = math.Float32frombits(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
		}
	}
	if sum := checkpoint.ModelSHA256(m); sum != info[digestKey] {
		return nil, nil, damaged(path, fmt.Errorf("its model has sha256 %.12s, it says %.12q", sum, info[digestKey]))
	}
	return m, card, nil
}

// digestKey is the name of the model's digest in what a file says of itself. Files
// without checksums have it behind all else.
const digestKey = "model_sha256"

// describeMap returns what a file says of its model.
func describeMap(s *Source) (map[string]string, error) {
	info, err := checkpoint.Describe(s.Model.Graph, s.Card)
	if err == nil {
		delete(info, "format")
		info[digestKey] = checkpoint.ModelSHA256(s.Model)
	}
	return info, err
}

// hasWidths refuses a network with a layer of no outputs, which other programs do not know.
func hasWidths(m *nn.Model) error {
	shapes, err := m.Graph.Shapes()
	if err != nil {
		return err
	}
	for _, n := range m.Graph.Nodes {
		if shapes[n.ID].Len() == 0 {
			return fmt.Errorf("%w: %s (%s) has no outputs yet: train until it has grown, or take the format safetensors or npz", ErrCannot,
				n.ID, n.Op)
		}
	}
	return nil
}

// hasNoOwn refuses a network with a layer that a program brought along, which other programs do not know.
func hasNoOwn(m *nn.Model) error {
	for _, n := range m.Graph.Nodes {
		if n.Op.Own() {
			return fmt.Errorf("%w: %s is a layer of your own, %s, which other programs do not compute: take the format "+
				"safetensors or npz", ErrCannot, n.ID, n.Op)
		}
	}
	return nil
}
