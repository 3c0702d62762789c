package checkpoint

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

func testGraph(hidden int) *nn.Graph {
	return &nn.Graph{Generation: 3, Input: nn.Shape{C: 2, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: hidden, Bias: true},
		{ID: "bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"fc1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "relu", Op: nn.OpReLU, Inputs: []nn.NodeID{"bn"}},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"relu"}, Out: 3, Bias: true},
	}}
}

func testCheckpoint(hidden int, step proto.Step) *Checkpoint {
	m := nn.Init(testGraph(hidden), 1)
	o := optim.New(optim.Default(), optim.Plain(len(m.Params)))
	for i := range m.Params {
		o.Slots()[0].Data[i] = float32(i)
	}
	return &Checkpoint{
		State: State{Run: "r", Term: 2, Step: step, Generation: 3, Progress: []byte(`{"a":1}`), Updates: 9},
		Model: m, Slots: o.Slots(),
	}
}

func TestSaveAndOpen(t *testing.T) {
	for _, hidden := range []int{0, 4} {
		path := filepath.Join(t.TempDir(), "run")
		d, err := Create(path, []byte("seed: 1\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(path); !errors.Is(err, ErrLocked) {
			t.Errorf("open of a run at work: %v", err)
		}
		d.Journal.Append(map[string]int{"event": 1})
		d.Metrics.Append(map[string]int{"step": 1})
		want := testCheckpoint(hidden, 5)
		want.Slots = append(want.Slots, optim.Slot{Name: optim.AverageSlot, Data: append(slices.Clone(want.Model.Params), want.Model.Buffers...)})
		for i := range want.Slots[1].Data {
			want.Slots[1].Data[i] += float32(i)
		}
		if err := d.Save(want, 2); err != nil {
			t.Fatal(err)
		}
		sum := d.Journal.SHA256()
		d.Journal.Append("lost") // after the checkpoint: written again when the run goes on
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(path, nil); !errors.Is(err, ErrExists) {
			t.Errorf("a run over a run: %v", err)
		}
		d, got, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got.Progress, want.Progress = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("hidden %d: got\n%+v, want\n%+v", hidden, got, want)
		}
		if d.Journal.SHA256() != sum {
			t.Error("the journal was not cut back")
		}
		d.Journal.Append("again")
		d.Close()
		journal, _ := os.ReadFile(filepath.Join(path, JournalFile))
		if string(journal) != "{\"event\":1}\n\"again\"\n" {
			t.Errorf("journal %q", journal)
		}
	}
}

func TestCreateLeavesOtherFilesAlone(t *testing.T) {
	path := t.TempDir()
	file := filepath.Join(path, MetricsFile)
	if err := os.WriteFile(file, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, nil); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a run among other files: %v", err)
	}
	if data, err := os.ReadFile(file); string(data) != "mine" {
		t.Errorf("the file was touched: %q, %v", data, err)
	}
	if err := os.Truncate(file, 0); err != nil {
		t.Fatal(err)
	}
	d, err := Create(path, nil) // as an interrupted Create leaves it
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

func TestKeepsTheNewest(t *testing.T) {
	path := t.TempDir()
	d, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for step := range proto.Step(12) {
		if err := d.Save(testCheckpoint(4, step), 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Save(testCheckpoint(5, 11), 3); err != nil { // the same step again
		t.Fatal(err)
	}
	steps, err := Steps(path)
	if err != nil || !reflect.DeepEqual(steps, []proto.Step{9, 10, 11}) {
		t.Errorf("steps %v, %v", steps, err)
	}
	c, err := Latest(path)
	if err != nil || c.Model.Graph.Node("fc1").Out != 5 {
		t.Errorf("latest: %v", err)
	}
}

// A crash may leave a checkpoint half written, or one half replaced.
func TestOpenFinishesWhatACrashInterrupted(t *testing.T) {
	path := t.TempDir()
	d, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Save(testCheckpoint(4, 1), 3); err != nil {
		t.Fatal(err)
	}
	d.Close()
	root := filepath.Join(path, checkpoints)
	os.Mkdir(filepath.Join(root, newPrefix+"step-2"), 0o755)
	os.Rename(filepath.Join(root, "step-1"), filepath.Join(root, oldPrefix+"step-1"))
	d, c, err := Open(path)
	if err != nil || c == nil || c.Step != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	d.Close()
	entries, _ := os.ReadDir(root)
	if len(entries) != 1 || entries[0].Name() != "step-1" {
		t.Errorf("left over: %v", entries)
	}
}

func TestOpenBeforeTheFirstCheckpoint(t *testing.T) {
	path := t.TempDir()
	if _, _, err := Open(path); !errors.Is(err, ErrNoRun) {
		t.Errorf("an empty directory: %v", err)
	}
	d, err := Create(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.Journal.Append("lost")
	d.Close()
	d, c, err := Open(path)
	if err != nil || c != nil || d.Journal.Bytes() != 0 {
		t.Errorf("%v, %v, journal of %d bytes", c, err, d.Journal.Bytes())
	}
	d.Close()
	if _, err := Latest(path); !errors.Is(err, ErrNoCheckpoint) {
		t.Errorf("latest: %v", err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	save := func(t *testing.T, hidden int) string {
		path := t.TempDir()
		d, err := Create(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		d.Journal.Append("line")
		if err := d.Save(testCheckpoint(hidden, 1), 1); err != nil {
			t.Fatal(err)
		}
		d.Close()
		return path
	}
	edit := func(file string, change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			file := filepath.Join(path, file)
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, change(data), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	step := filepath.Join(checkpoints, "step-1")
	for name, c := range map[string]struct {
		spoil func(*testing.T, string)
		says  string
	}{
		"truncated model":    {edit(filepath.Join(step, modelFile), func(b []byte) []byte { return b[:len(b)-1] }), "model.safetensors"},
		"header length":      {edit(filepath.Join(step, modelFile), func(b []byte) []byte { b[2] = 1; return b }), "header"},
		"header text":        {edit(filepath.Join(step, modelFile), func(b []byte) []byte { b[9] = '}'; return b }), "header"},
		"empty model":        {edit(filepath.Join(step, modelFile), func([]byte) []byte { return nil }), "header"},
		"a flipped weight":   {edit(filepath.Join(step, modelFile), func(b []byte) []byte { b[len(b)-3] ^= 1; return b }), "sha256"},
		"a flipped velocity": {edit(filepath.Join(step, optimizerFile), func(b []byte) []byte { b[len(b)-3] ^= 1; return b }), "sha256"},
		"state changed": {edit(filepath.Join(step, stateFile),
			func(b []byte) []byte { return []byte(strings.Replace(string(b), `"updates": 9`, `"updates": 8`, 1)) }),
			"state.json is not what was written"},
		"state cut":       {edit(filepath.Join(step, stateFile), func(b []byte) []byte { return b[:20] }), "state.json"},
		"journal cut":     {edit(JournalFile, func(b []byte) []byte { return b[:3] }), "growth.jsonl has 3 bytes"},
		"journal changed": {edit(JournalFile, func(b []byte) []byte { b[1] = 'L'; return b }), "growth.jsonl is not"},
		"another architecture": {func(t *testing.T, path string) { copyFile(t, save(t, 5), path, filepath.Join(step, modelFile)) },
			"different checkpoints"},
		"another's optimizer": {func(t *testing.T, path string) { copyFile(t, save(t, 5), path, filepath.Join(step, optimizerFile)) },
			"optimizer.safetensors"},
		"no model": {func(t *testing.T, path string) { os.Remove(filepath.Join(path, step, modelFile)) }, "model.safetensors"},
		"a file of other tools": {edit(filepath.Join(step, modelFile),
			func(b []byte) []byte { return []byte(strings.Replace(string(b), `"graph"`, `"grape"`, 1)) }), "graph"},
	} {
		t.Run(name, func(t *testing.T) {
			path := save(t, 4)
			c.spoil(t, path)
			d, _, err := Open(path)
			if err == nil {
				d.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error about %q", err, c.says)
			}
		})
	}
}

func copyFile(t *testing.T, from, to, name string) {
	data, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(to, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
