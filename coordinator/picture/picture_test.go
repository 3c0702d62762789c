package picture

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/growth"
)

// aRun makes a run directory with these logs.
func aRun(t *testing.T, metrics, journal string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a run")
	if err := errors.Join(os.Mkdir(dir, 0o755),
		os.WriteFile(filepath.Join(dir, checkpoint.MetricsFile), []byte(metrics), 0o644),
		os.WriteFile(filepath.Join(dir, checkpoint.JournalFile), []byte(journal), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// texts returns what is written in an SVG file, which must be well-formed.
func texts(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all strings.Builder
	for d := xml.NewDecoder(f); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := token.(xml.CharData); ok {
			all.Write(c)
		}
	}
}

const (
	evaluations = `{"kind":"step","step":1}
{"kind":"evaluation","split":"validation","step":10,"epoch":1,"params":100,"accuracy":0.5}
{"kind":"evaluation","split":"validation","step":20,"epoch":2,"params":240,"accuracy":0.75}
{"kind":"evaluation","split":"test","step":20,"epoch":2,"params":240,"accuracy":0.1}
{"kind":"evaluation","spl`
	event = `{"event":0,"sites":[{"site":"a","predicted":0.01},{"site":"b","predicted":0.3,"refit":0.4}],` +
		`"trials":[{"sites":["a"],"amplitude":2,"gain":0.01},{"sites":["b"],"amplitude":0.5,"gain":0.1},{"sites":["b"],"gain":0}],` +
		`"grown":[{"site":"b","predicted":0.2,"measured":0.1,"amplitude":0.5}]}
`
)

// A picture has its title, its axes and, for each run, name and parameters; half a
// line at the end of a log that is being written is not read.
func TestAccuracy(t *testing.T) {
	run, out := aRun(t, evaluations, ""), filepath.Join(t.TempDir(), "a.svg")
	if err := Accuracy(Drawing{File: out, Title: "Of a run"}, []string{run}); err != nil {
		t.Fatal(err)
	}
	got := texts(t, out)
	for _, want := range []string{"Of a run", "epoch", "validation accuracy, %", "a run: 240 parameters"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
}

func TestAccuracyOfNothing(t *testing.T) {
	run, out := aRun(t, "{\"kind\":\"step\",\"step\":1}\n", ""), filepath.Join(t.TempDir(), "a.svg")
	if err := Accuracy(Drawing{File: out}, []string{run}); err == nil || !strings.Contains(err.Error(), "train.eval_epochs") {
		t.Errorf("without an evaluation: %v", err)
	}
	if err := Accuracy(Drawing{File: out}, []string{t.TempDir()}); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
	damaged := aRun(t, "{\"kind\":\n", "")
	if err := Accuracy(Drawing{File: out}, []string{damaged}); !errors.Is(err, checkpoint.ErrDamaged) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("with a damaged log: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a picture of nothing was written")
	}
}

// Runs without an evaluation are left out, whatever they would tell.
func TestAccuracyOfSomeRuns(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a.svg")
	done := Course{Name: "done", Split: "validation", Metric: "R2", Points: []Point{{Epoch: 1, Accuracy: 0.875, Params: 1234}}}
	if err := DrawAccuracy(Drawing{File: out}, []Course{{Name: "new", Split: "test"}, done}); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, out); !strings.Contains(got, "validation R2") || strings.Contains(got, "%") || strings.Contains(got, "new") {
		t.Errorf("%q", got)
	}
	other := Course{Name: "other", Split: "test", Points: done.Points}
	err := DrawAccuracy(Drawing{File: out}, []Course{done, other})
	if err == nil || !strings.Contains(err.Error(), "done tells R2, other tells accuracy: draw them apart") {
		t.Errorf("of two metrics: %v", err)
	}
}

// R2 stands as it is, accuracies in per cent. A search of one trial that took less than a second is drawn too.
func TestSearches(t *testing.T) {
	out := filepath.Join(t.TempDir(), "s.svg")
	one := Search{Name: "search", Metric: "R2", Spent: []float64{0.25}, Best: []float64{0.5}}
	if err := DrawSearches(Drawing{File: out}, "seconds", "test", []Search{one, {Name: "empty"}}); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, out); !strings.Contains(got, "test R2") || strings.Contains(got, "%") || !strings.Contains(got, "seconds") {
		t.Errorf("%q", got)
	}
	two := Search{Name: "accurate", Spent: []float64{0, 2e9, 3e9}, Best: []float64{0.25, 0.5, 0.625}}
	run := Search{Name: "a run", Single: true, Spent: []float64{2.5e9}, Best: []float64{0.75}}
	if err := DrawSearches(Drawing{File: out}, "FLOPs", "test", []Search{two, run}); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, out); !strings.Contains(got, "test accuracy, %") || !strings.Contains(got, "2e+09") || !strings.Contains(got, "3e+09") {
		t.Errorf("%q", got)
	}
	if err := DrawSearches(Drawing{File: out}, "FLOPs", "test", []Search{one, two}); err == nil || !strings.Contains(err.Error(), "draw them apart") {
		t.Errorf("of two metrics: %v", err)
	}
	if err := DrawSearches(Drawing{File: out}, "FLOPs", "test", nil); err == nil || !strings.Contains(err.Error(), "no result yet") {
		t.Errorf("of nothing: %v", err)
	}
}

func TestRatios(t *testing.T) {
	for _, c := range []struct {
		lo, hi float64
		want   string
	}{
		{0, 1, "1 2 5 1e+01"}, {-0.5, 0, "0.5 1"}, {0, 6, "1 1e+01 1e+02 1e+03 1e+04 1e+05 1e+06"}, {0.35, 0.6, "2.24 3.98"},
	} {
		var labels []string
		for _, tick := range (ratios{}).Ticks(c.lo, c.hi) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v to %v: %s, not %s", c.lo, c.hi, got, c.want)
		}
	}
}

func TestGains(t *testing.T) {
	var r growth.Record
	if err := json.Unmarshal([]byte(event), &r); err != nil {
		t.Fatal(err)
	}
	// Slope times amplitude; after a refit that of the refit; what was tried without an amplitude is none.
	want := []Gain{{0.02, 0.01, false}, {0.2, 0.1, false}, {0.2, 0.1, true}}
	if got := Gains([]growth.Record{r}); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	run, out := aRun(t, "", event), filepath.Join(t.TempDir(), "g.svg")
	if err := GainsOf(Drawing{File: out, Title: "Gains"}, []string{run}); err != nil {
		t.Fatal(err)
	}
	got := texts(t, out)
	for _, want := range []string{"Gains", "predicted gain", "measured gain"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if err := GainsOf(Drawing{File: out}, []string{aRun(t, "", "")}); err == nil || !strings.Contains(err.Error(), "measured a gain") {
		t.Errorf("without an event: %v", err)
	}
}

func TestScaling(t *testing.T) {
	out := filepath.Join(t.TempDir(), "s.png")
	if err := DrawScaling(Drawing{File: out, Title: "Workers"}, []Rate{{1, 100, 100}, {2, 190, 200}, {8, 700, 800}}); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if size := img.Bounds().Size(); size.X < 400 || size.Y < 300 {
		t.Errorf("%v", size)
	}
}

func TestNamesOfPictures(t *testing.T) {
	for name, good := range map[string]bool{"a.svg": true, "a.png": true, "a.pdf": false, "svg": false, "": false} {
		if err := CheckName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if !good {
			if err := DrawScaling(Drawing{File: name}, []Rate{{1, 1, 1}}); err == nil {
				t.Errorf("%q was written", name)
			}
		}
	}
}

// What a pruning takes goes from the top of a band: the last channels, and of each age what is above the new width.
func TestPrunedBand(t *testing.T) {
	b := Band{"conv1", []Birth{{0, 0, 4}, {50, 4, 10}, {80, 10, 3}, {90, 3, 5}}}
	want := []plotter.XYs{
		{{X: 0, Y: 1}, {X: 99, Y: 1}, {X: 99, Y: 4}, {X: 80, Y: 4}, {X: 80, Y: 5}, {X: 0, Y: 5}},
		{{X: 50, Y: 5}, {X: 99, Y: 5}, {X: 99, Y: 5}, {X: 80, Y: 5}, {X: 80, Y: 11}, {X: 50, Y: 11}},
		nil, {{X: 90, Y: 4}, {X: 99, Y: 4}, {X: 99, Y: 6}, {X: 90, Y: 6}},
	}
	if b.widest() != 10 {
		t.Errorf("it is at most %d wide", b.widest())
	}
	for i, points := range want {
		if got := b.outline(i, 1, 99); points != nil && !slices.Equal(got, points) {
			t.Errorf("area %d: %v, want %v", i, got, points)
		}
	}
	out := filepath.Join(t.TempDir(), "g.svg")
	if err := DrawGrowth(Drawing{File: out, Title: "A network"}, []Band{b}, 99); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, out); !strings.Contains(got, " 5") {
		t.Errorf("%q lacks the width at the end", got)
	}
}

// A layer is a band with its widths at start and end, and an area for what it began
// with and for what each event added.
func TestDrawGrowth(t *testing.T) {
	out := filepath.Join(t.TempDir(), "g.svg")
	bands := []Band{{"conv1", []Birth{{0, 0, 4}, {50, 4, 7}}}, {"conv2", []Birth{{0, 0, 6}, {50, 6, 6}, {100, 6, 21}}}, {"fc", []Birth{{0, 0, 0}, {100, 0, 5}}}}
	if err := DrawGrowth(Drawing{File: out, Title: "A network"}, bands, 150); err != nil {
		t.Fatal(err)
	}
	got := texts(t, out)
	for _, want := range []string{"A network", "step", "conv1: 4", " 7", "conv2: 6", " 21", "fc: 0", " 5"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	colours := map[string]int{}
	for _, part := range []float64{0, 0.5, 1} {
		c := shade(part)
		name := fmt.Sprintf("fill:#%02X%02X%02X", c.R, c.G, c.B)
		colours[name] = strings.Count(string(text), name)
	}
	if c := colours; c["fill:#2C3E6B"] != 2 || c["fill:#22A884"] != 1 || c["fill:#FDE725"] != 2 {
		t.Errorf("areas by colour: %v", c)
	}
	if err := DrawGrowth(Drawing{File: out}, nil, 1); err == nil {
		t.Error("a network without layers was drawn")
	}
	if err := Growth(Drawing{File: out}, t.TempDir()); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
}
