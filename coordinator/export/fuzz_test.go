package export

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
)

// FuzzRead reads whatever stands in a file of an export: a model that is what the file
// says, or an error that says that it is damaged.
func FuzzRead(f *testing.F) {
	s := &Source{Model: small(f)}
	for i, format := range []Format{"onnx", "npz", "pytorch"} {
		path := filepath.Join(f.TempDir(), DefaultPath("a", format))
		if err := Write(s, format, path); err != nil {
			f.Fatal(err)
		}
		at, _ := locate(path)
		data, err := os.ReadFile(at)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), data)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		path := filepath.Join(t.TempDir(), "x"+[]string{".onnx", ".npz", ".pt"}[kind%3])
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		m, _, err := Read(path)
		if err != nil {
			if !errors.Is(err, checkpoint.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if err := m.Graph.Validate(); err != nil || len(m.Params) != m.Graph.NumParams() || len(m.Buffers) != m.Graph.NumBuffers() {
			t.Fatal(err)
		}
	})
}
