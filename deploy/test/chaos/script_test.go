package chaos

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A seed has one script, faults come in the order of their steps within the run
// and hit workers that there are, and all kinds come up.
func TestScript(t *testing.T) {
	seen := map[Kind]int{}
	run := Extent{6, 3, 2, 240}
	for seed := range uint64(50) {
		s := Script(seed, run)
		if d := cmp.Diff(s, Script(seed, run)); d != "" {
			t.Fatalf("seed %d: another script the second time: %s", seed, d)
		}
		if len(s) != 6 || !slices.IsSortedFunc(s, func(a, b Fault) int { return int(a.Step) - int(b.Step) }) {
			t.Errorf("seed %d: %v", seed, s)
		}
		for _, f := range s {
			seen[f.Kind]++
			ofWorker := f.Kind == WorkerKill || f.Kind == WorkerPause || f.Kind == WorkerLeave
			ofReducer := f.Kind == ReducerKill || f.Kind == ReducerPause || f.Kind == ReducerLeave
			if f.Reducer > 2 || (f.Reducer > 0) != ofReducer || f.For > 4*time.Second {
				t.Errorf("seed %d: %+v", seed, f)
			}
			if f.Step < 1 || f.Step > 240 || f.Worker > 3 || (f.Worker > 0) != ofWorker || f.For < 0 || !ofReducer && f.For > 2*time.Second {
				t.Errorf("seed %d: %+v", seed, f)
			}
		}
	}
	for _, k := range Kinds() {
		if seen[k] == 0 {
			t.Errorf("no %s in 300 faults", k)
		}
	}
	if cmp.Equal(Script(1, run), Script(2, run)) {
		t.Error("two seeds have one script")
	}
	for _, f := range Script(1, Extent{100, 3, 0, 240}) {
		if f.Reducer > 0 || f.Kind == ReducerKill {
			t.Errorf("without reducers: %v", f)
		}
	}
}

// Each process draws its own binaries, the same again from the same seed, and all come up.
func TestBinariesAreDrawnBySeed(t *testing.T) {
	draws := func(seed uint64, process string) (out []string) {
		c := cluster{Config: Config{Binaries: []string{"a", "b", "c"}}, seed: seed}
		next := c.draw(process)
		for range 30 {
			out = append(out, next())
		}
		return out
	}
	first := draws(1, "worker-1")
	if !slices.Equal(first, draws(1, "worker-1")) {
		t.Error("one seed drew twice differently")
	}
	if slices.Equal(first, draws(2, "worker-1")) || slices.Equal(first, draws(1, "worker-2")) {
		t.Error("another seed, or another process, drew the same")
	}
	for _, b := range []string{"a", "b", "c"} {
		if !slices.Contains(first, b) {
			t.Errorf("%s was not drawn in 30 starts", b)
		}
	}
}
