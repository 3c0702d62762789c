package nn

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/optim"
)

const regenerate = "the goldens are made by: cd tensor/nn && /usr/bin/python3 testdata/torch_golden.py > testdata/torch_golden.json"

type torchCase struct {
	Graph           json.RawMessage
	N               int
	X, Targets      []float64
	Labels          []int32
	Params, Buffers []float32
	Output          []float64
	OutputEval      []float64 `json:"output_eval"`
	Loss            float64
	LossEval        float64 `json:"loss_eval"`
	Correct         float64
	Gradient        map[string][]float64
	BuffersAfter    []float64 `json:"buffers_after"`
	Training        []torchTraining
}

type torchTraining struct {
	Optimizer       json.RawMessage
	Losses          []float64
	Params, Buffers []float64
}

// Outputs, losses, gradients, running statistics and a few steps of every
// optimizer as PyTorch computes them in float64.
func TestAgainstPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/torch_golden.json")
	if err != nil {
		t.Fatalf("%v; %s", err, regenerate)
	}
	var cases []torchCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatalf("%v; %s", err, regenerate)
	}
	for _, c := range cases {
		c.compare(t)
	}
	if t.Failed() {
		t.Log(regenerate)
	}
}

func (c *torchCase) compare(t *testing.T) {
	g, err := ParseGraph(c.Graph)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(g, c.N+3, Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := g.mustShapes()[g.Output().ID]
	b := p.NewBatch()
	b.N = c.N
	copy(b.Labels, c.Labels)
	lanesOf(b.X, split(c.X, c.N), g.Input)
	if g.Loss == MSE {
		lanesOf(b.Targets, split(c.Targets, c.N), out)
	}
	w := p.NewWorkspace()
	grad := make([]float32, len(c.Params))
	output := func() []float32 {
		var y []float32
		for i := range c.N {
			for j := range out.C {
				y = append(y, w.Value(g.Output().ID)[laneIndex(i, j, out)])
			}
		}
		return y
	}

	w.Forward(p.Pack(nil, c.Params), c.Buffers, b, Train)
	near(t, "output", output(), c.Output, 5e-6)
	m := w.Loss()
	near(t, "loss", []float32{float32(m.Loss)}, []float64{c.Loss}, 1e-6)
	if m.Correct != c.Correct {
		t.Errorf("%v correct, want %v", m.Correct, c.Correct)
	}
	w.Backward(grad)
	for _, e := range g.ParamEntries() {
		near(t, "gradient of "+e.Name, e.Of(grad), c.Gradient[e.Name], 2e-5)
	}
	buffers := append([]float32(nil), c.Buffers...)
	moments := make([]float64, p.MomentsLen())
	w.AddMoments(moments)
	UpdateRunning(g, buffers, moments)
	near(t, "running statistics", buffers, c.BuffersAfter, 2e-6)
	w.Forward(p.Pack(nil, c.Params), buffers, b, Eval)
	near(t, "output in eval mode", output(), c.OutputEval, 5e-6)
	near(t, "loss in eval mode", []float32{float32(w.Loss().Loss)}, []float64{c.LossEval}, 1e-6)

	for _, tr := range c.Training {
		cfg := optim.Default()
		cfg.Momentum = 0
		if err := json.Unmarshal(tr.Optimizer, &cfg); err != nil {
			t.Fatal(err)
		}
		o := optim.New(cfg, optim.Plain(len(grad)))
		params := append([]float32(nil), c.Params...)
		buffers := append([]float32(nil), c.Buffers...)
		for _, want := range tr.Losses {
			w.Forward(p.Pack(nil, params), buffers, b, Train)
			near(t, string(tr.Optimizer)+" loss", []float32{float32(w.Loss().Loss / float64(c.N))}, []float64{want}, 1e-5)
			w.Backward(grad)
			clear(moments)
			w.AddMoments(moments)
			UpdateRunning(g, buffers, moments)
			o.Step(params, grad, float32(1/float64(c.N)), cfg.LR)
		}
		near(t, string(tr.Optimizer)+" parameters", params, tr.Params, 2e-5)
		near(t, string(tr.Optimizer)+" running statistics", buffers, tr.Buffers, 2e-5)
	}
}

func split(x []float64, n int) [][]float64 {
	out := make([][]float64, n)
	for i := range out {
		out[i] = x[i*len(x)/n : (i+1)*len(x)/n]
	}
	return out
}

// near compares to within tolerance of the largest value.
func near(t *testing.T, name string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	var worst, scale float64
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= worst) {
			worst = d
		}
		scale = math.Max(scale, math.Abs(want[i]))
	}
	if !(worst <= tolerance*scale+1e-7) {
		t.Errorf("%s: off by %v, largest value %v", name, worst, scale)
	}
}
