package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

// held samples of one kind of round are there when a channel is closed.
type held struct {
	toy
	stream string
	after  uint64
	open   chan struct{}
}

func (h held) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	if o.Stream == h.stream && o.Index >= h.after {
		<-h.open
	}
	return h.toy.Fill(b, o, augment, lo, n)
}

// What a run has done is saved by the clock, also while a step or a growth
// event takes longer than the time between two checkpoints.
func TestCheckpointsDoNotWaitForTheRoundAtHand(t *testing.T) {
	for _, samples := range []held{{data, "epoch", 2, nil}, {data, "growth", 1, nil}} {
		t.Run(samples.stream, func(t *testing.T) {
			want := of(reference(t))
			samples.open = make(chan struct{})
			j := job(t, "")
			j.Config.Checkpoint.Every = 500 * time.Millisecond
			s := memory()
			w := s.start(worker.Config{ID: "slow", Threads: 1}, samples, nil)
			type news struct {
				step  proto.Step
				saved bool
			}
			heard := make(chan news, 1000)
			j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) { heard <- news{r.Step, false} }
			j.Events.Saved = func(_ string, step proto.Step) { heard <- news{step, true} }
			done := make(chan bool)
			go func() {
				defer close(samples.open)
				var last news
				for {
					select {
					case n := <-heard:
						last = n
					case <-time.After(2 * time.Second): // a step takes milliseconds: the round is held
						done <- last.saved
						return
					}
				}
			}()
			got := make(chan hashes)
			go func() { got <- of(s.coordinate(t, context.Background(), j)) }()
			if !<-done {
				t.Error("steps that were made are not saved while a round takes long")
			}
			if got := <-got; got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if err := w.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
