package picture

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	if err := Accuracy(Drawing{out, "Of a run"}, []string{run}); err != nil {
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
	if err := Accuracy(Drawing{out, ""}, []string{run}); err == nil || !strings.Contains(err.Error(), "train.eval_epochs") {
		t.Errorf("without an evaluation: %v", err)
	}
	if err := Accuracy(Drawing{out, ""}, []string{t.TempDir()}); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Errorf("without a run: %v", err)
	}
	damaged := aRun(t, "{\"kind\":\n", "")
	if err := Accuracy(Drawing{out, ""}, []string{damaged}); !errors.Is(err, checkpoint.ErrDamaged) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("with a damaged log: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a picture of nothing was written")
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
	if err := GainsOf(Drawing{out, "Gains"}, []string{run}); err != nil {
		t.Fatal(err)
	}
	got := texts(t, out)
	for _, want := range []string{"Gains", "predicted gain", "measured gain"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if err := GainsOf(Drawing{out, ""}, []string{aRun(t, "", "")}); err == nil || !strings.Contains(err.Error(), "measured a gain") {
		t.Errorf("without an event: %v", err)
	}
}

func TestScaling(t *testing.T) {
	out := filepath.Join(t.TempDir(), "s.png")
	if err := DrawScaling(Drawing{out, "Workers"}, []Rate{{1, 100, 100}, {2, 190, 200}, {8, 700, 800}}); err != nil {
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
