package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
)

// A run on which a process works, what is no run and a link are refused and stay; a
// run goes with all that lies in it.
func TestRemove(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a")
	d, err := Create(path, []byte("a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Remove(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a run at work: %v", err)
	}
	link, other := filepath.Join(folder, "link"), filepath.Join(folder, "other")
	if err := errors.Join(os.Symlink(path, link), os.Mkdir(other, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := Remove(link); !errors.Is(err, ErrLink) {
		t.Errorf("a link: %v", err)
	}
	for _, name := range []string{other, filepath.Join(folder, "none")} {
		if err := Remove(name); !errors.Is(err, ErrNoRun) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadConfig(path); err != nil {
		t.Errorf("it was touched: %v", err)
	}
	if err := errors.Join(d.Close(), Remove(path)); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// What an interrupted removal leaves is found.
func TestLeftBehind(t *testing.T) {
	folder := t.TempDir()
	aside := filepath.Join(folder, removedPrefix+"a-X")
	if err := os.MkdirAll(filepath.Join(aside, "checkpoints"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := LeftBehind(folder); err != nil || len(got) != 1 || got[0] != aside {
		t.Errorf("%v, %v", got, err)
	}
}

// Of a run with three checkpoints and parts of interrupted writes the newest
// checkpoint and those that are named stay; one that is only under its aside name is
// the checkpoint itself.
func TestSweep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	d, err := Create(path, []byte("a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(path, checkpoints)
	for _, name := range []string{"step-1", "step-2", "step-3", newPrefix + "step-4", oldPrefix + "step-3", oldPrefix + "step-9"} {
		file := filepath.Join(root, name, stateFile)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, make([]byte, 10), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"config.yaml.tmp", ".report-123"} {
		if err := os.WriteFile(filepath.Join(path, name), make([]byte, 5), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Sweep(path, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("a run at work: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	found, err := Sweep(path, []proto.Step{1})
	bytes := int64(0)
	for _, s := range found {
		bytes += s.Bytes
	}
	if err != nil || len(found) != 5 || bytes != 40 {
		t.Errorf("removed %v, %d bytes: %v", found, bytes, err)
	}
	entries, err := os.ReadDir(root)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != ".old-step-9 step-1 step-3" {
		t.Errorf("left are %s, %v", got, err)
	}
}

// The end of a run by an error, in order, and without a word are told apart.
func TestLastEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	d, err := Create(path, []byte("a: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if e := LastEnd(path); e.Fault != "" || e.PID != os.Getpid() {
		t.Errorf("at work: %+v", e)
	}
	if err := d.CloseWith(errors.New("no room")); err == nil || LastEnd(path).Fault != "no room" {
		t.Errorf("failed: %v, %+v", err, LastEnd(path))
	}
	if d, _, err = Open(path); err != nil {
		t.Fatal(err)
	}
	if err := d.CloseWith(nil); err != nil || LastEnd(path).Fault != "" || LastEnd(path).At.IsZero() {
		t.Errorf("in order: %v, %+v", err, LastEnd(path))
	}
	gone := thisProcess()
	gone.Start = "1" // a process of this number that began at another time
	if err := os.WriteFile(filepath.Join(path, ownerFile), gone.encode(), 0o644); err != nil {
		t.Fatal(err)
	}
	if gone.Place != "" && (Active(path) || LastEnd(path).Fault != killed) {
		t.Errorf("killed: active %v, %+v", Active(path), LastEnd(path))
	}
}
