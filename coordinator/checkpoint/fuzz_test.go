package checkpoint

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// savedRun makes a run with one checkpoint, of step 1.
func savedRun(f *testing.F) (dir string, c *Checkpoint) {
	dir = filepath.Join(f.TempDir(), "run")
	d, err := Create(dir, []byte("seed: 1\n"))
	if err != nil {
		f.Fatal(err)
	}
	c = testCheckpoint(4, 1)
	if err := errors.Join(d.Journal.Append("event"), d.Metrics.Append("metric"), d.Save(c, 1), d.Close()); err != nil {
		f.Fatal(err)
	}
	return dir, c
}

func contents(f *testing.F, dir, name string) []byte {
	data, err := os.ReadFile(filepath.Join(StepDir(dir, 1), name))
	if err != nil {
		f.Fatal(err)
	}
	return data
}

func FuzzLoadModel(f *testing.F) {
	dir, _ := savedRun(f)
	f.Add(contents(f, dir, modelFile))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseTensors("file", data)
		if err != nil {
			return
		}
		if m, err := file.model(); err == nil && len(m.Params) != m.Graph.NumParams() {
			t.Error("a model that does not fit its graph")
		}
	})
}

func FuzzLoadSlots(f *testing.F) {
	dir, saved := savedRun(f)
	f.Add(contents(f, dir, optimizerFile))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := parseTensors("file", data)
		if err != nil {
			return
		}
		c := &Checkpoint{State: saved.State, Model: saved.Model}
		if err := c.fillSlots(file); err != nil {
			return
		}
		if OptimizerSHA256(c.Updates, c.Slots) != saved.OptimizerSHA256 {
			t.Error("other slots than those of the checkpoint")
		}
	})
}

// FuzzState loads a checkpoint with another state.json, and the logs with it.
func FuzzState(f *testing.F) {
	dir, _ := savedRun(f)
	f.Add(contents(f, dir, stateFile))
	f.Add([]byte(`{"version":2,"journal_bytes":-1,"metrics_bytes":9223372036854775807}`))
	path := filepath.Join(StepDir(dir, 1), stateFile)
	f.Fuzz(func(t *testing.T, data []byte) {
		var s State
		if json.Unmarshal(data, &s) == nil { // as somebody would write it who knows the digest
			if sealed, err := s.encode(); err == nil {
				data = sealed
			}
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		d, c, err := Open(dir)
		if err != nil {
			return
		}
		if c.JournalBytes != d.Journal.Bytes() || c.MetricsBytes != d.Metrics.Bytes() {
			t.Errorf("%+v", c.State)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzUnpack unpacks what may be a bundle, or one with a file more.
func FuzzUnpack(f *testing.F) {
	dir, c := savedRun(f)
	b, err := (&Dir{path: dir}).Bundle(c)
	if err != nil {
		f.Fatal(err)
	}
	defer b.Close()
	var out bytes.Buffer
	if err := b.Write(&out); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes(), "", []byte{})
	f.Add(out.Bytes(), "../aside", []byte("x"))
	f.Add(out.Bytes(), "aside/", []byte("x"))
	f.Add(out.Bytes()[:1024], ConfigFile, []byte("seed: 2\n"))
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, name string, more []byte) {
		if name != "" {
			var extra bytes.Buffer
			w := tar.NewWriter(&extra)
			if w.WriteHeader(&tar.Header{Name: name, Size: int64(len(more)), Mode: 0o644}) != nil {
				return
			}
			if _, err := w.Write(more); err != nil {
				return // what ends in a slash is a directory, which holds nothing
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			data = append(extra.Bytes(), data...)
		}
		to := filepath.Join(root, "to", "run")
		if err := os.RemoveAll(filepath.Dir(to)); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(to, 0o755); err != nil {
			t.Fatal(err)
		}
		err := Unpack(to, bytes.NewReader(data), 1)
		if beside, _ := os.ReadDir(filepath.Dir(to)); len(beside) != 1 {
			t.Fatalf("files beside the run: %v", beside)
		}
		if err != nil {
			return
		}
		d, c, err := Open(to)
		switch {
		case errors.Is(err, ErrDamaged): // logs that are not those of the checkpoint
		case err != nil:
			t.Fatal(err)
		case c == nil || c.Step != 1 && c.Version != version:
			t.Fatalf("%+v", c)
		default:
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
