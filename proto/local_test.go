package proto

import (
	"slices"
	"testing"
)

// localInputs returns the inputs of a round like spec of local steps.
func localInputs(spec RoundSpec, l LocalSpec) Digest {
	spec.Kind, spec.Local = Local, l
	return spec.Inputs(Digest{1}, Digest{2}, Digest{3})
}

// replicas returns a round of 4 steps of 3 replicas, of 10 samples each.
func replicas(spec RoundSpec) RoundSpec {
	spec.Kind, spec.Offset, spec.Count, spec.MicroShard = Local, 50, 120, 4
	spec.Local = LocalSpec{Replicas: 3, Steps: 4, Update: 9, Plan: BlobRef{"plan-7", 100, Digest{8}}}
	return spec
}

// The steps of all replicas go through the samples of the round, each once, in the order in which
// a run without replicas would: step after step, and in a step replica after replica.
func TestLocalStepsGoThroughTheSamplesOfTheRound(t *testing.T) {
	spec := replicas(RoundSpec{Step: 20, Halves: true})
	if n := spec.MicroShards(); n != 3 {
		t.Errorf("a tree of %d leaves for 3 replicas", n)
	}
	if shards, steps := spec.Leaf(); shards != 3 || steps != 4 {
		t.Errorf("a leaf of %d micro-shards, %d times", shards, steps)
	}
	var positions, firsts []uint64
	for i := range uint32(4) {
		for r := range uint32(3) {
			step, first := spec.LocalStep(r, i)
			if step.Kind != Gradient || step.Step != 20+Step(i) || !step.Local.zero() || step.Halves || step.check() == nil {
				t.Errorf("step %d of replica %d is %+v", i, r, step) // the check misses the order
			}
			firsts = append(firsts, first)
			for s := range step.MicroShards() {
				lo, hi := step.Range(s)
				for ; lo < hi; lo++ {
					positions = append(positions, lo)
				}
			}
		}
	}
	for i, p := range positions {
		if p != 50+uint64(i) {
			t.Fatalf("sample %d is at %d", i, p)
		}
	}
	if len(positions) != 120 || !slices.Equal(firsts[:3], []uint64{0, 3, 6}) {
		t.Errorf("%d samples, micro-shards from %v", len(positions), firsts[:3])
	}
	var all uint64
	for r := range uint32(3) {
		lo, hi := spec.Range(r)
		all += hi - lo
	}
	if all != 120 {
		t.Errorf("replicas compute %d samples", all)
	}
}

func TestLocalStepsThatCannotBeAreRefused(t *testing.T) {
	good := replicas(RoundSpec{Order: Order{Split: "train", Stream: "epoch"}})
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *RoundSpec){
		"no replicas":                  func(r *RoundSpec) { r.Local.Replicas = 0 },
		"too many replicas":            func(r *RoundSpec) { r.Local.Replicas = MaxReplicas + 1 },
		"no steps":                     func(r *RoundSpec) { r.Local.Steps = 0 },
		"too many steps":               func(r *RoundSpec) { r.Local.Steps = MaxLocalSteps + 1 },
		"parts that are not equal":     func(r *RoundSpec) { r.Count++ },
		"no samples":                   func(r *RoundSpec) { r.Count = 0 },
		"a plan of no size":            func(r *RoundSpec) { r.Local.Plan.Size = -1 },
		"replicas of a gradient round": func(r *RoundSpec) { r.Kind = Gradient },
	} {
		r := good
		if change(&r); r.check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
