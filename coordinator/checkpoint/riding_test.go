package checkpoint

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// riddenCheckpoint is one with statistics that rode along.
func riddenCheckpoint(step proto.Step) *Checkpoint {
	c := testCheckpoint(4, step)
	for i := range growth.WindowLen(c.Model.Graph) {
		c.Riding = append(c.Riding, float64(i)/3)
	}
	return c
}

// riddenRun makes a run with that checkpoint at step 1, and closes it.
func riddenRun(t *testing.T, c *Checkpoint) (path string, bundle []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "run")
	d, err := Create(path, []byte("seed: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Save(c, 1); err != nil {
		t.Fatal(err)
	}
	b, err := d.Bundle(c)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := errors.Join(b.Write(&out), b.Close(), d.Close()); err != nil {
		t.Fatal(err)
	}
	return path, out.Bytes()
}

// Statistics that rode along are in the checkpoint and in its bundle; where none did,
// the format is that of before and there is no file.
func TestStatisticsThatRodeAlongAreSaved(t *testing.T) {
	want := riddenCheckpoint(1)
	if len(want.Riding) == 0 {
		t.Fatal("the graph has no site")
	}
	path, bundle := riddenRun(t, want)
	other := filepath.Join(t.TempDir(), "other")
	if err := Unpack(other, bytes.NewReader(bundle), 1); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{path, other} {
		c, err := Load(StepDir(dir, 1))
		if err != nil || !slices.Equal(c.Riding, want.Riding) || c.Version != riding {
			t.Errorf("format %d, %v, %v", c.Version, c.Riding, err)
		}
	}
	path, _ = riddenRun(t, testCheckpoint(4, 1))
	c, err := Load(StepDir(path, 1))
	if _, stat := os.Stat(filepath.Join(StepDir(path, 1), ridingFile)); err != nil || c.Version != version || stat == nil {
		t.Errorf("without statistics: format %d, %v, the file: %v", c.Version, err, stat)
	}
}

// Their file is whole and of this checkpoint, or the checkpoint is damaged.
func TestDamagedStatisticsThatRodeAlong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(data []byte) []byte
		says   string
	}{
		"cut":       {func(b []byte) []byte { return b[:len(b)-1] }, "sha256"},
		"flipped":   {func(b []byte) []byte { b[3] ^= 1; return b }, "sha256"},
		"too large": {func(b []byte) []byte { return append(b, make([]byte, 8)...) }, "more than the architecture has"},
		"missing":   {nil, "no such file"},
	} {
		path, bundle := riddenRun(t, riddenCheckpoint(1))
		file := filepath.Join(StepDir(path, 1), ridingFile)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.change == nil {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, c.change(slices.Clone(data)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(StepDir(path, 1)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error about %q", name, err, c.says)
		}
		spoilt := bytes.Replace(bundle, data[8:24], data[16:32], 1)
		if err := Unpack(filepath.Join(t.TempDir(), "other"), bytes.NewReader(spoilt), 1); !errors.Is(err, ErrDamaged) {
			t.Errorf("a bundle of other statistics: %v", err)
		}
	}
}
