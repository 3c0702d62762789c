package coordinator

import (
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// Gradient rounds count but for the first, with all of their time; what lies
// between them does not.
func TestStopwatchCountsGradientRoundsButTheFirst(t *testing.T) {
	var w stopwatch
	r := trainer.Round{RoundSpec: proto.RoundSpec{Weights: proto.BlobRef{Size: 100}}, Lengths: proto.Lengths{F32: 5, F64: 2}}
	round := func(step *trainer.StepRecord, p phase) {
		w.folded = 3
		w.enter(p)
		time.Sleep(2 * time.Millisecond)
		w.decoding.Add(int64(time.Second))
		w.enter(serving)
		w.lap(step, r, 4)
	}
	step := &trainer.StepRecord{Samples: 10}
	round(step, updating)
	round(step, reducing)
	round(nil, encoding) // an evaluation
	round(step, reducing)
	got := w.timing()
	if got.Steps != 2 || got.Samples != 20 || got.Threads != 4 || got.Partials != 6 || got.PartialBytes != 6*36 || got.WeightBytes != 200 {
		t.Errorf("%+v", got)
	}
	if got.Reduce < 0.004 || got.Update != 0 || got.Encode != 0 || got.Decode != 2 {
		t.Errorf("phases %+v", got.Phases)
	}
	if sum := got.Wait + got.Serve + got.Reduce + got.Update + got.Encode; sum > got.WallS+1e-9 || sum < got.WallS-1e-9 {
		t.Errorf("phases are %v s of %v s", sum, got.WallS)
	}
}
