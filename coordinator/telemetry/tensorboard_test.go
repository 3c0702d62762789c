package telemetry

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// model returns a small network.
func model(t testing.TB) *nn.Model {
	t.Helper()
	g, err := nn.Build(nn.ModelConfig{Name: "cnn", Input: nn.Shape{C: 1, H: 8, W: 8}, Classes: 3})
	if err != nil {
		t.Fatal(err)
	}
	return nn.Init(g, 1)
}

// play tells events of the steps from+1 to to, with a growth event behind each
// multiple of ten and an evaluation before it.
func play(t testing.TB, run string, m *nn.Model, from, to uint64) {
	t.Helper()
	b := &TensorBoard{Trouble: func(text string) { t.Error(text) }}
	defer b.Close()
	e := b.Events(coordinator.Events{})
	e.Started(coordinator.Started{Dir: run, Step: proto.Step(from), Resumed: from > 0})
	e.Network(coordinator.Network{Step: proto.Step(from), Event: from / 10, Model: m})
	at := func(step uint64) {
		if step%10 == 0 && step > 0 {
			e.Evaluated(trainer.EvalRecord{Split: "test", Step: proto.Step(step), Loss: 1, Accuracy: 0.5})
			e.Grew(growth.Record{Step: step, Event: step/10 - 1, Grown: []growth.GrownRecord{{Site: "conv1", Sentence: "conv1 4 -> 6 channels: **why**"}}},
				trainer.GrownRecord{Grown: true})
			e.Network(coordinator.Network{Step: proto.Step(step), Event: step / 10, Model: m})
		}
	}
	at(from) // a resumed run makes the event again
	for step := from + 1; step <= to; step++ {
		e.Step(trainer.StepRecord{Step: proto.Step(step), Loss: 1 / float64(step), Accuracy: 0.25, LR: 0.1,
			Compared: trainer.Compared{GradNorm: 3, GradCosine: -0.5}}, coordinator.Pace{SamplesSec: 100, Workers: 2})
		if step%10 == 0 {
			e.Gradient(coordinator.Gradient{Step: proto.Step(step), Event: step/10 - 1, Graph: m.Graph, Sum: m.Params, Samples: 32})
		}
		at(step)
	}
}

func TestTensorBoardReadsWhatARunWrites(t *testing.T) {
	run, m := t.TempDir(), model(t)
	play(t, run, m, 0, 25)
	all := readBoard(t, run)
	if again := twice(all); again != "" {
		t.Errorf("twice: %s", again)
	}
	loss := tagged(all, "train/loss")
	if len(loss) != 25 || loss[3].Step != 4 || loss[3].Scalar != 0.25 {
		t.Errorf("loss: %v", loss)
	}
	for tag, want := range map[string]float32{"train/accuracy": 0.25, "train/learning_rate": 0.1,
		"train/grad_norm": 3, "train/grad_cosine": -0.5, "speed/samples_per_s": 100, "speed/workers": 2,
		"test/loss": 1, "test/accuracy": 0.5, "network/parameters": float32(len(m.Params)), "network/flops": float32(m.Graph.FLOPs())} {
		if v := tagged(all, tag); len(v) == 0 || v[0].Scalar != want {
			t.Errorf("%s: %v, want %v", tag, v, want)
		}
	}
	if v := tagged(all, "train/noise_scale"); len(v) > 0 {
		t.Errorf("a noise scale that nobody measured: %v", v)
	}
	for layer, width := range m.Graph.Widths() {
		if v := tagged(all, "widths/"+layer); len(v) != 3 || v[2].Scalar != float32(width) || v[2].Step != 20 {
			t.Errorf("width of %s: %v", layer, v)
		}
	}
	if v := tagged(all, "growth/why"); len(v) != 2 || v[1].Text != "conv1 4 -> 6 channels: **why**" {
		t.Errorf("why: %v", v)
	}
	compareHistograms(t, all, m)
}

// compareHistograms compares histograms with counts made value by value.
func compareHistograms(t *testing.T, all []got, m *nn.Model) {
	t.Helper()
	for _, e := range m.Graph.ParamEntries() {
		if e.Role != nn.RoleWeight {
			continue
		}
		v := tagged(all, "weights/"+string(e.Node))
		if len(v) != 3 || v[0].Histo == nil {
			t.Fatalf("weights of %s: %v", e.Node, v)
		}
		h, values := v[0].Histo, e.Of(m.Params)
		want := make([]float64, len(h.limits))
		sum, squares := 0.0, 0.0
		for _, w := range values {
			x := float64(w)
			sum += x
			squares += float64(x * x)
			at, _ := slices.BinarySearch(h.limits, x)
			want[min(at, len(want)-1)]++
		}
		off := 0.0 // values on a limit may count on either side
		for i := range want {
			off += math.Abs(want[i] - h.counts[i])
		}
		if h.min != float64(slices.Min(values)) || h.max != float64(slices.Max(values)) || h.num != float64(len(values)) ||
			math.Abs(h.sum-sum) > 1e-9 || math.Abs(h.squares-squares) > 1e-9 || off > 2 {
			t.Errorf("weights of %s: %+v, counted %v", e.Node, h, want)
		}
	}
	norms := tagsOf(all, "gradient_norms/")
	if want := []string{"gradient_norms/conv1", "gradient_norms/conv2"}; len(norms) < 2 || !slices.Equal(norms[:2], want) {
		t.Errorf("gradients: %v, want %v first", norms, want)
	}
	g := tagged(all, "gradient_norms/conv1")[0].Histo
	if rows := m.Graph.Widths()["conv1"]; g.num != float64(rows) {
		t.Errorf("gradient norms of conv1: %v, want one for each of %d channels", g.num, rows)
	}
}

// TestEventFilesOfARunThatWasKilled cuts the files of a run at any byte, lets it go
// on from a checkpoint, and compares with a run that nothing happened to.
func TestEventFilesOfARunThatWasKilled(t *testing.T) {
	m := model(t)
	whole := t.TempDir()
	play(t, whole, m, 0, 45)
	want := readBoard(t, whole)
	for cut := range 60 {
		run := t.TempDir()
		saved := uint64(7 * (cut % 6))
		play(t, run, m, 0, saved+uint64(cut%9))
		name := files(t, run)[0]
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if cut%9 > 0 { // what was written before the checkpoint was made is there
			if err := os.Truncate(name, info.Size()-int64(cut)); err != nil {
				t.Fatal(err)
			}
		}
		play(t, run, m, saved, 38)
		play(t, run, m, 38, 38) // stopped before its first step
		play(t, run, m, 33, 45)
		all := readBoard(t, run)
		if again := twice(all); again != "" {
			t.Fatalf("cut %d: twice: %s", cut, again)
		}
		if diff := cmp.Diff(byTag(want), byTag(all)); diff != "" {
			t.Fatalf("cut %d, resumed from %d: %s", cut, saved, diff)
		}
	}
}

// byTag lists steps and numbers of each tag in order.
func byTag(all []got) map[string][]string {
	list := map[string][]string{}
	for _, v := range all {
		list[v.Tag] = append(list[v.Tag], fmt.Sprint(v.Step, v.Scalar, v.Text, v.Histo != nil))
	}
	return list
}

func files(t *testing.T, run string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(run, TensorBoardDir, "*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	return names
}

func TestStrangeEventFiles(t *testing.T) {
	m := model(t)
	for name, junk := range map[string][]byte{"noise": []byte("this is no record at all, however long it is"),
		"a length beyond all bounds": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4, 5}, "nothing": nil} {
		run := t.TempDir()
		if err := os.MkdirAll(filepath.Join(run, TensorBoardDir), 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(run, TensorBoardDir, "events.out.tfevents.9999999999.elsewhere")
		if err := os.WriteFile(path, junk, 0o644); err != nil {
			t.Fatal(err)
		}
		play(t, run, m, 0, 12)
		if all := readBoard(t, run); len(tagged(all, "train/loss")) != 12 {
			t.Errorf("%s: %d losses", name, len(tagged(all, "train/loss")))
		}
	}
}

func TestARunGoesOnWithoutEventFiles(t *testing.T) {
	run := t.TempDir()
	if err := os.WriteFile(filepath.Join(run, TensorBoardDir), nil, 0o644); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	var told []string
	b := &TensorBoard{Trouble: func(text string) { told = append(told, text) }}
	e := b.Events(coordinator.Events{})
	e.Started(coordinator.Started{Dir: run})
	for range 3 {
		e.Step(trainer.StepRecord{Step: 1}, coordinator.Pace{})
	}
	b.Close()
	if len(told) != 1 {
		t.Errorf("told %q, want one trouble", told)
	}
}

func TestHowMuchOfALongRunIsWritten(t *testing.T) {
	n := 0
	for step := range uint64(1_000_000) {
		if written(step, denseSteps) {
			n++
		}
	}
	if n < denseSteps || n > 12*denseSteps {
		t.Errorf("%d of a million steps", n)
	}
	for step := range uint64(denseSteps) {
		if !written(step, denseSteps) {
			t.Fatalf("step %d is left out", step)
		}
	}
}
