package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tinygrow/tinygrow/deploy/bench/stat"
	"github.com/tinygrow/tinygrow/deploy/run"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// set are the settings of a network that trains in a moment.
var set = map[string]string{"data.name": "shapes", "data.limit": "512", "worker.threads": "1", "train.batch": "64", "train.epochs": "1000",
	"model.name": "vgg", "model.widths": "[3, 4, 5]", "growth.policy": "none", "train.max_flops": "1e12", "train.seed": "2"}

// results writes lines of a campaign to a file.
func results(t *testing.T, lines ...line) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "where.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, l := range lines {
		l.Network, l.Set, l.Budget = "small", maps.Clone(set), 1e12
		if layer, wide := strings.CutSuffix(l.Policy, twice); wide {
			l.Set["model.units"] = fmt.Sprintf("{%s: %d}", layer, map[string]int{"conv1": 6, "conv2": 8, "conv3": 10}[layer])
		}
		if err := json.NewEncoder(f).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestWorthIsTheMeanDifferenceOfEqualSeeds(t *testing.T) {
	networks, err := read(results(t,
		line{Policy: asItIs, Seed: 1, Accuracy: 0.5}, line{Policy: asItIs, Seed: 2, Accuracy: 0.75},
		line{Policy: "conv1" + twice, Seed: 2, Accuracy: 0.5}, line{Policy: "conv1" + twice, Seed: 1, Accuracy: 0.375},
		line{Policy: "conv2" + twice, Seed: 1, Accuracy: 0.625}, line{Policy: "conv2" + twice, Seed: 3, Accuracy: 0.9}))
	if err != nil {
		t.Fatal(err)
	}
	got := networks[0]
	if d := cmp.Diff([]float64{0.5, 0.75}, got.Accuracy); len(networks) != 1 || d != "" {
		t.Error(d)
	}
	want := []Site{
		{Layer: "conv1", Accuracy: []float64{0.375, 0.5}, Worth: -0.1875, Scores: map[string]float64{}},
		{Layer: "conv2", Accuracy: []float64{0.625}, Worth: 0.125, Scores: map[string]float64{}},
	}
	if d := cmp.Diff(want, got.Sites, cmpopts.IgnoreUnexported(Site{})); d != "" {
		t.Error(d)
	}
}

func TestResultsThatTellNoWorthAreAnError(t *testing.T) {
	for name, path := range map[string]string{
		"no file":     filepath.Join(t.TempDir(), "none"),
		"one network": results(t, line{Policy: asItIs, Seed: 1}),
	} {
		if _, err := read(path); err == nil || !strings.Contains(err.Error(), "campaign -plan where") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// small returns a scorer of a network with three layers that were twice as wide.
func small(t *testing.T) *scorer {
	t.Helper()
	lines := []line{{Policy: asItIs, Seed: 1, Accuracy: 0.5}}
	for i, layer := range []string{"conv1", "conv2", "conv3"} {
		lines = append(lines, line{Policy: layer + twice, Seed: 1, Accuracy: 0.5 + float64(float64(i)/8)})
	}
	networks, err := read(results(t, lines...))
	if err != nil {
		t.Fatal(err)
	}
	return &scorer{Network: &networks[0], Effort: Effort{Steps: 20, Samples: 256, Fork: 3}, runs: &stat.Runs{Dir: t.TempDir()}}
}

func TestEveryRuleScoresEveryLayer(t *testing.T) {
	s := small(t)
	if err := s.score(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, at := range s.Sites {
		for _, rule := range rules {
			if v, ok := at.Scores[rule]; !ok || math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %s is %v, %v", at.Layer, rule, v, ok)
			}
		}
	}
	if len(s.Spearman) != len(rules) || s.Spearman[ruleEqual] != 1 { // 9 x 1024, 16 x 256, 25 x 64
		t.Errorf("%v", s.Spearman)
	}
	// conv1: 3 more filters of 27 weights at 1024 places, and 4 filters of conv2 read 27 weights more at 256, each two operations.
	if got, want := s.Sites[0].FLOPs, int64(2*(3*27*1024+4*27*256)); s.Sites[0].Width != 3 || got != want {
		t.Errorf("twice the width of conv1 costs %d, not %d", got, want)
	}
}

func TestAStreamIsALayerWithAllThatWriteIt(t *testing.T) {
	wide := maps.Clone(set)
	wide["model.name"], wide["model.width"] = "resnet18", "2"
	delete(wide, "model.widths")
	s := &scorer{Network: &Network{Name: "residual", set: maps.Clone(wide)}, Effort: Effort{Steps: 2, Samples: 128, Fork: 2}, runs: &stat.Runs{Dir: t.TempDir()}}
	wide["model.units"] = "{layer2.0.conv2: 8, layer2.1.conv2: 8, layer2.0.downsample.0: 8}"
	s.Sites = []Site{{Layer: "layer2.0.conv2", Scores: map[string]float64{}, set: wide}}
	if err := s.score(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{ruleEqual, ruleFisher, ruleFork} {
		if v, ok := s.Sites[0].Scores[rule]; !ok || v == 0 {
			t.Errorf("%s: %v", rule, v)
		}
	}
	if norms, err := s.norms("layer2.0.conv2"); err != nil || len(norms) != 3 {
		t.Errorf("its channels pass %v, %v", norms, err)
	}
}

// The derivative by the size of a channel's output is that of the loss when its
// scale and bias are both a little larger or smaller.
func TestImportanceIsTheSquaredDerivativeByTheSizeOfChannels(t *testing.T) {
	s := small(t)
	base, err := s.train(t.Context(), "base", map[string]string{"train.steps": "6"})
	if err != nil {
		t.Fatal(err)
	}
	saved, err := run.Open(base.Dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open(saved.Settings.Data)
	if err != nil {
		t.Fatal(err)
	}
	r := newShards(saved.Settings, data)
	grads, err := r.gradient(t.Context(), saved.Model, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.model = saved.Model
	norms, err := s.norms("conv2")
	if err != nil || len(norms) != 1 {
		t.Fatal(norms, err)
	}
	norm := norms[0]
	entries := nn.ByName(saved.Model.Graph.ParamEntries())
	loss := func(channel int, size float32) float64 {
		m := *saved.Model
		m.Params = append([]float32(nil), m.Params...)
		for _, role := range []string{nn.RoleWeight, nn.RoleBias} {
			entries[norm+"."+role].Of(m.Params)[channel] *= size
		}
		l := worker.Local{Samples: data, Threads: 1, MicroShard: r.size}
		sums, err := l.Rounds().Sums(t.Context(), &m, proto.RoundSpec{Kind: proto.Gradient, MicroShard: uint32(r.size), Count: uint64(r.size),
			Order: proto.Order{Split: "train", Stream: "growth", Seed: 1}, Augment: r.augment}, worker.Beside{})
		if err != nil {
			t.Fatal(err)
		}
		return nn.MetricsOf(sums.F64).Loss
	}
	want := 0.0
	for c := range 4 {
		slope := (loss(c, 1.001) - loss(c, 0.999)) / 0.002
		want += float64(slope * slope)
	}
	if got := importance(saved.Model, norm, grads); math.Abs(got-want) > 0.02*want || want == 0 {
		t.Errorf("importance %v, by differences %v", got, want)
	}
}
