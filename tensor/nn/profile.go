package nn

import "time"

// Lap is told of one kernel call: what it did, its useful floating-point
// operations (of convolutions and linear layers, else 0) and how long it took.
type Lap func(kind string, flops int64, took time.Duration)

// Profile makes the following calls of Forward and Backward tell lap of every
// kernel call; nil ends that.
func (w *Workspace) Profile(lap Lap) { w.lap = lap }

// runAll runs steps in order.
func (w *Workspace) runAll(steps []step) {
	if w.lap == nil {
		for _, s := range steps {
			s.run(w)
		}
		return
	}
	for _, s := range steps {
		started := time.Now()
		s.run(w)
		took := time.Since(started)
		if kind, flops := s.describe(); kind != "" {
			w.lap(kind, flops*int64(w.n), took)
		}
	}
}
