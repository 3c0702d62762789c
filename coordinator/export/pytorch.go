package export

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

const (
	ptFile = "model.pt"
	pyFile = "model.py"
)

// modelPy is the module that reads model.pt.
//
//go:embed model.py
var modelPy []byte

// writePyTorch writes a directory with model.pt and model.py.
func writePyTorch(s *Source, path string) error {
	if err := errors.Join(hasWidths(s.Model), hasNoOwn(s.Model)); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	if err := writePT(s, filepath.Join(path, ptFile)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(path, pyFile), modelPy, 0o644)
}

// writePT writes a dict of tensors by name in the zip format of torch.save (version 3),
// which torch.load reads with weights_only=True.
func writePT(s *Source, path string) error {
	info, err := describe(s)
	if err != nil {
		return err
	}
	list := entries(s.Model)
	records := []record{{"model/data.pkl", func() []byte { return pickle(list) }}}
	for i, e := range list {
		records = append(records, record{"model/data/" + strconv.Itoa(i), e.bytes})
	}
	records = append(records, record{"model/version", func() []byte { return []byte("3\n") }},
		record{"model/" + infoRecord, func() []byte { return info }})
	return writeZip(path, records)
}

// pickle returns the pickle (protocol 2) of a dict from names to tensors, whose storages
// are the records 0, 1, ... as persistent ids tell.
func pickle(list []entry) []byte {
	p := pickler{0x80, 2, '}', '('}
	for i, e := range list {
		p.text(e.Name)
		p.global("torch._utils", "_rebuild_tensor_v2")
		p = append(p, '(', '(')
		p.text("storage")
		p.global("torch", "FloatStorage")
		p.text(strconv.Itoa(i))
		p.text("cpu")
		p.integer(len(e.values))
		p = append(p, 't', 'Q')
		p.integer(0) // offset in the storage
		p.integers(e.Shape)
		strides, step := make([]int, len(e.Shape)), 1
		for d := len(strides) - 1; d >= 0; d-- {
			strides[d] = step
			step *= e.Shape[d]
		}
		p.integers(strides)
		p = append(p, 0x89) // it asks for no gradient
		p.global("collections", "OrderedDict")
		p = append(p, ')', 'R', 't', 'R')
	}
	return append(p, 'u', '.')
}

// pickler is a pickle that is being written.
type pickler []byte

func (p *pickler) text(s string) {
	*p = binary.LittleEndian.AppendUint32(append(*p, 'X'), uint32(len(s)))
	*p = append(*p, s...)
}

// pythonModule is the name of a module of Python.
type pythonModule string

// global refers to what a module calls name.
func (p *pickler) global(module pythonModule, name string) {
	*p = append(*p, 'c')
	*p = append(*p, string(module)+"\n"+name+"\n"...)
}

func (p *pickler) integer(n int) { *p = binary.LittleEndian.AppendUint32(append(*p, 'J'), uint32(n)) }

func (p *pickler) integers(list []int) {
	*p = append(*p, '(')
	for _, n := range list {
		p.integer(n)
	}
	*p = append(*p, 't')
}

// readPyTorch reads a model.pt that writePT wrote: its pickle is not run, as the
// records stand in the order of the architecture.
func readPyTorch(path string) (*nn.Model, *nn.Card, error) {
	a, err := openZip(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := a.info("model/" + infoRecord)
	if err != nil {
		return nil, nil, err
	}
	g, _, err := checkpoint.Described(path, info)
	if err != nil {
		return nil, nil, err
	}
	var tensors []tensor
	for i, e := range append(g.ParamEntries(), g.BufferEntries()...) {
		data, err := a.read("model/data/" + strconv.Itoa(i))
		if err != nil {
			return nil, nil, err
		}
		tensors = append(tensors, tensor{e.Name, e.Shape, data})
	}
	if extra := fmt.Sprintf("model/data/%d", len(tensors)); a.files[extra] != nil {
		return nil, nil, damaged(path, fmt.Errorf("it has more than the %d tensors of its architecture", len(tensors)))
	}
	return assemble(path, info, tensors)
}
