package worker

import (
	"testing"

	"github.com/tinygrow/tinygrow/proto"
)

// The first round a worker sees and rounds of other kinds are left out.
func TestRecorderCountsGradientRoundsButTheFirst(t *testing.T) {
	var r recorder
	do := func(kind proto.Kind, step proto.Step, lo, hi uint32) {
		t := proto.Task{Spec: proto.RoundSpec{Kind: kind, Step: step, Offset: 1000, Count: 100, MicroShard: 32},
			Block: proto.Block{Lo: lo, Hi: hi}}
		r.begin(&t)
		r.sent(10)
		r.note(&r.stats.Compute)
		r.end(&t)
	}
	do(proto.Gradient, 5, 0, 4)
	do(proto.Gradient, 5, 0, 2)
	do(proto.Gradient, 6, 0, 4) // 100 samples
	do(proto.Evaluate, 7, 0, 4)
	do(proto.Gradient, 7, 2, 4) // the last 36
	s := r.close(Config{ID: "a", Threads: 2})
	if s.Worker != "a" || s.Threads != 2 || s.Blocks != 2 || s.Samples != 136 || s.Up != 20 {
		t.Errorf("%+v", s)
	}
}

// Bytes of weights are counted between whole versions, also by a worker that
// never gets a task.
func TestRecorderCountsWholeVersions(t *testing.T) {
	var r recorder
	for _, key := range []string{"1", "2", "3", "4"} {
		for range 3 {
			r.arrived(key, 7)
		}
	}
	if s := r.close(Config{}); s.Versions != 2 || s.Down != 42 || s.Blocks != 0 {
		t.Errorf("%+v", s)
	}
}
