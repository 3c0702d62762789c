package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/worker"
)

// cable is a connection that can be cut and mended: meanwhile nothing comes or goes.
type cable struct {
	bus.Bus
	cut atomic.Bool
}

var errCut = errors.New("cut off")

func (c *cable) Publish(subject string, data []byte) error {
	if c.cut.Load() {
		return errCut
	}
	return c.Bus.Publish(subject, data)
}

func (c *cable) Subscribe(subject string, h bus.Handler) (bus.Subscription, error) {
	return c.Bus.Subscribe(subject, func(m *bus.Message) {
		if !c.cut.Load() {
			h(m)
		}
	})
}

func (c *cable) OpenLog(ctx context.Context, o bus.LogOptions) (bus.Log, error) {
	l, err := c.Bus.(bus.Logs).OpenLog(ctx, o)
	return cableLog{l, c}, err
}

func (c *cable) OpenObjects(ctx context.Context, o bus.ObjectOptions) (bus.Objects, error) {
	return c.Bus.(bus.ObjectStores).OpenObjects(ctx, o)
}

type cableLog struct {
	bus.Log
	cable *cable
}

func (l cableLog) Append(ctx context.Context, after uint64, data []byte) (uint64, error) {
	if l.cable.cut.Load() {
		return 0, errCut
	}
	return l.Log.Append(ctx, after, data)
}

func (l cableLog) Last(ctx context.Context) (bus.Record, error) {
	if l.cable.cut.Load() {
		return bus.Record{}, errCut
	}
	return l.Log.Last(ctx)
}

// lasting are systems that keep logs and objects.
func lasting(t *testing.T, test func(t *testing.T, s system)) {
	t.Run("memory", func(t *testing.T) { test(t, memory()) })
	t.Run("nats", func(t *testing.T) {
		server, err := natsserver.Start(natsserver.Options{StoreDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		test(t, system{connect: func() bus.Bus {
			b, err := bus.Open(bus.Options{URL: server.URL(), Name: "test", InboxPrefix: proto.WorkerRole.Inbox(proto.Anybody),
				Bulk: proto.Bulk})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}})
	})
}

// standBy waits for the lease and gets the directory ready.
func standBy(t *testing.T, b bus.Bus, dir string) (l *lead.Lead, resume bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	l, err := lead.Open(ctx, b.(lead.System), lead.Options{Run: "test", Silence: time.Second})
	if err == nil {
		err = l.Acquire(ctx, func(string) {})
	}
	if err == nil {
		resume, err = coordinator.Prepare(ctx, l, dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l, resume
}

// A coordinator that is cut off in the middle of a run is taken over from by a
// standby with a directory of its own. When it is back it is fenced, and the
// run ends in the same bits and with every line.
func TestAStandbyTakesOverAndTheOldCoordinatorIsFenced(t *testing.T) {
	want := of(reference(t))
	lasting(t, func(t *testing.T, s system) {
		slow := data
		slow.slow = 2 * time.Millisecond
		var members []*member
		for _, id := range []proto.WorkerID{"a", "b"} {
			members = append(members, s.start(worker.Config{ID: id, Threads: 1}, slow, nil))
		}
		first, second := &cable{Bus: s.connect()}, s.connect()
		defer first.Close()
		defer second.Close()
		old := job(t, "")
		old.Config.Checkpoint.EverySteps = 5
		old.Config.Cluster.LostAfter = time.Second
		old.Lead, _ = standBy(t, first, old.Dir)
		old.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
			if r.Step == 12 {
				first.cut.Store(true)
			}
		}
		fenced := make(chan error, 1)
		go func() {
			_, err := coordinator.Run(context.Background(), old, first)
			fenced <- errors.Join(err, old.Lead.Close())
		}()

		next := job(t, filepath.Join(t.TempDir(), "next"))
		next.Config.Cluster.LostAfter = time.Second
		next.Lead, next.Resume = standBy(t, second, next.Dir)
		if !next.Resume {
			t.Fatal("the standby begins anew")
		}
		resumedAt := proto.Step(0)
		next.Events.Started = func(s coordinator.Started) { resumedAt = s.Step }
		next.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
			if r.Step == 14 {
				first.cut.Store(false)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		r, err := coordinator.Run(ctx, next, second)
		if err := errors.Join(err, next.Lead.Close()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-fenced:
			if !errors.Is(err, lead.ErrFenced) {
				t.Errorf("the old coordinator ended with %v", err)
			}
		case <-ctx.Done():
			t.Error("the old coordinator goes on")
		}
		for _, m := range members {
			m.Stop()
		}
		if got := of(r); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if resumedAt == 0 || resumedAt > 12 {
			t.Errorf("resumed at step %d", resumedAt)
		}
		wholeMetrics(t, next.Dir, r.Steps)
		if past, err := next.Lead.History(context.Background()); err != nil || !past.Ended {
			t.Errorf("the log does not end: %+v, %v", past, err)
		}
	})
}

// wholeMetrics checks that every step has its line once, in order.
func wholeMetrics(t *testing.T, dir string, steps proto.Step) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, checkpoint.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	next := proto.Step(1)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var line trainer.StepRecord
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Kind != "step" {
			continue
		}
		if line.Step != next {
			t.Fatalf("step %d follows %d", line.Step, next-1)
		}
		next++
	}
	if next != steps+1 {
		t.Errorf("%d steps of %d", next-1, steps)
	}
}

// A step that is made again with other bits than the log has stops the run.
func TestOtherBitsThanCommittedStopTheRun(t *testing.T) {
	s := memory()
	w := s.start(worker.Config{ID: "a", Threads: 1}, data, nil)
	defer func() { w.Stop() }()
	b := s.connect()
	defer b.Close()
	first := job(t, "")
	first.Lead, _ = standBy(t, b, first.Dir)
	ctx, stop := context.WithCancel(context.Background())
	first.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
		if r.Step == 8 {
			stop()
		}
	}
	if _, err := coordinator.Run(ctx, first, b); err != nil {
		t.Fatal(err)
	}
	if err := first.Lead.Close(); err != nil {
		t.Fatal(err)
	}
	// The last checkpoint is gone, and the steps since the one before are made
	// again by a machine that computes something else.
	if err := os.RemoveAll(filepath.Join(first.Dir, "checkpoints", "step-8")); err != nil {
		t.Fatal(err)
	}
	w.Stop()
	w = s.start(worker.Config{ID: "b", Threads: 1}, broken{data, new(atomic.Int64)}, nil)
	other := first
	other.Resume, other.Events = true, coordinator.Events{}
	other.Lead, _ = standBy(t, b, filepath.Join(t.TempDir(), "aside"))
	ctx, stop = context.WithTimeout(context.Background(), patience)
	defer stop()
	_, err := coordinator.Run(ctx, other, b)
	if !errors.Is(err, lead.ErrOtherBits) {
		t.Errorf("got %v", err)
	}
	if err := other.Lead.Close(); err != nil {
		t.Fatal(err)
	}
}
