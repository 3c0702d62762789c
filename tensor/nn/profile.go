package nn

import "time"

// Observer is told of one kernel call: what it did, its useful floating-point
// operations (of convolutions and linear layers, else 0) and how long it took.
type Observer func(kind string, flops int64, took time.Duration)

// Profile makes the following calls of Forward and Backward tell watch of every
// kernel call; nil ends that.
func (w *Workspace) Profile(watch Observer) { w.watch = watch }

// runAll runs steps in order.
func (w *Workspace) runAll(steps []step) {
	if w.watch == nil {
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
			w.watch(kind, flops*int64(w.n), took)
		}
	}
}
