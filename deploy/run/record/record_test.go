package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/view"
	"github.com/tinygrow/tinygrow/deploy/run"
)

// begun makes a run directory with steps, each of 10 FLOPs, of a configuration.
func begun(t *testing.T, document string, steps int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a")
	r, err := checkpoint.Create(dir, []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for step := 1; step <= steps; step++ {
		err = errors.Join(err, r.Metrics.Append(map[string]any{"kind": "step", "step": step, "epoch": float64(step) / 100, "samples": 8, "params": 7,
			"loss": 1 / float64(step), "accuracy": float64(step) / 1000, "wall_s": step}))
	}
	err = errors.Join(err, r.Metrics.Append(map[string]any{"kind": "evaluation", "split": "validation", "step": steps / 2, "epoch": 1, "loss": 2, "accuracy": 0.25,
		"flops": 5 * steps, "cpu_s": 3}))
	err = errors.Join(err, r.Metrics.Append(map[string]any{"kind": "evaluation", "split": "test", "step": steps, "epoch": 2, "loss": 1, "accuracy": 0.5,
		"flops": 10 * steps, "cpu_s": 4}))
	if err = errors.Join(err, r.Metrics.Flush()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A record has the course of a run in equal parts of what it may spend, and the settings that are not the defaults.
func TestRecordOfARun(t *testing.T) {
	dir := begun(t, "model:\n  name: mlp\ntrain:\n  steps: 400\n  batch: 8\n  seed: 7\noptim:\n  lr: 0.1\ndata:\n  name: shapes\n  dir: /secret\n", 200)
	r, err := Of(dir, "s")
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"model.name": "mlp", "train.steps": "400", "train.batch": "8", "train.seed": "7"}; !maps.Equal(r.Settings, want) {
		t.Errorf("settings %v, want %v", r.Settings, want)
	}
	if r.Schema != Schema || r.Sweep != "s" || r.Name != "a" || r.Model != "mlp" || r.Data != "shapes" || r.State != view.Stopped || r.Final != nil ||
		r.Steps != 200 || r.FLOPs != 2000 || r.CPUS != 4 {
		t.Errorf("%+v", r)
	}
	if len(r.Curve) != MaxCurve/2 {
		t.Fatalf("%d points for half of a run", len(r.Curve))
	}
	for i, p := range r.Curve { // of ten steps each
		loss := 0.0
		for step := 10*i + 1; step <= 10*(i+1); step++ {
			loss += 1 / float64(step) / 10
		}
		if p.Step != uint64(10*(i+1)) || p.Part != float64(p.Step)/400 || p.FLOPs != float64(10*p.Step) || p.Params != 7 || math.Abs(p.Loss/loss-1) > 1e-5 {
			t.Errorf("point %d: %+v", i, p)
		}
	}
	if e := r.Evaluations; len(e) != 2 || e[0].Part != 0.25 || e[1].Part != 0.5 || e[1].FLOPs != 2000 || e[1].Split != "test" {
		t.Errorf("%+v", e)
	}
}

// What a run may spend are FLOPs, steps or epochs, as for pause_at.
func TestPartOfABudget(t *testing.T) {
	for i, c := range []struct {
		b    budget
		want float64
	}{
		{budget{steps: 40}, 0.25}, {budget{steps: 40, epochs: 1}, 0.25}, {budget{epochs: 4}, 0.5}, {budget{epochs: 4, flops: 50}, 0.6},
		{budget{epochs: 4, flops: 100}, 0.5}, {budget{epochs: 1}, 1}, {budget{}, 0},
	} {
		if got := c.b.part(10, 2, 30); got != c.want {
			t.Errorf("%d: %v, want %v", i, got, c.want)
		}
	}
}

// The accuracy at the end is that on validation samples where there are some, with the test accuracy beside it.
func TestAccuracyAtTheEnd(t *testing.T) {
	list := []view.Evaluation{{Split: "test", Accuracy: 0.1}, {Split: "validation", Accuracy: 0.2}, {Split: "validation", Accuracy: 0.4}, {Split: "test", Accuracy: 0.3}}
	if f := finalOf(list, ""); f.Split != "validation" || f.Accuracy != 0.4 || *f.Test != 0.3 {
		t.Errorf("%+v", f)
	}
	if f := finalOf([]view.Evaluation{list[0], list[3]}, "R2"); f.Split != "test" || f.Accuracy != 0.3 || *f.Test != 0.3 || f.Metric != "R2" {
		t.Errorf("%+v", f)
	}
	if f := finalOf(nil, ""); f != nil {
		t.Errorf("%+v", f)
	}
}

// A network has the widths that it was asked for, and edges that lead on.
func TestGraphsAndTheirFeatures(t *testing.T) {
	all := map[string]Graph{}
	for _, name := range []string{"mlp", "vgg", "resnet20"} {
		s := run.Defaults()
		s.Model.Name = name
		g, err := s.Graph()
		if err != nil {
			t.Fatal(err)
		}
		n, err := view.NetworkOf(g)
		if err != nil {
			t.Fatal(err)
		}
		r := Record{Schema: Schema, Graph: GraphOf(n)}
		if err := r.check(); err != nil || r.Graph.Params != g.NumParams() || r.Graph.FLOPs != g.FLOPs() {
			t.Errorf("%s: %v, %d parameters", name, err, r.Graph.Params)
		}
		all[name] = r.Graph
	}
	vgg, resnet := Features(all["vgg"], nil), Features(all["resnet20"], map[string]string{"optim.lr": "0.5", "optim.name": "sgd"})
	if vgg["reach"] != 1 || resnet["reach"] <= 1 || resnet["layers"] <= vgg["layers"] {
		t.Errorf("reach %v and %v, layers %v and %v", vgg["reach"], resnet["reach"], vgg["layers"], resnet["layers"])
	}
	if math.Abs(resnet["optim.lr"]-math.Log(0.5)) > 1e-12 || resnet["optim.name=sgd"] != 1 || vgg["optim.name=muon"] != 1 || vgg["optim.lr"] >= resnet["optim.lr"] {
		t.Errorf("rates %v and %v", vgg["optim.lr"], resnet["optim.lr"])
	}
	for name, v := range resnet {
		if math.IsNaN(v) || math.IsInf(v, 0) || strings.HasPrefix(name, "run") {
			t.Errorf("%s is %v", name, v)
		}
	}
	wide := all["vgg"]
	wide.Nodes = slices.Clone(wide.Nodes)
	for i := range wide.Nodes {
		if wide.Nodes[i].Kind == "layer" {
			wide.Nodes[i].Width *= 2
		}
	}
	for d := range depths {
		name := fmt.Sprintf("width %d", d)
		if more := Features(wide, nil)[name] - vgg[name]; math.Abs(more-1) > 1e-9 {
			t.Errorf("%s of a network of twice the width is %v more", name, more)
		}
	}
	if f := Features(Graph{}, nil); math.IsNaN(f["params"]) || f["layers"] != 0 {
		t.Errorf("of no network: %v", f)
	}
}

// Files of records are read again as they were written, and what is none is refused.
func TestFilesOfRecords(t *testing.T) {
	dir := begun(t, "model:\n  name: mlp\n", 20)
	a, err := Of(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	a.Graph = Graph{Nodes: []Node{{Kind: "input", Width: 3}, {Kind: "output", Op: "linear", Width: 2}}, Edges: [][2]int{{0, 1}}, Params: 8, FLOPs: 12}
	line, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Read(bytes.NewReader(append(line, '\n')))
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	if again, _ := json.Marshal(list[0]); !bytes.Equal(again, line) {
		t.Errorf("%s, was %s", again, line)
	}
	for _, bad := range []string{"x\n", `{"schema":2}` + "\n", "[]\n", `{"schema":1,"graph":{"nodes":[{}],"edges":[[0,1]]}}` + "\n",
		`{"schema":1,"graph":{"nodes":[{},{}],"edges":[[1,1]]}}` + "\n"} {
		if _, err := Read(strings.NewReader(bad)); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := Of(filepath.Join(dir, "none"), ""); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte("x: [\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Of(dir, ""); err == nil {
		t.Error("a damaged configuration is read")
	}
}
