package checkpoint

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The best network, of another architecture than the one at hand, is in the checkpoint
// and in its bundle, alone as well; a file that is missing or of another network is damage.
func TestBestNetworkIsSaved(t *testing.T) {
	want := testCheckpoint(4, 1)
	want.Best = testCheckpoint(3, 1).Model
	path, bundle := riddenRun(t, want)
	other := filepath.Join(t.TempDir(), "other")
	if err := Unpack(other, bytes.NewReader(bundle), 1); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{path, other} {
		c, err := Load(StepDir(dir, 1))
		if err != nil || c.Best == nil || !slices.Equal(c.Best.Params, want.Best.Params) || c.Version != kept {
			t.Fatalf("format %d, %v", c.Version, err)
		}
	}
	file := filepath.Join(StepDir(path, 1), BestFile)
	if m, _, err := LoadModel(file); err != nil || !slices.Equal(m.Params, want.Best.Params) {
		t.Errorf("alone: %v", err)
	}
	if err := WriteModel(file, testCheckpoint(2, 1).Model, want.Card); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(StepDir(path, 1)); !errors.Is(err, ErrDamaged) {
		t.Errorf("another network: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(StepDir(path, 1)); err == nil {
		t.Error("a missing file is not noticed")
	}
}
