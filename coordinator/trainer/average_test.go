package trainer

import (
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Evaluations read the average of the weights and running statistics of all steps, gradients those of the last, and the
// run ends with the average. The naive one is in float64, its weights those of the configuration's documentation.
func TestAverageOfWeights(t *testing.T) {
	set := toySettings()
	set.Growth.Policy, set.Optimizer.Average = "none", 0.5 // of 12 steps
	tr := newToyOf(t, set)
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	naive := make([]float64, len(tr.Model().Params)+len(tr.Model().Buffers))
	evaluations := 0
	for {
		r, ok := tr.Next()
		if !ok {
			break
		}
		w := tr.Weights().Model
		got := slices.Concat(w.Params, w.Buffers)
		if r.Kind == proto.Evaluate {
			evaluations++
			for i, v := range got {
				if math.Abs(float64(v)-naive[i]) > 1e-6 {
					t.Fatalf("step %d: value %d of the average is %v, want %v", r.Step, i, v, naive[i])
				}
			}
		} else if w != tr.Model() {
			t.Fatalf("step %d: a gradient of other weights", r.Step)
		}
		if _, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards()))); err != nil {
			t.Fatal(err)
		}
		if r.Kind != proto.Gradient {
			continue
		}
		if tr.done() {
			break
		}
		weight := 1 / min(float64(tr.Step()), 6)
		for i, v := range slices.Concat(tr.Model().Params, tr.Model().Buffers) {
			naive[i] += weight * (float64(v) - naive[i])
		}
	}
	if evaluations != 2 || !tr.Progress().Averaged || tr.Weights().Model != tr.Model() {
		t.Errorf("%d evaluations, %+v", evaluations, tr.Progress())
	}
	if got := slices.Concat(tr.Model().Params, tr.Model().Buffers); !slices.Equal(got, tr.average) {
		t.Error("the run does not end with its average")
	}
}

// With an average that is one step long nothing differs but that.
func TestAverageOfOneStep(t *testing.T) {
	set := toySettings()
	plain := newToyOf(t, set)
	run(t, plain, never)
	set.Optimizer.Average = 1e-9
	tr := newToyOf(t, set)
	run(t, tr, never)
	if !slices.Equal(tr.Model().Params, plain.Model().Params) || !slices.Equal(tr.Model().Buffers, plain.Model().Buffers) {
		t.Error("other weights")
	}
	if tr.Progress().Test != plain.Progress().Test {
		t.Errorf("%+v, without an average %+v", tr.Progress().Test, plain.Progress().Test)
	}
}

// A run with an average is the same wherever it is restored, through growth too.
func TestRestoreAnywhereWithAnAverage(t *testing.T) {
	set := toySettings()
	set.Optimizer.Average = 0.3
	whole, told := restoreAnywhere(t, set, toyGraph(2))
	if whole.Generation() == 0 {
		t.Error("nothing grew")
	}
	set.Train.MaxFLOPs = 0.6 * whole.Progress().FLOPs
	restoreAnywhere(t, set, toyGraph(2))
	set.Train.MaxFLOPs = 0
	for _, a := range told {
		if a.Eval != nil {
			set.Train.TargetAccuracy = max(set.Train.TargetAccuracy, a.Eval.Accuracy)
		}
	}
	stopped, _ := restoreAnywhere(t, set, toyGraph(2))
	if at := stopped.Progress(); !at.Averaged || at.Stopped == "" || !slices.Equal(stopped.average[:len(stopped.Model().Params)], stopped.Model().Params) {
		t.Errorf("%+v", at)
	}
}

// Behind surgery what is new is averaged from its own value on, what was changed has moved by as much, the rest stays.
func TestAverageBehindSurgery(t *testing.T) {
	m := nn.Init(toyGraph(2), 1)
	a := averageOf(m)
	for i := range a {
		a[i] += float32(i)
	}
	l, err := site.LayoutOf(m.Graph, site.All(m.Graph)[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	in := site.Insertion{Site: l.ID, Count: 1, Alpha: []float32{1, 2, 3, 4, 5}, Omega: []float32{6, 7, 8}, Mean: []float64{9}, Var: []float64{10},
		Update: make([]float32, l.Outputs*l.Outgoing.Rows())}
	in.Update[0] = 0.5
	wide, err := site.Widen(m, []site.Insertion{in})
	if err != nil {
		t.Fatal(err)
	}
	got := a.carried(m, wide)
	zero := averageOf(m)
	clear(zero)
	marked := slices.Clone(zero)
	for i := range marked {
		marked[i] = 1
	}
	carry := func(v average) average {
		p, b := v.split(len(m.Params))
		return slices.Concat(site.Carry(m.Graph, wide.Graph, p), site.CarryBuffers(m.Graph, wide.Graph, b))
	}
	old, before, was := carry(marked), carry(a), carry(averageOf(m))
	fresh, moved := 0, 0
	for i, now := range averageOf(wide) {
		want := before[i] + (now - was[i])
		if old[i] == 0 {
			want = now
			fresh++
		} else if now != was[i] {
			moved++
		}
		if got[i] != want {
			t.Errorf("value %d: %v, want %v", i, got[i], want)
		}
	}
	if fresh != 5+2+3+2 || moved != 1 {
		t.Errorf("%d new values, %d moved", fresh, moved)
	}
}
