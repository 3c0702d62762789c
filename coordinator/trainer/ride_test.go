package trainer

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
)

func ridingSettings(part float64) Settings {
	set := toySettings()
	set.Growth.Riding = part
	return set
}

// A run is restored anywhere in a window of statistics that ride along, to the same
// weights, journal and window; its events have evidence once both halves and S have
// samples, and nothing rides along once no event can follow.
func TestRestoreAnywhereInAWindow(t *testing.T) {
	whole, told := restoreAnywhere(t, ridingSettings(1), toyGraph(2))
	var evidence []uint64
	for _, a := range told {
		if a.Growth != nil && len(a.Growth.Evidence) > 0 {
			evidence = append(evidence, a.Growth.Step)
			for _, e := range a.Growth.Evidence {
				if e.Samples < 150 || e.Cost <= 0 || len(e.Gains) == 0 || len(e.Gains) != len(e.Errors) || !(e.TotalError > 0) {
					t.Errorf("step %d: %+v", a.Growth.Step, e)
				}
			}
		}
	}
	// S rides along with step 9 first.
	if len(evidence) != 1 || evidence[0] != 9 {
		t.Errorf("events with evidence at steps %v", evidence)
	}
	if whole.Progress().Riding != nil {
		t.Error("statistics still ride along at the end of the run")
	}
}

// The rounds that statistics ride along with are a function of the step; their
// computation counts, and policies that ask for none have the rounds, sums, progress
// and FLOPs of before.
func TestWhatRidesAlong(t *testing.T) {
	riding, plain := newToyOf(t, ridingSettings(0.5)), newToy(t)
	run(t, plain, never)
	if js, _ := json.Marshal(plain.Progress()); json.Valid(js) && plain.Progress().Riding != nil {
		t.Errorf("nothing is to ride along: %s", js)
	}
	sites := measure.RidingSites(riding.Model().Graph)
	if _, err := riding.Begin(); err != nil {
		t.Fatal(err)
	}
	before, gradient := riding.Progress().FLOPs, riding.Model().Graph.GradientSums().Len()
	for step := range uint64(3) {
		r, _ := riding.Next()
		rides := step%2 == 0
		if (r.Request != nil) != rides || (r.F64 > gradient) != rides || rides && r.F64 != gradient+measure.RidingLen(sites, false) {
			t.Errorf("step %d: %+v", step, r)
		}
		if _, err := riding.Apply(compute(riding, r, proto.Root(r.MicroShards()))); err != nil {
			t.Fatal(err)
		}
		now := riding.Progress().FLOPs
		want := riding.cost(50)
		if rides {
			want += 50 * measure.RidingFLOPs(sites, step/2)
		}
		if now-before != want {
			t.Errorf("step %d: %v FLOPs, want %v", step, now-before, want)
		}
		before = now
	}
	if s := riding.Progress().Riding.Sites[0].Samples; s != [2]float64{50, 50} {
		t.Errorf("%v samples in the halves", s)
	}
}

// A window without its sums, or sums without a window, is no progress of a run.
func TestWindowsThatAreNotWhole(t *testing.T) {
	set := ridingSettings(1)
	tr := newToyOf(t, set)
	run(t, tr, func() bool { return tr.Step() == 2 })
	at := tr.Progress()
	at.Riding = &growth.Window{Sites: at.Riding.Sites}
	if _, err := Restore(set, tr.Model(), tr.Optimizer().Slots(), tr.Optimizer().Count(), at); !errors.Is(err, growth.ErrOtherWindow) {
		t.Errorf("a window without sums: %v", err)
	}
	if _, err := at.WithValues(tr.Model().Graph, []float64{1}); !errors.Is(err, growth.ErrOtherWindow) {
		t.Errorf("other sums: %v", err)
	}
	if _, err := (Progress{}).WithValues(tr.Model().Graph, []float64{1}); !errors.Is(err, growth.ErrOtherWindow) {
		t.Errorf("sums of no window: %v", err)
	}
}
