package scale

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/worker"
)

// sample is ten steps of 100 samples in two seconds: two workers computed, one stood by.
func sample() *Measured {
	var r coordinator.Result
	accuracy := 0.7
	r.ModelSHA256, r.TestAccuracy = "abc", &accuracy
	r.Timing = coordinator.Timing{Steps: 10, Samples: 1000, WallS: 2, CPUS: 0.5, Partials: 20, PartialBytes: 8000, WeightBytes: 3000,
		Threads: 2}
	r.Timing.Phases = coordinator.Phases{Wait: 1.5, Serve: 0.1, Reduce: 0.1, Update: 0.2, Encode: 0.1, Decode: 0.05, Send: 0.2}
	return &Measured{Workers: 3, Result: r, ServerCPU: 0.25, Target: 0.6,
		Stats: []worker.Stats{
			{Blocks: 10, Samples: 500, CPUS: 1, Up: 4100, Down: 2080, Versions: 8, Compute: 0.9, Encode: 0.1, Idle: 0.8, Weights: 0.2},
			{Blocks: 10, Samples: 500, CPUS: 1, Up: 4100, Down: 2600, Versions: 10, Compute: 0.7, Encode: 0.1, Idle: 1, Weights: 0.2},
			{CPUS: 0.2, Down: 2080, Versions: 8},
		},
		Metrics: []byte(`{"kind":"evaluation","accuracy":0.5,"wall_s":1}
{"kind":"step","accuracy":0.9,"wall_s":2}
{"kind":"growth","event_s":1.5,"wall_s":3}
{"kind":"growth","event_s":2.5,"wall_s":3}
{"kind":"evaluation","accuracy":0.65,"wall_s":4}
{"kind":"evaluation","accuracy":0.7,"wall_s":5}
`)}
}

func TestRowAddsUpWhatTheProcessesSaid(t *testing.T) {
	got, err := sample().Row()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want float64 }{
		"samples/s": {got.SamplesPerS, 500},
		"step":      {got.StepMS, 200},
		"CPU":       {got.CPUMS, 1e3 * (0.5 + 0.25 + 1 + 1 + 0.2*10/8) / 1000},
		"up":        {got.Up, 820}, "formula up": {got.FormulaUp, 800},
		"down": {got.Down, 260 + 260 + 260}, "formula down": {got.FormulaDown, 900},
		"partials": {got.Partials, 2}, "growth": {got.GrowthS, 4}, "target": {got.TargetS, 4},
		"compute": {got.Split.Compute, 80}, "encode": {got.Split.Encode, 10 + 30}, "wait": {got.Split.Wait, 110},
		"wire": {got.Split.Wire, 200 - 100 - 50 - 5}, "decode": {got.Split.Decode, 5}, "update": {got.Split.Update, 20},
	} {
		if math.Abs(c.got-c.want) > 1e-9*c.want {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
	m := sample()
	m.Result.Timing = coordinator.Timing{}
	if _, err := m.Row(); err == nil || !strings.Contains(err.Error(), "at least 2") {
		t.Errorf("no steps: %v", err)
	}
}

func TestMediansAndComparison(t *testing.T) {
	one := medians([]Row{{Workers: 1, Threads: 1, SamplesPerS: 90, CPUMS: 2}, {SamplesPerS: 100, CPUMS: 4}, {SamplesPerS: 500, CPUMS: 3}})
	rows := []Row{one, {Workers: 2, Threads: 2, SamplesPerS: 150, CPUMS: 6}}
	compare(rows)
	if one.SamplesPerS != 100 || one.CPUMS != 3 || rows[0].Efficiency != 1 || rows[1].Efficiency != 0.75 || rows[1].CPURatio != 2 {
		t.Errorf("%+v", rows)
	}
	r := Report{Rows: []Row{{Model: "a"}, {Model: "a"}}}
	if !r.Same() {
		t.Error("equal weights are told apart")
	}
	if r.Rows[1].Model = "b"; r.Same() {
		t.Error("unequal weights are not told apart")
	}
}

func TestConfigNamesAllFaults(t *testing.T) {
	err := Config{Workers: []int{0, 2, 2}, Target: 2}.Validate()
	for _, want := range []string{"0 workers", "given twice", "target accuracy 2", "repeat 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestReportIsPrintedAndDrawn(t *testing.T) {
	row, err := sample().Row()
	if err != nil {
		t.Fatal(err)
	}
	rows := []Row{row, row}
	rows[1].Workers = 4
	compare(rows)
	r := Report{Model: "vgg", Data: "cifar10", Batch: 100, Cores: 2, Rows: rows}
	var text bytes.Buffer
	r.Print(&text)
	for _, want := range []string{"samples/s", "500", "100 %", "ms/step", "200.00"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
	for name, magic := range map[string]string{"a.svg": "<?xml", "a.png": "\x89PNG"} {
		path := filepath.Join(t.TempDir(), name)
		if err := r.Plot(path); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(raw, []byte(magic)) {
			t.Errorf("%s: %v, %.20q", name, err, raw)
		}
	}
	if err := r.Plot("a.txt"); err == nil {
		t.Error("a.txt was drawn")
	}
}
