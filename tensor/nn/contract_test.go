package nn

import (
	"math"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/kernel"
)

// Probes give the same bits for every instruction set and every platform.
func TestFingerprint(t *testing.T) {
	sameBits(t, "c8c53efcbb7ef077da9b18a04f085227ba62c5e2ca4a03683182f285283cbe73", commonProbes()...)
	if len(Fingerprint()) != 64 || Fingerprint() != fingerprintOf(probes()) {
		t.Errorf("fingerprint %s is not that of all probes", Fingerprint())
	}
}

// sameBits compares the fingerprint of probes under every instruction set with a golden one.
func sameBits(t *testing.T, want string, probes ...*Graph) {
	t.Helper()
	before := kernel.Active()
	defer kernel.SetISA(before)
	for _, isa := range kernel.Supported() {
		if err := kernel.SetISA(isa); err != nil {
			t.Fatal(err)
		}
		if got := fingerprintOf(probes); got != want {
			t.Errorf("%v: fingerprint %s, want %s", isa, got, want)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	for name, g := range smallGraphs() {
		q := newProblem(t, g, 40, 37, Options{})
		w := q.p.NewWorkspace()
		pk := q.p.Pack(nil, q.m.Params)
		grad := make([]float32, len(q.m.Params))
		moments := make([]float64, q.p.MomentsLen())
		if n := testing.AllocsPerRun(2, func() {
			q.p.Pack(pk, q.m.Params)
			w.Forward(pk, q.m.Buffers, q.b, Train)
			w.Loss()
			w.Backward(grad)
			w.AddMoments(moments)
		}); n != 0 {
			t.Errorf("%s: %v allocations a step", name, n)
		}
	}
}

// What a workspace did before must not show: all gradients are overwritten,
// and buffers shared by liveness hold nothing over.
func TestWorkspaceForgets(t *testing.T) {
	for name, g := range smallGraphs() {
		q := newProblem(t, g, 40, 37, Options{})
		fresh := q.p.NewWorkspace()
		_, want := q.run(fresh, Train)
		used := q.p.NewWorkspace()
		for i := range used.arena {
			used.arena[i] = float32(math.NaN())
		}
		for i := range used.scratch {
			used.scratch[i] = float32(math.NaN())
		}
		for range 2 {
			m, got := q.run(used, Train)
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("%s: gradient %d is %v in a used workspace, %v in a fresh one", name, i, got[i], want[i])
				}
			}
			if m.N != 37 || m.Correct < 0 || m.Correct > 37 {
				t.Errorf("%s: metrics %+v", name, m)
			}
			used.Forward(q.p.Pack(nil, q.m.Params), q.m.Buffers, q.b, Eval)
		}
	}
}

// Keeping every node switches all fusions and in-place passes off. Gradients
// must agree to rounding, and kept values must be the reference's.
func TestKeepEverything(t *testing.T) {
	for name, g := range smallGraphs() {
		var all []NodeID
		for _, n := range g.Nodes {
			all = append(all, n.ID)
		}
		q := newProblem(t, g, 40, 37, Options{})
		_, want := q.run(q.p.NewWorkspace(), Train)
		k := newProblem(t, g, 40, 37, Options{Keep: all})
		w := k.p.NewWorkspace()
		_, got := k.run(w, Train)
		var scale float64
		for _, v := range want {
			scale = math.Max(scale, math.Abs(float64(v)))
		}
		for i := range want {
			if math.Abs(float64(want[i]-got[i])) > 3e-6*scale {
				t.Errorf("%s: gradient %d is %v with all nodes kept, %v without", name, i, got[i], want[i])
				break
			}
		}
		r := newReference(k.m, Train)
		r.loss(k.x, k.labels, k.targets)
		for _, id := range all {
			compareValues(t, name, id, w.Value(id), r)
			if len(w.Grad(id)) != len(w.Value(id)) {
				t.Errorf("%s: gradient of %s has another length than its value", name, id)
			}
		}
	}
}

func compareValues(t *testing.T, name string, id NodeID, got []float32, r *reference) {
	t.Helper()
	for i, want := range r.values[id] {
		for j, v := range want {
			if g := float64(got[laneIndex(i, j, r.shapes[id])]); math.Abs(g-v) > 1e-5*(1+math.Abs(v)) {
				t.Errorf("%s: value %d of sample %d at %s is %v, want %v", name, j, i, id, g, v)
				return
			}
		}
	}
}

// A program for inference gives the metrics of a program for training.
func TestInference(t *testing.T) {
	for name, g := range smallGraphs() {
		q := newProblem(t, g, 40, 37, Options{})
		w := q.p.NewWorkspace()
		w.Forward(q.p.Pack(nil, q.m.Params), q.m.Buffers, q.b, Eval)
		want := w.Loss()
		k := newProblem(t, g, 40, 37, Options{Inference: true})
		w = k.p.NewWorkspace()
		w.Forward(k.p.Pack(nil, k.m.Params), k.m.Buffers, k.b, Eval)
		if got := w.Loss(); got != want {
			t.Errorf("%s: %+v for inference, %+v else", name, got, want)
		}
		if k.p.arena > q.p.arena {
			t.Errorf("%s: inference needs %d floats, training %d", name, k.p.arena, q.p.arena)
		}
	}
}

// Moments are exact sums of the values that batch normalisation saw, and
// running statistics follow the reference's mean and unbiased variance, also
// when a large mean hides a small variance.
func TestMomentsAndRunningStatistics(t *testing.T) {
	g := chain(Shape{2, 4, 4}, CrossEntropy, bn(), op(OpGlobalAvgPool), linear(3))
	q := newProblem(t, g, 40, 37, Options{})
	for i := range q.x {
		for j := range q.x[i] {
			q.x[i][j] = float64(float32(100 + 0.01*q.x[i][j]))
		}
	}
	lanesOf(q.b.X, q.x, g.Input)
	w := q.p.NewWorkspace()
	w.Forward(q.p.Pack(nil, q.m.Params), nil, q.b, Train)
	moments := make([]float64, q.p.MomentsLen())
	w.AddMoments(moments)
	buffers := []float32{0, 0, 1, 1}
	UpdateRunning(g, buffers, moments)
	for c := range 2 {
		var mean, variance float64
		count := float64(37 * 16)
		for _, x := range q.x {
			for p := range 16 {
				mean += x[c*16+p] / count
			}
		}
		for _, x := range q.x {
			for p := range 16 {
				variance += (x[c*16+p] - mean) * (x[c*16+p] - mean) / (count - 1)
			}
		}
		if moments[4] != count || math.Abs(moments[c]/count-mean) > 1e-7 {
			t.Errorf("moments %v, want mean %v of %v values", moments, mean, count)
		}
		v := (moments[2+c] - moments[c]*moments[c]/count) / (count - 1)
		if math.Abs(v-variance) > 1e-4*variance {
			t.Errorf("variance of channel %d: %v, want %v", c, v, variance)
		}
		if got, want := float64(buffers[c]), 0.1*mean; math.Abs(got-want) > 1e-6*want {
			t.Errorf("running mean %v, want %v", got, want)
		}
		if got, want := float64(buffers[2+c]), 0.9+0.1*variance; math.Abs(got-want) > 1e-6 {
			t.Errorf("running variance %v, want %v", got, want)
		}
	}
}

func TestMisusePanics(t *testing.T) {
	q := newProblem(t, tinyNet(), 8, 5, Options{})
	w := q.p.NewWorkspace()
	pk := q.p.Pack(nil, q.m.Params)
	for name, f := range map[string]func(){
		"no samples":        func() { b := *q.b; b.N = 0; w.Forward(pk, q.m.Buffers, &b, Train) },
		"too many samples":  func() { b := *q.b; b.N = 9; w.Forward(pk, q.m.Buffers, &b, Train) },
		"few parameters":    func() { q.p.Pack(nil, q.m.Params[1:]) },
		"no buffers":        func() { w.Forward(pk, nil, q.b, Eval) },
		"value not kept":    func() { w.Value("conv1") },
		"label too large":   func() { b := *q.b; b.Labels = []int32{9, 9, 9, 9, 9}; w.Forward(pk, nil, &b, Train); w.Loss() },
		"gradient too long": func() { w.Backward(make([]float32, 1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
	for _, bad := range []int{0, 1025} {
		if _, err := Compile(tinyNet(), bad, Options{}); err == nil {
			t.Errorf("micro-shard of %d: no error", bad)
		}
	}
	if _, err := Compile(tinyNet(), 8, Options{Keep: []NodeID{"nobody"}}); err == nil {
		t.Error("keep of an unknown node: no error")
	}
	if len(q.b.X) != tensor.Lanes*72 {
		t.Errorf("batch of %d floats", len(q.b.X))
	}
}

// Parts of the packing may be done in any order; what no part packs is not read.
func TestPackParts(t *testing.T) {
	c, _ := Preset("mlp")
	wide, err := Build(c)
	if err != nil {
		t.Fatal(err)
	}
	graphs := smallGraphs()
	graphs["wide"] = wide
	for name, g := range graphs {
		q := newProblem(t, g, 8, 5, Options{})
		_, want := q.run(q.p.NewWorkspace(), Train)
		pk := q.p.NewPacked()
		for i := range pk.panels {
			pk.panels[i] = float32(math.NaN())
		}
		for i := range q.p.PackParts() {
			q.p.PackPart(pk, q.m.Params, q.p.PackParts()-1-i)
		}
		w := q.p.NewWorkspace()
		got := make([]float32, len(want))
		w.Forward(pk, q.m.Buffers, q.b, Train)
		w.Loss()
		w.Backward(got)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%s: gradient %d is %v, want %v", name, i, got[i], want[i])
			}
		}
	}
}

// Goroutines that share a program and packed parameters get the bits of one.
func TestWorkspacesShareAProgram(t *testing.T) {
	q := newProblem(t, smallGraphs()["residual with projection"], 40, 37, Options{})
	_, want := q.run(q.p.NewWorkspace(), Train)
	pk := q.p.Pack(nil, q.m.Params)
	grads := make([][]float32, 4)
	var wg sync.WaitGroup
	for i := range grads {
		grads[i] = make([]float32, len(want))
		wg.Go(func() {
			w := q.p.NewWorkspace()
			for range 3 {
				w.Forward(pk, q.m.Buffers, q.b, Train)
				w.Loss()
				w.Backward(grads[i])
			}
		})
	}
	wg.Wait()
	for i, got := range grads {
		for j := range want {
			if got[j] != want[j] {
				t.Fatalf("goroutine %d: gradient %d is %v, want %v", i, j, got[j], want[j])
			}
		}
	}
}
