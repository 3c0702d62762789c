package trainer

import (
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// step makes one round of tr.
func step(t *testing.T, tr *Trainer) Applied {
	t.Helper()
	r, ok := tr.Next()
	if !ok {
		t.Fatal("the run is over")
	}
	a, err := tr.Apply(compute(tr, r, proto.Root(r.MicroShards())))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// New neurons take a growing part of their updates, the others all of theirs.
func TestWarmUp(t *testing.T) {
	set := toySettings()
	set.Growth.Policy = growth.PolicyRandom
	cold := newToyOf(t, set)
	set.Growth.WarmUp = 3
	warm := newToyOf(t, set)
	for _, tr := range []*Trainer{cold, warm} {
		if _, err := tr.Begin(); err != nil {
			t.Fatal(err)
		}
		for step(t, tr).Grown == nil {
		}
	}
	if cold.Digest() != warm.Digest() {
		t.Fatal("they differ before there is anything to warm up")
	}
	fresh := map[int]bool{}
	for _, i := range warm.Progress().Warming.Params(warm.Model().Graph) {
		fresh[i] = true
	}
	if len(fresh) == 0 {
		t.Fatal("nothing is warmed up")
	}
	before := append([]float32(nil), warm.Model().Params...)
	for step(t, cold).Step == nil { // an evaluation may come first
	}
	for step(t, warm).Step == nil {
	}
	moved := 0
	for i, v := range before {
		full, got := cold.Model().Params[i]-v, warm.Model().Params[i]-v
		want := full
		if fresh[i] {
			want = full / 4
		}
		if d := got - want; d > 1e-7 || d < -1e-7 {
			t.Errorf("parameter %d (new: %v) moved by %g instead of %g", i, fresh[i], got, want)
		}
		if fresh[i] && got != 0 {
			moved++
		}
	}
	if moved == 0 {
		t.Error("no new parameter moved")
	}
	for step(t, warm).Step == nil {
	}
	if w := warm.Progress().Warming; w == nil || w.Steps != 2 {
		t.Errorf("after two steps: %+v", w)
	}
	for step(t, warm).Step == nil {
	}
	if w := warm.Progress().Warming; w != nil {
		t.Errorf("after three steps: %+v", w)
	}
}
