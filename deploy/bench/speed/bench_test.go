package speed

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small is a network that even plain Go computes at once.
func small(t *testing.T) *nn.Graph {
	g, err := nn.Build(nn.ModelConfig{Name: "cnn", Input: nn.Shape{C: 3, H: 8, W: 8}, Classes: 10, Widths: []int{3, 3}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestStepsLearnTheSameBitsOnAnyThreads(t *testing.T) {
	var digest [32]byte
	for threads := 1; threads <= 3; threads++ {
		tr, err := newTrainer(nn.Init(small(t), 1), work{90, 16, threads})
		if err != nil {
			t.Fatal(err)
		}
		first := tr.step()
		for range 20 {
			tr.step()
		}
		if last := tr.step(); last >= first {
			t.Errorf("loss went from %v to %v", first, last)
		}
		if d := tr.model.Digest(); threads == 1 {
			digest = d
		} else if d != digest {
			t.Errorf("%d threads: other bits than 1", threads)
		}
	}
}

func TestLayersCoverTheStep(t *testing.T) {
	tr, err := newTrainer(nn.Init(small(t), 1), work{64, 32, 2})
	if err != nil {
		t.Fatal(err)
	}
	flops, err := stepFLOPs(small(t))
	if err != nil {
		t.Fatal(err)
	}
	var part, operations float64
	kinds := map[string]bool{}
	for _, l := range tr.layers(time.Millisecond) {
		kinds[l.Kind] = true
		part += l.Part
		operations += l.GFLOPs * 1e9 * l.MS / 1e3
	}
	if part < 0.999 || part > 1.001 {
		t.Errorf("the parts add up to %v", part)
	}
	if want := float64(64 * flops); operations < 0.99*want || operations > 1.01*want {
		t.Errorf("%v operations, want %v", operations, want)
	}
	for _, kind := range []string{"conv forward", "conv backward-data", "conv backward-weights", "linear forward", "norm forward",
		"pool backward", "loss", "pack", "reduce and update"} {
		if !kinds[kind] {
			t.Errorf("no %q in %v", kind, kinds)
		}
	}
	if tr.threads != 2 {
		t.Error("the threads are changed")
	}
}

func TestStepFLOPs(t *testing.T) {
	got, err := stepFLOPs(small(t))
	want := int64(2 * (2*27*3*64 + 3*27*3*16 + 3*3*10)) // conv1 (8x8, no input gradient), conv2 (4x4), fc
	if err != nil || got != want {
		t.Errorf("%d, %v; want %d", got, err, want)
	}
}

func TestSizesKeepAllThreadsBusy(t *testing.T) {
	for _, c := range []struct {
		batch, threads int
		want           []int
	}{{128, 1, []int{32, 64, 128}}, {128, 2, []int{32, 64}}, {10, 2, []int{5}}, {100, 8, []int{13}},
		{5000, 1, []int{32, 64, 128, 256, 512, 1024}}} {
		if got := (Config{Batch: c.batch, Threads: c.threads}).sizes(); !slices.Equal(got, c.want) {
			t.Errorf("sizes of %d on %d = %v, want %v", c.batch, c.threads, got, c.want)
		}
	}
}

func TestEveryModelBuilds(t *testing.T) {
	for _, name := range Models() {
		if g, err := build(name); err != nil {
			t.Error(err)
		} else if f, err := stepFLOPs(g); err != nil || f < 3*g.FLOPs()-2*2*27*64*1024 {
			t.Errorf("%s: %d, %v", name, f, err)
		}
	}
}

func TestFaultsAreToldAtOnce(t *testing.T) {
	err := Config{Models: []string{"vgg", "x"}, MicroShard: 9, Batch: 8, Threads: 0}.Validate()
	for _, want := range []string{`model "x"`, "micro-shard of 9", "0 threads", "time 0s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %s", err, want)
		}
	}
}

func TestMeasure(t *testing.T) {
	r, err := timed(small(t), Config{Batch: 16, Threads: 2, Time: time.Millisecond})
	if err != nil || r.SamplesPerSecond <= 0 || r.Steps < 3 || r.MicroShard != 8 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestGrowthIsMeasured(t *testing.T) {
	c := GrowthConfig{Models: []string{"mlp-64"}, Samples: 64, Threads: 2, MicroShard: 16}
	var results []GrowthResult
	if err := Growth(t.Context(), c, func(r GrowthResult) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || results[0].Sites != 2 || results[0].RoundsS <= 0 || results[0].PlainS <= 0 {
		t.Errorf("%+v", results)
	}
	if g, err := buildGrowth("conv-16-32"); err != nil || g.Validate() != nil {
		t.Errorf("%v, %v", err, g.Validate())
	}
	err := GrowthConfig{Models: []string{"x"}, MicroShard: 32, Samples: 8}.Validate()
	for _, want := range []string{`model "x"`, "0 threads", "8 samples"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: does not say %s", err, want)
		}
	}
}

func TestPeakIsMeasured(t *testing.T) {
	if p := Peak(2); p <= 0 {
		t.Errorf("peak %v", p)
	}
}
