package worker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// nothing is a data set without samples.
type nothing struct{}

func (nothing) Digest() string                                                  { return "d" }
func (nothing) Fits(proto.Order, *nn.Graph) error                               { return nil }
func (nothing) Fill(*nn.Batch, proto.Order, proto.Augmentation, int, int) error { return nil }

// answered runs a worker for a while against a coordinator that answers every
// pull at once with the same task, and returns the numbers of hellos and pulls.
func answered(t *testing.T, task proto.Task, while time.Duration) (hellos, pulls int32) {
	synctest.Test(t, func(t *testing.T) {
		hub := bus.NewHub(0)
		of := hub.Connect()
		defer of.Close()
		head := proto.Head{Run: "r", Term: 1, Start: "s"}
		var hello, pull atomic.Int32
		answer := func(subject string, n *atomic.Int32, m proto.Message) {
			data, err := proto.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := of.Subscribe(subject, func(m *bus.Message) { n.Add(1); m.Respond(data) }); err != nil {
				t.Fatal(err)
			}
		}
		task.Head = head
		answer(proto.RunID("r").JoinSubject(proto.EveryKey), &hello, &proto.Welcome{Head: head, Threads: 1 << 16,
			Heartbeat: time.Millisecond})
		answer(proto.RunID("r").PullSubject(proto.EveryKey), &pull, &task)
		ctx, stop := context.WithTimeout(context.Background(), while)
		defer stop()
		b := hub.Connect()
		defer b.Close()
		if err := Run(ctx, Config{Run: "r", ID: "w", Threads: 1}, b, nothing{}); err != nil {
			t.Error(err)
		}
		hellos, pulls = hello.Load(), pull.Load()
	})
	return hellos, pulls
}

// A coordinator that answers at once and never gives work does not make a
// worker ask it without pause.
func TestAWorkerIsNotDrivenByEmptyAnswers(t *testing.T) {
	for _, do := range []proto.Do{proto.Wait, proto.Rejoin} {
		hellos, pulls := answered(t, proto.Task{Do: do}, 20*time.Second)
		if hellos == 0 || pulls == 0 || hellos > 110 || pulls > 110 {
			t.Errorf("%s: %d hellos and %d pulls in 20 seconds", do, hellos, pulls)
		}
	}
}

// What a coordinator says of threads and signs of life is bounded by what the worker has.
func TestAWelcomeIsBoundedByTheWorker(t *testing.T) {
	c := &client{cfg: Config{Run: "r", ID: "w", Threads: 3}.withDefaults(), samples: nothing{}}
	s := newSession(c, newBlobs(c), proto.Welcome{Threads: 1 << 16, Heartbeat: 1})
	if n := len(s.crew.hands); n != 3 {
		t.Errorf("%d threads of 3", n)
	}
	if s.beat < time.Millisecond {
		t.Errorf("a sign of life every %s", s.beat)
	}
}

// Weights and networks that have no room are refused before memory is taken.
func TestAbsurdSizesAreRefusedBeforeMemoryIsTaken(t *testing.T) {
	c := &client{cfg: Config{Run: "r", ID: "w"}.withDefaults()}
	in := newBlobs(c)
	in.most = 1 << 20
	head := proto.Head{Run: "r", Term: 1, Start: "s"}
	c.of = head
	in.reset(head)
	data, err := proto.Marshal(&proto.BlobChunk{Head: head, Key: "weights-1", Chunk: proto.Chunk{Size: 4 << 20, Data: []byte{1, 2, 3, 4}}})
	if err != nil {
		t.Fatal(err)
	}
	in.receive(&bus.Message{Data: data})
	if in.current != nil {
		t.Errorf("%d values are kept for weights that have no room", len(in.current.values))
	}
	if _, err := in.weights(context.Background(), proto.BlobRef{Key: "weights-2", Size: 2 << 20}); err == nil {
		t.Error("weights that have no room are waited for")
	}
	g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 4, H: 1, W: 1}, Classes: 3, Widths: []int{500}})
	if err != nil {
		t.Fatal(err)
	}
	if err := fits(g, 1<<16, 64<<20); err == nil {
		t.Error("a micro-shard that has no room is computed")
	}
	if err := fits(g, 32, 64<<20); err != nil {
		t.Error(err)
	}
}

// Endless news of ever new runs takes no memory.
func TestEndlessRunsAreBounded(t *testing.T) {
	hub := bus.NewHub(0)
	b, of := hub.Connect(), hub.Connect()
	defer b.Close()
	defer of.Close()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			data, err := proto.Marshal(&proto.News{Head: proto.Head{Run: proto.RunID(proto.FreshID("r")), Term: 1}})
			if err != nil || of.Publish(proto.RunID("r").NewsSubject(), data) != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := Discover(ctx, b, func(string) {}, Config{}.withDefaults().Log)
	if !errors.Is(err, ErrManyRuns) || len(err.Error()) > maxRuns*80 {
		t.Errorf("%.300v", err)
	}
}
