package coordinator

import (
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// TestTheClockDecidesWhenToSave states the rule for what may be lost.
func TestTheClockDecidesWhenToSave(t *testing.T) {
	const every, s = 30 * time.Second, time.Second
	for _, c := range []struct {
		u           unsaved
		due, before bool
	}{
		{unsaved{false, time.Hour, 0}, false, false}, // nothing new
		{unsaved{true, 1 * s, 0}, false, false},
		{unsaved{true, 3 * s, 0}, false, true},
		{unsaved{true, 29 * s, 0}, false, true},
		{unsaved{true, every - tick, 0}, true, true},   // before the time is up
		{unsaved{true, 26 * s, 2 * s}, true, true},     // writing takes some of it
		{unsaved{true, 16 * s, time.Hour}, true, true}, // but never more than half
		{unsaved{true, 14 * s, time.Hour}, false, true},
	} {
		if due, before := c.u.due(every), c.u.beforeEvent(every); due != c.due || before != c.before {
			t.Errorf("%+v: due %v, before an event %v", c.u, due, before)
		}
	}
}

func TestStepsThatAnUpdatePasses(t *testing.T) {
	for _, c := range []struct {
		step   proto.Step
		steps  int
		passed bool
	}{{10, 0, true}, {11, 0, false}, {12, 4, true}, {10, 4, true}, {9, 4, false}, {24, 4, false}, {30, 20, true}} {
		r := trainer.StepRecord{Step: c.step, Steps: c.steps}
		if r.Passed(10) != c.passed {
			t.Errorf("step %d, of %d: %v", c.step, c.steps, r.Passed(10))
		}
	}
}
