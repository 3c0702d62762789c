package run

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// TestWhatCountsAsProgress tells a coordinator's reporter of events, and looks
// whether the file shows that the run got anywhere.
func TestWhatCountsAsProgress(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(e coordinator.Events) // the sleep
		after  func(e coordinator.Events)
		moved  bool
	}{
		{"a step", nil, func(e coordinator.Events) { e.Step(trainer.StepRecord{}, coordinator.Pace{}) }, true},
		{"an evaluation", nil, func(e coordinator.Events) { e.Evaluated(trainer.EvalRecord{}) }, true},
		{"a growth event", nil, func(e coordinator.Events) { e.Grew(growth.Record{}, trainer.GrownRecord{}) }, true},
		{"a part of a sum", nil, func(e coordinator.Events) { e.Decided(plan.Fold{}) }, true},
		{"workers that come and go", nil, func(e coordinator.Events) { e.Decided(plan.Drop{}) }, false},
		{"a server that answers while there is work", func(e coordinator.Events) { e.Resumed("") },
			func(e coordinator.Events) { e.Reached() }, false},
		{"a server that answers while workers are waited for", func(e coordinator.Events) { e.Waiting("") },
			func(e coordinator.Events) { e.Reached() }, true},
		{"a server that does not, while workers are waited for", func(e coordinator.Events) { e.Waiting("") },
			func(coordinator.Events) {}, false},
	} {
		file := filepath.Join(t.TempDir(), "health")
		e := showLife(coordinator.Events{}, health.NewReporter("coordinator", file))
		if c.before != nil {
			c.before(e)
		}
		time.Sleep(20 * time.Millisecond)
		now := time.Now()
		c.after(e)
		e.Alive()
		s, err := health.Check(file, now, time.Hour, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if moved := !s.Progress.Before(now); moved != c.moved {
			t.Errorf("%s counts as progress: %v", c.name, moved)
		}
	}
}

// TestWhatCountsAsProgressOfAWorker asks over buses that answer or do not.
func TestWhatCountsAsProgressOfAWorker(t *testing.T) {
	hub := bus.NewHub(0)
	b := hub.Connect()
	defer b.Close()
	if _, err := b.Subscribe("deaf", func(*bus.Message) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Subscribe("kind", func(m *bus.Message) { m.Respond(nil) }); err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]int{"kind": 1, "nobody": 1, "deaf": 0} {
		moved := 0
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		moving{b, func() { moved++ }}.Request(ctx, subject, nil)
		cancel()
		if moved != want {
			t.Errorf("%s: %d", subject, moved)
		}
	}
}
