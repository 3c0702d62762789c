package trainer

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/optim"
)

// restored returns a trainer made anew of what a checkpoint holds.
func restored(t *testing.T, s Settings, tr *Trainer) *Trainer {
	t.Helper()
	text, err := json.Marshal(tr.Progress())
	if err != nil {
		t.Fatal(err)
	}
	var at Progress
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatal(err)
	}
	at, err = at.WithValues(tr.Model().Graph, tr.Progress().Values())
	if err != nil {
		t.Fatal(err)
	}
	var slots []optim.Slot
	for _, s := range tr.Slots() {
		slots = append(slots, optim.Slot{Name: s.Name, Data: slices.Clone(s.Data)})
	}
	again, err := Restore(s, tr.Model().Clone(), slots, tr.Optimizer().Count(), at)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// A run that is extended, finished or in the middle, goes on by the schedules of
// the new end, and to the same bits however often it is taken up again.
func TestAnExtendedRunFollowsItsNewEnd(t *testing.T) { extend(t, toySettings()) }

// One that ended with the average of its weights goes on from that.
func TestAnExtendedRunGoesOnFromItsAverage(t *testing.T) {
	set := toySettings()
	set.Optimizer.Average = 0.3
	extend(t, set)
}

func extend(t *testing.T, set Settings) {
	set.Growth.Riding = 1
	for name, stop := range map[string]uint64{"finished": math.MaxUint64, "stopped": 5} {
		tr := newToyOf(t, set)
		run(t, tr, func() bool { return uint64(tr.Step()) >= stop })
		first := restored(t, set, tr)
		at := first.Progress().Step
		end := set.Train.End()
		end.Epochs = 6
		r, err := first.Extend(end)
		if err != nil || r == nil || uint64(r.Step) != at || r.From.Epochs != 3 || r.To.Epochs != 6 {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		if r, err := first.Extend(end); r != nil || err != nil {
			t.Errorf("%s: extended twice: %+v, %v", name, r, err)
		}
		second := restored(t, set, first)
		lines := run(t, first, never)
		if first.Step() != 24 || first.Progress().Extensions[0].Step != at {
			t.Errorf("%s: ends with step %d: %+v", name, first.Step(), first.Progress().Extensions)
		}
		for _, a := range decoded(t, lines) {
			if a.Step == nil {
				continue
			}
			want := optim.LR(set.Optimizer, uint64(a.Step.Step)-1, optim.Length{Steps: 24, PerEpoch: 4})
			if a.Step.LR != want {
				t.Errorf("%s: step %d has the rate %v, one of a run of 24 steps has %v", name, a.Step.Step, a.Step.LR, want)
			}
		}
		half := run(t, second, func() bool { return second.Step() >= 15 })
		third := restored(t, set, second)
		rest := run(t, third, never)
		if got := append(half, rest...); !slices.Equal(got, lines) {
			t.Errorf("%s: taken up again it goes another way:\n%s\n%s", name, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
		if third.Digest() != first.Digest() {
			t.Errorf("%s: other weights", name)
		}
		info, err := set.NextEvent(second.Progress(), second.Model().Graph)
		if err != nil || info.SamplesLeft != float64(24-second.Progress().Step)*50 {
			t.Errorf("%s: the next event has %v samples left, %v", name, info.SamplesLeft, err)
		}
	}
}

// A run can only be extended: no end that lies behind it, before the one that it has,
// or that no run can have.
func TestARunIsNotShortened(t *testing.T) {
	set := toySettings()
	set.Train.MaxFLOPs, set.Train.TargetAccuracy = 1e30, 1
	for name, c := range map[string]struct {
		finished bool
		change   func(*End)
		says     string // "": it is an extension
	}{
		"steps that are made":        {true, func(e *End) { e.Epochs = 2 }, "12 steps are made, and a run of 2 epochs has no more"},
		"no more than are made":      {true, func(e *End) { e.Steps = 12 }, "12 steps are made"},
		"more":                       {true, func(e *End) { e.Steps = 13 }, ""},
		"fewer steps than planned":   {false, func(e *End) { e.Steps = 11 }, "it has 12 steps, and a run of 11 steps has 11"},
		"more steps than planned":    {false, func(e *End) { e.Steps = 99 }, ""},
		"a smaller budget":           {false, func(e *End) { e.MaxFLOPs = 1e29 }, "max_flops is 1e+30, and would be 1e+29"},
		"no budget":                  {false, func(e *End) { e.MaxFLOPs = 0 }, ""},
		"a budget that is spent":     {true, func(e *End) { e.Epochs, e.MaxFLOPs = 9, 1 }, "FLOPs are spent"},
		"a lower target":             {false, func(e *End) { e.TargetAccuracy = 0.99 }, "target_accuracy is 1, and would be 0.99"},
		"a target that is reached":   {true, func(e *End) { e.Epochs, e.TargetAccuracy = 9, 0.01 }, "is reached"},
		"no target":                  {false, func(e *End) { e.TargetAccuracy = 0 }, ""},
		"a new budget for more time": {true, func(e *End) { e.Epochs, e.MaxFLOPs = 9, 1e29 }, ""},
	} {
		tr := newToyOf(t, set)
		run(t, tr, func() bool { return !c.finished && tr.Step() == 4 })
		end := set.Train.End()
		c.change(&end)
		before := tr.Progress()
		r, err := tr.Extend(end)
		if c.says == "" {
			if err != nil || r == nil {
				t.Errorf("%s: %v", name, err)
			} else if _, more := tr.Next(); !more {
				t.Errorf("%s: the run does not go on", name)
			}
			continue
		}
		if !errors.Is(err, ErrNotLater) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if len(before.Extensions) != len(tr.Progress().Extensions) {
			t.Errorf("%s: it was extended all the same", name)
		}
	}
	if _, err := newToyOf(t, set).Extend(End{Epochs: math.NaN()}); err == nil || errors.Is(err, ErrNotLater) {
		t.Errorf("an end that is no number: %v", err)
	}
}
