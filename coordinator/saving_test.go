package coordinator

import (
	"testing"
	"time"
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
