package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// limited makes a run with one checkpoint, of step 1.
func limited(t *testing.T) (dir, step string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	d, err := Create(dir, []byte("seed: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Journal.Append("event"), d.Save(testCheckpoint(4, 1), 1), d.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, StepDir(dir, 1)
}

// allocated returns the bytes that f takes from the heap.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// No file of a run is read that is no file, or larger than its limit: each is
// replaced by a device, a pipe, a directory and a sparse file of twice the limit.
func TestFilesOfARunAreBounded(t *testing.T) {
	for name, limit := range map[string]int64{ConfigFile: MaxConfig, stateFile: maxState, modelFile: 1 << 39, optimizerFile: 1 << 39,
		JournalFile: 0} {
		for kind, replace := range map[string]func(path string) error{
			"a device":    func(path string) error { return os.Symlink("/dev/zero", path) },
			"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o644) },
			"a directory": func(path string) error { return os.Mkdir(path, 0o755) },
			"too large": func(path string) error {
				return errors.Join(os.WriteFile(path, nil, 0o644), os.Truncate(path, 2*limit))
			},
			"a model that goes on": func(path string) error {
				data, err := os.ReadFile(path + ".old")
				return errors.Join(err, os.WriteFile(path, data, 0o644), os.Truncate(path, 2*limit))
			},
		} {
			if limit == 0 && strings.HasPrefix(kind, "a model") || limit == 0 && kind == "too large" {
				continue
			}
			dir, step := limited(t)
			path := filepath.Join(step, name)
			if name == ConfigFile || name == JournalFile {
				path = filepath.Join(dir, name)
			}
			if err := errors.Join(os.Rename(path, path+".old"), replace(path)); err != nil {
				t.Fatal(err)
			}
			var err error
			took := allocated(func() { _, _, err = Open(dir) })
			if err == nil || !strings.Contains(err.Error(), name) || took > 64<<20 {
				t.Errorf("%s: %s: %d bytes taken, %v", name, kind, took, err)
			}
			if !errors.Is(err, ErrDamaged) && !errors.Is(err, syscall.EISDIR) {
				t.Errorf("%s: %s: %v", name, kind, err)
			}
		}
	}
}

// Names that are not those of checkpoints, though they look alike, are passed over.
func TestOnlyCheckpointsAreCounted(t *testing.T) {
	dir, _ := limited(t)
	for _, name := range []string{"step-007", "step-+9", "step-0x9", "step-99999999999999999999", "step-", "step-2.old"} {
		if err := os.Mkdir(filepath.Join(dir, checkpoints, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := Latest(dir); err != nil || c.Step != 1 {
		t.Errorf("%v", err)
	}
}

// header writes a file that begins with a header of so many tensors, none of which has a value.
func header(t *testing.T, path string, tensors int) {
	var b bytes.Buffer
	b.WriteString(`{"__metadata__":{"format":"pt"}`)
	for i := range tensors {
		fmt.Fprintf(&b, `,"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`, i)
	}
	b.WriteString("}")
	data := append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A header is bounded in bytes and in tensors before it is decoded.
func TestHeadersAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), modelFile)
	for tensors, says := range map[int]string{
		maxTensors - 1: "graph", 2 * maxTensors: "more than 65536 tensors", 1 << 20: "must be at most 16777216",
	} {
		header(t, path, tensors)
		var err error
		took := allocated(func() { _, _, err = LoadModel(path) })
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), says) || took > 64<<20 {
			t.Errorf("%d tensors: %d bytes taken, %v, want %q", tensors, took, err, says)
		}
	}
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"half a length":   {1, 2, 3},
		"a length alone":  binary.LittleEndian.AppendUint64(nil, 1<<20),
		"twice the limit": append(binary.LittleEndian.AppendUint64(nil, 2*maxHeader), make([]byte, 64)...),
		"no object":       append(binary.LittleEndian.AppendUint64(nil, 2), "[]"...),
		"no text":         append(binary.LittleEndian.AppendUint64(nil, 20), `{"__metadata__": 3}}`...),
		"open":            append(binary.LittleEndian.AppendUint64(nil, 4), `{"a"`...),
		"the largest":     binary.LittleEndian.AppendUint64(nil, math.MaxUint64),
	} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadModel(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What state.json says is checked against what a run can have, though its own
// digest is right.
func TestStatesAreWithinTheirRanges(t *testing.T) {
	for name, change := range map[string]func(*State){
		"a step beyond all":        func(s *State) { s.Step = math.MaxUint64 },
		"a term beyond all":        func(s *State) { s.Term = math.MaxUint64 },
		"a generation beyond all":  func(s *State) { s.Generation = math.MaxUint64 },
		"updates beyond all":       func(s *State) { s.Updates = math.MaxUint64 },
		"a run elsewhere":          func(s *State) { s.Run = "../../x" },
		"no run":                   func(s *State) { s.Run = "" },
		"a negative length":        func(s *State) { s.JournalBytes = -1 },
		"a length beyond all":      func(s *State) { s.MetricsBytes = math.MaxInt64 },
		"a digest that is no hash": func(s *State) { s.JournalSHA256 = "../x" },
		"a start elsewhere":        func(s *State) { s.Born = "a.b" },
		"another step":             func(s *State) { s.Step = 2 },
	} {
		dir, step := limited(t)
		s, err := ReadState(step)
		if err != nil {
			t.Fatal(err)
		}
		change(&s)
		sealed, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(sealed) {
			t.Fatalf("%s", sealed)
		}
		if err := os.WriteFile(filepath.Join(step, stateFile), sealed, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Latest(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := Open(dir); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: opened: %v", name, err)
		}
	}
}
