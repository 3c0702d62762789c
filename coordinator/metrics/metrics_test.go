package metrics

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// Whatever steps come, a reader gets all that was written of each, rounded.
func TestWhatIsLeftOutIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out Steps
		var in Reader
		few := rapid.SampledFrom([]float64{0, 0.1, 1.0 / 3, 2.302585092994046, 1e-7, 123456789, 1e300})
		step := rapid.Uint64Range(0, 600).Draw(t, "first")
		replicas := rapid.Bool().Draw(t, "replicas") // that take steps of their own
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			made := 1
			if replicas {
				made = rapid.IntRange(1, 300).Draw(t, "made")
			}
			step += uint64(made)
			r := trainer.StepRecord{Kind: KindStep, Step: proto.Step(step), Epoch: few.Draw(t, "epoch"), Params: rapid.IntRange(0, 2).Draw(t, "params"),
				Generation: proto.Generation(rapid.IntRange(0, 1).Draw(t, "generation")), Samples: rapid.IntRange(1, 2).Draw(t, "samples"),
				Loss: few.Draw(t, "loss"), Accuracy: few.Draw(t, "accuracy"), LR: few.Draw(t, "lr"), Digest: "d"}
			if replicas {
				r.Steps = made
			}
			m := Measured{time.Duration(step) * time.Second, few.Draw(t, "speed"), rapid.IntRange(1, 2).Draw(t, "workers"), false}
			text, err := json.Marshal(out.Line(&r, m))
			if err != nil {
				t.Fatal(err)
			}
			line, err := in.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			for key, want := range map[string]float64{"step": float64(step), "epoch": r.Epoch, "generation": float64(r.Generation),
				"params": float64(r.Params), "samples": float64(r.Samples), "loss": r.Loss, "accuracy": r.Accuracy, "lr": r.LR,
				"wall_s": float64(step), "workers": float64(m.Workers), "steps": float64(r.Steps)} {
				var got float64
				if key == "steps" && !replicas {
					if _, told := line[key]; told {
						t.Fatalf("%s tells of steps of replicas", text)
					}
					continue
				}
				if err := json.Unmarshal(line[key], &got); err != nil || math.Abs(got-want) > 5e-6*math.Abs(want) {
					t.Fatalf("%s of %s: %v, want %v", key, text, got, want)
				}
			}
			fields := 13
			if replicas {
				fields++
			}
			if (step%whole == 0 || replicas && step/whole != (step-uint64(made))/whole) && strings.Count(string(text), ":") != fields {
				t.Fatalf("not whole: %s", text)
			}
		}
	})
}

// What a step tells of its gradient is written where it is measured, and read back; where it is no longer, that is told.
func TestWhatIsNotMeasuredIsLeftOut(t *testing.T) {
	var out Steps
	var in Reader
	for step, c := range []trainer.Compared{{}, {}, {GradNorm: 1, GradCosine: -0.25, NoiseScale: 1e3}, {GradNorm: 1, GradCosine: -0.25, NoiseScale: 9}, {GradNorm: 1}} {
		text, err := json.Marshal(out.Line(&trainer.StepRecord{Step: proto.Step(step), Compared: c, Digest: "d"}, Measured{}))
		if err != nil {
			t.Fatal(err)
		}
		if step < 2 && strings.Contains(string(text), "grad") {
			t.Errorf("%s tells what nobody measured", text)
		}
		line, err := in.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]float64{"grad_norm": c.GradNorm, "grad_cosine": c.GradCosine, "noise_scale": c.NoiseScale} {
			var got float64
			if text := line[key]; text != nil && json.Unmarshal(text, &got) != nil || got != want {
				t.Errorf("step %d: %s is %v, want %v", step, key, got, want)
			}
		}
	}
}

// Every line begins with its kind and its step, which scripts look for.
func TestHowALineBegins(t *testing.T) {
	var out Steps
	for step := range 3 {
		text, err := json.Marshal(out.Line(&trainer.StepRecord{Step: proto.Step(step), Loss: 1, Digest: "d"}, Measured{}))
		if want := fmt.Sprintf(`{"kind":"step","step":%d,`, step); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s, %v: want %s first", text, err, want)
		}
	}
}

func TestLinesOfEarlierVersionsAndOtherKinds(t *testing.T) {
	var in Reader
	for _, text := range []string{`{"kind":"step","step":1,"loss":1,"params":3}`, `{"kind":"evaluation","step":1}`, `{"kind":"step","step":2,"loss":2,"params":4}`} {
		line, err := in.Read([]byte(text))
		if again, e := json.Marshal(line); err != nil || e != nil || len(again) != len(text) {
			t.Errorf("%s became %s: %v", text, again, err)
		}
	}
	for _, text := range []string{``, `{`, `[]`, `{"kind":5}x`} {
		if _, err := in.Read([]byte(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func TestShort(t *testing.T) {
	for range 1000 {
		v := rand.NormFloat64()
		if s := Short(v); math.Abs(s-v) > 5e-6*math.Abs(v) || Short(s) != s || s != Short(-(-v)) {
			t.Fatal(v, s)
		}
	}
	if math.IsInf(Short(math.MaxFloat64), 0) {
		t.Error("the largest number is no number any more")
	}
}

// A table that another reader of CSV reads has all values of all lines.
func TestATableHasEveryLineWhole(t *testing.T) {
	dir := t.TempDir()
	text := `{"kind":"step","step":1,"loss":2,"params":5,"digest":"a"}
{"kind":"evaluation","split":"test","step":1,"loss":3,"flips":{"loss":1.5,"accuracy":0.5},"note":"a \"b\", c\nd"}
nonsense
{"kind":"step","step":2,"loss":1,"digest":"b"}
{"kind":"evaluation","split":"test","step":2,"loss":null,"wide":[1,[2,3]]}
{"kind":"step","step":3,"lo`
	if err := os.WriteFile(filepath.Join(dir, checkpoint.MetricsFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string][][]string{
		KindStep: {{"kind", "step", "params", "loss", "digest"}, {"step", "1", "5", "2", "a"}, {"step", "2", "5", "1", "b"}},
		"evaluation": {{"kind", "split", "step", "loss", "flips.accuracy", "flips.loss", "note", "wide.0", "wide.1.0", "wide.1.1"},
			{"evaluation", "test", "1", "3", "0.5", "1.5", "a \"b\", c\nd", "", "", ""},
			{"evaluation", "test", "2", "", "", "", "", "1", "2", "3"}},
		"growth": nil,
	} {
		var out bytes.Buffer
		unread, err := WriteCSV(&out, dir, kind)
		rows, bad := csv.NewReader(&out).ReadAll()
		if diff := cmp.Diff(want, rows); err != nil || bad != nil || unread != 1 || diff != "" {
			t.Errorf("%s: %d unread, %v, %v: %s", kind, unread, err, bad, diff)
		}
	}
	var out bytes.Buffer
	if unread, err := WriteJSON(&out, dir, KindStep); err != nil || unread != 1 || !strings.Contains(out.String(), `"params":5,"step":2`) {
		t.Errorf("%d unread, %v: %s", unread, err, &out)
	}
	if _, err := WriteCSV(&out, t.TempDir(), KindStep); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Errorf("no run: %v", err)
	}
}
