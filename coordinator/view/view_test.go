package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

const document = "model:\n  name: cnn\ntrain:\n  epochs: 2\n  seed: 7\ngrowth:\n  policy: tiny\ndata:\n  name: shapes\n  dir: /secret/place\nnats:\n  url: nats://secret\n"

// stepLine is a line of the metrics as a coordinator writes it.
func stepLine(step int, loss, wall float64) string {
	return fmt.Sprintf(`{"kind":"step","step":%d,"epoch":%g,"generation":0,"params":622,"samples":128,"loss":%g,"accuracy":0.5,"lr":0.1,"digest":"ab","wall_s":%g,"samples_per_s":10.5,"workers":2}`+"\n",
		step, float64(step)/10, loss, wall)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, dir, name, text string) {
	t.Helper()
	old, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	write(t, dir, name, string(old)+text)
}

func open(t *testing.T, dir string) *Run {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func refresh(t *testing.T, r *Run) bool {
	t.Helper()
	changed, err := r.Refresh()
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// A flat object is read as encoding/json reads it, and what is not flat is said to be so.
func TestFlatReadsWhatJSONReads(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOf(rapid.StringMatching(`[a-z_]{1,8}`), rapid.OneOf(
			rapid.Custom(func(t *rapid.T) any { return rapid.Float64().Draw(t, "n") }),
			rapid.Custom(func(t *rapid.T) any { return rapid.String().Draw(t, "s") }),
			rapid.Just[any](true), rapid.Just[any](nil), rapid.Just[any]([]any{}), rapid.Just[any](map[string]any{"a": 1.0}))).Draw(t, "object")
		text, err := json.Marshal(object)
		if err != nil {
			t.Skip("no JSON")
		}
		got, nested := map[string]string{}, false
		for _, v := range object {
			switch v := v.(type) {
			case []any, map[string]any:
				nested = true
			case string:
				quoted, _ := json.Marshal(v)
				nested = nested || bytes.ContainsRune(quoted, '\\')
			}
		}
		if ok := flat(text, func(k, v []byte) { got[string(k)] = string(v) }); ok == nested {
			t.Fatalf("%s: flat %v", text, ok)
		}
		if nested {
			return
		}
		for k, v := range object {
			want, _ := json.Marshal(v)
			if s, ok := v.(string); ok {
				want = []byte(s)
			}
			if f, ok := v.(float64); ok && number([]byte(got[k])) != f {
				t.Fatalf("%s: %s is read as %v", text, k, number([]byte(got[k])))
			}
			if got[k] != string(want) {
				t.Fatalf("%s: %s is %q, want %q", text, k, got[k], want)
			}
		}
	})
}

// Arbitrary lines neither crash nor count as more than unread.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"", "{}", "{", `{"kind":`, `{"kind":"step"`, `{"kind":"step","step":1}`, `{"kind":"newborn","text":"\u0000"}`, `{"a":1,}`, "null"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &Run{newborn: map[uint64]newborn{}, seconds: map[uint64]float64{}, forward: map[uint64]int64{}}
		r.readLine(0, []byte(text))
		r.readEvent(0, []byte(text))
		r.spread()
		u, _ := r.Since(Mark{})
		if _, err := json.Marshal(u); err != nil {
			t.Fatal(err)
		}
	})
}

// The thinned course has the means, extremes and last values of the steps that
// each point stands for, and never more points than allowed.
func TestSeriesIsThinned(t *testing.T) {
	for _, steps := range []int{1, 2, MaxPoints, MaxPoints + 1, 5*MaxPoints + 3} {
		var s Series
		losses := make([]float64, steps+1)
		for i := 1; i <= steps; i++ {
			losses[i] = math.Sin(float64(i)) + 2
			s.Add(Point{Step: uint64(i), Loss: losses[i], Accuracy: losses[i] / 4, Params: i})
		}
		if len(s.Points) > MaxPoints || len(s.Points) < min(steps, MaxPoints/2) {
			t.Errorf("%d steps: %d points", steps, len(s.Points))
		}
		at := uint64(0)
		for i, p := range s.Points {
			sum, low, high, n := 0.0, math.Inf(1), math.Inf(-1), 0.0
			for at++; ; at++ {
				sum, low, high, n = sum+losses[at], min(low, losses[at]), max(high, losses[at]), n+1
				if at == p.Step {
					break
				}
			}
			if math.Abs(p.Loss-sum/n) > 1e-12 || p.Low != low || p.High != high || p.Params != int(at) || math.Abs(p.Accuracy-p.Loss/4) > 1e-12 {
				t.Fatalf("%d steps: point %d is %+v, want mean %v of %v to %v", steps, i, p, sum/n, low, high)
			}
			if i < len(s.Points)-1 && uint64(n) != s.Stride {
				t.Fatalf("%d steps: point %d stands for %v steps, not %d", steps, i, n, s.Stride)
			}
		}
		if at != uint64(steps) {
			t.Errorf("%d steps: the points end at %d", steps, at)
		}
	}
}

// What is added to the files is read, half lines when they are whole; files that
// were cut back and written anew are read anew.
func TestARunIsFollowed(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, checkpoint.ConfigFile, document)
	r := open(t, dir)
	if i := r.Info(); i.Policy != "tiny" || i.Model != "cnn" || i.Data != "shapes" || i.Seed != "7" || i.State != Stopped {
		t.Errorf("info is %+v", i)
	}
	for _, s := range r.Info().Settings {
		if strings.Contains(s.Value, "secret") {
			t.Errorf("%s=%s is told", s.Key, s.Value)
		}
	}
	if refresh(t, r) {
		t.Error("nothing was added, and it changed")
	}
	first := stepLine(1, 2, 0.5)
	write(t, dir, checkpoint.MetricsFile, first+stepLine(2, 1, 1)[:40])
	if !refresh(t, r) || len(r.Series().Points) != 1 {
		t.Errorf("one whole line makes %d points", len(r.Series().Points))
	}
	write(t, dir, checkpoint.MetricsFile, first+stepLine(2, 1, 1)+"nonsense\n"+
		`{"kind":"evaluation","split":"test","step":2,"epoch":0.2,"generation":0,"params":622,"samples":9,"loss":1,"accuracy":0.25,"wall_s":1.5}`+"\n")
	refresh(t, r)
	if n := len(r.Series().Points); n != 2 || r.Unread() != 1 || len(r.Evaluations()) != 1 || r.Evaluations()[0].Accuracy != 0.25 || r.Evaluations()[0].Wall != 1.5 {
		t.Errorf("%d points, %d unread, evaluations %+v", n, r.Unread(), r.Evaluations())
	}
	era := r.Era()
	// Resumed at step 1: other lines, as long as before and longer.
	write(t, dir, checkpoint.MetricsFile, first+stepLine(2, 3, 0.1)+strings.Repeat(stepLine(3, 3, 0.25), 3))
	refresh(t, r)
	if r.Era() == era || len(r.Series().Points) < 3 || r.Series().Points[1].Loss != 3 {
		t.Errorf("era %d, points %+v", r.Era(), r.Series().Points)
	}
	if p := r.Series().Points[1]; p.Wall != 0.6 {
		t.Errorf("the second process's 0.1 s follow 0.5 s of the first: %v", p.Wall)
	}
	if err := os.Remove(filepath.Join(dir, checkpoint.MetricsFile)); err != nil {
		t.Fatal(err)
	}
	refresh(t, r)
	if len(r.Series().Points) != 0 {
		t.Error("the file is gone, its steps are not")
	}
}

// Updates since any mark lead to the same account as all of it at once.
func TestUpdatesAddUp(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, checkpoint.ConfigFile, document)
	r := open(t, dir)
	var m Mark
	var points []Point
	var evaluations []Evaluation
	for step := 1; step <= 3*MaxPoints; {
		var text strings.Builder
		for range 1 + step%97 {
			text.WriteString(stepLine(step, float64(step%13), float64(step)))
			if step%31 == 0 {
				fmt.Fprintf(&text, `{"kind":"evaluation","split":"test","step":%d,"epoch":1,"loss":1,"accuracy":0.5}`+"\n", step)
			}
			step++
		}
		add(t, dir, checkpoint.MetricsFile, text.String())
		refresh(t, r)
		var u Update
		u, m = r.Since(m)
		if u.Reset {
			points, evaluations = nil, nil
		}
		points = append(points[:u.Series.From], u.Series.Points...)
		evaluations = append(evaluations[:u.FromEval], u.Evaluations...)
	}
	if fmt.Sprint(points) != fmt.Sprint(r.Series().Points) || len(evaluations) != len(r.Evaluations()) || len(evaluations) == 0 {
		t.Errorf("updates add up to %d points and %d evaluations, the run has %d and %d", len(points), len(evaluations), len(r.Series().Points), len(r.Evaluations()))
	}
}

// FLOPs and processor time lie evenly between the lines that tell them.
func TestSpentLiesBetweenAnchors(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, checkpoint.ConfigFile, document)
	var text strings.Builder
	for i := 1; i <= 30; i++ {
		text.WriteString(stepLine(i, 1, float64(i)))
		if i%10 == 0 {
			fmt.Fprintf(&text, `{"kind":"evaluation","split":"test","step":%d,"loss":1,"accuracy":0.5,"wall_s":%d,"flops":%d,"cpu_s":%d}`+"\n", i, i, i*i*1000, 2*i)
		}
	}
	write(t, dir, checkpoint.MetricsFile, text.String())
	r := open(t, dir)
	for _, want := range []struct{ step, flops, cpu float64 }{{5, 50000, 10}, {10, 100000, 20}, {15, 250000, 30}, {30, 900000, 60}} {
		p := r.Series().Points[int(want.step)-1]
		if p.FLOPs != want.flops || math.Abs(p.CPU-want.cpu) > 1e-9 {
			t.Errorf("step %v: %v FLOPs, %v s, want %v and %v", want.step, p.FLOPs, p.CPU, want.flops, want.cpu)
		}
	}
}

// The short and the long form of an event say what the journal says.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, checkpoint.ConfigFile, document)
	record := growth.Record{Step: 350, Epoch: 4, Policy: "tiny", Decision: growth.Grow, Why: "<b>best</b>", ParamsBefore: 10, ParamsAfter: 20, FLOPsBefore: 100, FLOPsAfter: 300,
		Sites: []growth.SiteRecord{
			{Site: "conv1", Second: "conv2", Width: 4, Inputs: 36, Outputs: 10, Chance: 0.02741660930898634, Ridge: 1, Predicted: 0.5, Refit: 0.25, Spectrum: []growth.Number{0.3, 0.1}, Kept: 2, Params: 7},
			{Site: "conv2", Width: 8, Reason: "at its limit"}},
		Trials: []growth.TrialRecord{{Sites: []site.ID{"conv1"}, Params: 7, FLOPs: 50, Amplitude: 2, Gain: 0.4, Error: 0.1, Curve: []growth.Point{{Amplitude: 2, Gain: 0.4, Error: 0.1}}}},
		Grown:  []growth.GrownRecord{{Site: "conv1", Unit: "channels", From: 4, To: 12, Predicted: 0.5, Measured: 0.4, Sentence: "conv1 grows"}}}
	line, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, checkpoint.JournalFile, string(line)+"\n"+string(line)+"\nnonsense\n")
	write(t, dir, checkpoint.MetricsFile, stepLine(350, 1, 1)+`{"kind":"growth","step":350,"wall_s":2,"event_s":0.75}`+"\n"+
		`{"kind":"newborn","event":1,"step":360,"steps":10,"sites":[],"dead":2,"text":"two are dead"}`+"\n")
	r := open(t, dir)
	if len(r.Events()) != 2 || r.Unread() != 1 {
		t.Fatalf("%d events, %d unread", len(r.Events()), r.Unread())
	}
	e := r.Events()[1]
	if e.Predicted != 0.5 || e.Measured != 0.4 || e.Error != 0.1 || e.Newborn != "two are dead" || e.Dead != 2 || e.Seconds != 0.75 || e.Number != 1 {
		t.Errorf("event is %+v", e)
	}
	if s := e.Sites[0]; !s.Tried || s.Gain != 0.4 || s.Predicted != 0.5 || s.FLOPs != 50 || !s.Grew || s.Verdict != "grows" {
		t.Errorf("site is %+v", s)
	}
	if s := e.Sites[1]; s.Tried || s.Verdict != "at its limit" {
		t.Errorf("site is %+v", s)
	}
	d, err := r.Detail(1)
	if err != nil {
		t.Fatal(err)
	}
	// The edge by the words of growth/stage_neurons.go: Chance is effective*noise/rows.
	effective, columns := 18.0, 10.0
	want := math.Sqrt(0.02741660930898634/effective/columns) * (math.Sqrt(effective) + math.Sqrt(columns))
	if got := float64(d.Found[0].Edge); math.Abs(got-want) > 1e-12 || d.Found[0].Amplitudes[0].Gain != 0.4 {
		t.Errorf("edge %v, want %v; amplitudes %v", got, want, d.Found[0].Amplitudes)
	}
	for _, n := range []int{-1, 2} {
		if _, err := r.Detail(n); !errors.Is(err, ErrNoEvent) {
			t.Errorf("event %d: %v", n, err)
		}
	}
}

// The drawing has layers and sums, and the widths that they began with.
func TestNetworkHasItsBeginning(t *testing.T) {
	g := &nn.Graph{Generation: 2, Input: nn.Shape{C: 3, H: 8, W: 8}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "image", Op: nn.OpInput},
		{ID: "conv1", Op: nn.OpConv, Inputs: []nn.NodeID{"image"}, Out: 12, Kernel: 3, Stride: 1, Pad: 1},
		{ID: "relu1", Op: nn.OpReLU, Inputs: []nn.NodeID{"conv1"}},
		{ID: "fc", Op: nn.OpLinear, Inputs: []nn.NodeID{"relu1"}, Out: 10, Bias: true}}}
	events := []Event{{Generation: 0, Grown: []Grown{{Site: "conv1", From: 2, To: 5}}}, {Generation: 1, Grown: []Grown{{Site: "conv1", From: 5, To: 12}}},
		{Generation: 2, Grown: []Grown{{Site: "conv1", From: 12, To: 20}}}}
	n, err := newNetwork(g, events)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Nodes) != 3 || n.Nodes[1].Start != 2 || n.Nodes[1].Shape.C != 12 || n.Nodes[2].Kind != kindOutput || n.Nodes[2].Inputs[0] != "conv1" {
		t.Errorf("drawn as %+v", n.Nodes)
	}
	residual, err := nn.Build(nn.ModelConfig{Name: "resnet20", Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 10})
	if err != nil {
		t.Fatal(err)
	}
	residual.Generation = 1
	n, err = newNetwork(residual, []Event{{Grown: []Grown{{Site: "conv1", From: 3, To: 16}, {Site: "layer1.0.conv1", From: 5, To: 16}}}})
	if err != nil {
		t.Fatal(err)
	}
	starts := map[nn.NodeID]int{}
	for _, node := range n.Nodes {
		starts[node.ID] = node.Start
	}
	for id, want := range map[nn.NodeID]int{"conv1": 3, "layer1.0.conv2": 3, "layer1.2.conv2": 3, "layer1.0.conv1": 5, "layer1.1.conv1": 16, "fc": 10, "layer2.0.conv2": 32} {
		if starts[id] != want {
			t.Errorf("%s began with %d channels, want %d", id, starts[id], want)
		}
	}
	f := filters(nn.Init(g, 1))
	if f == nil || f.Layer != "conv1" || len(f.Pixels) != 12 || len(f.Pixels[0]) != 27 || f.Channels != 3 || f.Height != 3 {
		t.Errorf("filters are %+v", f)
	}
}

// Precision, recall and F1 of an example computed by hand.
func TestAssess(t *testing.T) {
	guesses := []Guess{{0, 0, .9}, {0, 0, .8}, {0, 1, .7}, {1, 1, .6}, {1, 0, .95}, {1, 0, .5}, {2, 1, .4}}
	a := Assess([]string{"a", "b", "c"}, nn.Shape{C: 1, H: 1, W: 1}, guesses, func(i int) []byte { return []byte{byte(i)} })
	want := []Score{{3, 4, 0.5, 2. / 3, 4. / 7}, {3, 3, 1. / 3, 1. / 3, 1. / 3}, {1, 0, 0, 0, 0}}
	for i, s := range a.Scores {
		w := want[i]
		if s.Samples != w.Samples || s.Predicted != w.Predicted || math.Abs(s.Precision-w.Precision)+math.Abs(s.Recall-w.Recall)+math.Abs(s.F1-w.F1) > 1e-12 {
			t.Errorf("class %d: %+v, want %+v", i, s, w)
		}
	}
	if len(a.Mistakes) != 4 || a.Mistakes[0].Index != 4 || a.Mistakes[0].Pixels[0] != 4 || a.Correct != 3 {
		t.Errorf("mistakes %+v, %d correct", a.Mistakes, a.Correct)
	}
	dir := t.TempDir()
	if none, err := ReadAssessment(dir); none != nil || err != nil {
		t.Errorf("an empty directory: %v, %v", none, err)
	}
	if err := a.Write(dir); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadAssessment(dir); err != nil || fmt.Sprint(back) != fmt.Sprint(a) {
		t.Errorf("read back as %v, %v", back, err)
	}
	write(t, dir, AssessmentFile, `{"classes":["a"],"scores":[{}],"confusions":[{"truth":1}]}`)
	if _, err := ReadAssessment(dir); !errors.Is(err, checkpoint.ErrDamaged) {
		t.Errorf("a class that is not there: %v", err)
	}
}

// A folder lists its runs and no others, and no name leads out of it.
func TestLibrary(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a", "<script>", "none"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "none" {
			write(t, filepath.Join(folder, name), checkpoint.ConfigFile, document)
		}
	}
	var lines strings.Builder
	for i := range 2000 {
		lines.WriteString(stepLine(i+1, 1, 1))
	}
	write(t, filepath.Join(folder, "a"), checkpoint.MetricsFile, lines.String()+`{"kind":"evaluation","split":"test","step":2000,"accuracy":0.75}`+"\n"+`{"kind":"st`)
	l, err := NewLibrary(folder)
	if err != nil {
		t.Fatal(err)
	}
	list, err := l.List()
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, s := range list {
		if s.Name == "a" && (s.Step != 2000 || s.Accuracy != 0.75 || s.Split != "test" || s.Policy != "tiny") {
			t.Errorf("summary is %+v", s)
		}
	}
	for _, name := range []string{"..", "none", "", ".", "a/../a", filepath.Join(folder, "a")} {
		if dir, err := l.Dir(name); !errors.Is(err, checkpoint.ErrNoRun) {
			t.Errorf("%q is %s, %v", name, dir, err)
		}
	}
	if one, err := NewLibrary(filepath.Join(folder, "a")); err != nil {
		t.Error(err)
	} else if dir, err := one.Dir("a"); err != nil || dir != filepath.Join(folder, "a") {
		t.Errorf("a run by itself: %s, %v", dir, err)
	}
	for _, path := range []string{filepath.Join(folder, "gone"), filepath.Join(folder, "a", checkpoint.ConfigFile)} {
		if _, err := NewLibrary(path); !errors.Is(err, ErrNoRuns) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Directories that hold no run, or a damaged one, say so.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Errorf("an empty directory: %v", err)
	}
	for _, text := range []string{"", "a", "- 1", "a: [", "\x00"} {
		write(t, dir, checkpoint.ConfigFile, text)
		if _, err := Open(dir); !errors.Is(err, checkpoint.ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A long run is read at the pace of its lines.
func BenchmarkOpen100000Steps(b *testing.B) {
	dir := b.TempDir()
	var text bytes.Buffer
	for i := range 100000 {
		text.WriteString(`{"kind":"step","step":` + strconv.Itoa(i+1) + `,"epoch":` + strconv.FormatFloat(float64(i+1)/78, 'g', -1, 64) +
			`,"generation":4,"params":47656,"samples":128,"loss":0.0850252086087975,"accuracy":0.96875,"lr":2.5347231380479232e-8,"digest":"7bbce7213c3cc17d42935a753069f701","wall_s":388.480327852,"samples_per_s":534.749203082732,"workers":1}` + "\n")
	}
	for name, data := range map[string][]byte{checkpoint.ConfigFile: []byte(document), checkpoint.MetricsFile: text.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		r, err := Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if u, _ := r.Since(Mark{}); len(u.Series.Points) < MaxPoints/2 {
			b.Fatal(len(u.Series.Points))
		}
	}
}

// Events tell of heads, a drawing of channels: those of a head at each layer that has them.
func TestNetworkOfHeads(t *testing.T) {
	g, err := nn.Build(nn.ModelConfig{Name: "vit", Input: nn.Shape{C: 3, H: 16, W: 16}, Classes: 4, Width: 24,
		Parameters: map[string]string{"depth": "1", "heads": "3"}})
	if err != nil {
		t.Fatal(err)
	}
	g.Generation = 1
	n, err := newNetwork(g, []Event{{Generation: 0, Grown: []Grown{{Site: "block.0.attention", Unit: "heads", From: 1, To: 3}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range n.Nodes {
		switch d.ID {
		case "block.0.q", "block.0.k", "block.0.v", "block.0.attention":
			if d.Heads != "block.0.attention" || d.Each != 8 || d.Start != 8 || d.Shape.C != 24 {
				t.Errorf("%s is drawn as %+v", d.ID, d)
			}
		default:
			if d.Heads != "" || d.Each != 0 || d.Start != d.Shape.C {
				t.Errorf("%s is drawn as %+v", d.ID, d)
			}
		}
	}
}

// What is no accuracy is called what it is; what is no metric is not taken from a file.
func TestMetricOfARun(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, checkpoint.ConfigFile, document)
	line := `{"kind":"evaluation","split":"test","step":3,"loss":0.1,"accuracy":0.97,"metric":"R2"}` + "\n"
	write(t, dir, checkpoint.MetricsFile, stepLine(3, 1, 1)+line)
	r := open(t, dir)
	refresh(t, r)
	if r.Info().Metric != "R2" {
		t.Errorf("the metric is %q", r.Info().Metric)
	}
	s, err := Summarize(dir)
	if err != nil || s.Metric != "R2" || s.Accuracy != 0.97 {
		t.Errorf("summary %+v, %v", s, err)
	}
	add(t, dir, checkpoint.MetricsFile, strings.Replace(line, "R2", "<b>", 1))
	if refresh(t, r); r.Info().Metric != "" {
		t.Errorf("the metric is %q", r.Info().Metric)
	}
}

// Every section of a configuration of coordinators is shown.
func TestSectionsShown(t *testing.T) {
	of := reflect.TypeFor[coordinator.Config]()
	for i := range of.NumField() {
		if name := of.Field(i).Tag.Get("yaml"); !slices.Contains(sections, name) {
			t.Errorf("%s is not shown", name)
		}
	}
}
