package checkpoint

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
)

// bundleOf makes a run with a checkpoint of that step and returns its bundle,
// written only after the directory went on and pruned the checkpoint.
func bundleOf(t *testing.T, step proto.Step) ([]byte, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "run")
	d, err := Create(dir, []byte("seed: 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.Journal.Append("event")
	d.Metrics.Append("metric")
	c := testCheckpoint(4, step)
	if err := d.Save(c, 1); err != nil {
		t.Fatal(err)
	}
	b, err := d.Bundle(c)
	if err != nil {
		t.Fatal(err)
	}
	d.Metrics.Append("later")
	if err := d.Save(testCheckpoint(4, step+1), 1); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := errors.Join(b.Write(&out), b.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), dir
}

func TestBundlesAreRunsUpToACheckpoint(t *testing.T) {
	data, _ := bundleOf(t, 5)
	for name, prepare := range map[string]func(dir string){
		"no directory": func(string) {},
		"an interrupted one": func(dir string) {
			if err := os.MkdirAll(filepath.Join(dir, incoming, "rest"), 0o755); err != nil {
				t.Fatal(err)
			}
		},
		"an earlier state": func(dir string) {
			d, err := Create(dir, []byte("seed: 1\n"))
			if err != nil {
				t.Fatal(err)
			}
			d.Metrics.Append("a longer metric of another wall time")
			if err := errors.Join(d.Save(testCheckpoint(4, 2), 3), d.Close()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		dir := filepath.Join(t.TempDir(), "other")
		prepare(dir)
		if err := Unpack(dir, bytes.NewReader(data), 5); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d, c, err := Open(dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Step != 5 || c.ModelSHA256 != ModelSHA256(testCheckpoint(4, 5).Model) {
			t.Errorf("%s: step %d", name, c.Step)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		for file, want := range map[string]string{JournalFile: "\"event\"\n", MetricsFile: "\"metric\"\n", ConfigFile: "seed: 1\n"} {
			if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
				t.Errorf("%s: %s is %q, %v", name, file, got, err)
			}
		}
		if steps, err := Steps(dir); err != nil || len(steps) != 1 {
			t.Errorf("%s: checkpoints %v, %v", name, steps, err)
		}
	}
}

func TestUnpackRefusals(t *testing.T) {
	data, live := bundleOf(t, 5)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	d, _, err := Open(live)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	fresh := func() string { return filepath.Join(t.TempDir(), "run") }
	for name, c := range map[string]struct {
		dir  string
		data []byte
		step proto.Step
		want error
	}{
		"other files":      {foreign, data, 5, ErrNotEmpty},
		"a run at work":    {live, data, 5, ErrLocked},
		"cut":              {fresh(), data[:len(data)/2], 5, ErrDamaged},
		"another step":     {fresh(), data, 6, ErrDamaged},
		"damaged weights":  {fresh(), bytes.Replace(data, testWeights(t), make([]byte, 8), 1), 5, ErrDamaged},
		"a path elsewhere": {fresh(), bytes.Replace(data, []byte("config.yaml"), []byte("../fig.yaml"), 1), 5, ErrDamaged},
	} {
		if err := Unpack(c.dir, bytes.NewReader(c.data), c.step); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		if _, err := ReadConfig(c.dir); err == nil && !strings.HasPrefix(name, "a run") {
			t.Errorf("%s: left a run", name)
		}
	}
}

// testWeights returns bytes that stand in the model file.
func testWeights(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	c := testCheckpoint(4, 5)
	if err := c.write(dir, nil); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	return file[len(file)-40 : len(file)-32]
}
