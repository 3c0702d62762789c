package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

// broken is a data set in bad memory: now and then a bit of a pixel flips.
type broken struct {
	toy
	fills *atomic.Int64
}

func (b broken) Fill(batch *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	_ = b.toy.Fill(batch, o, augment, lo, n)
	if b.fills.Add(1)%7 == 0 {
		batch.X[0]++
	}
	return nil
}

// A worker that computes wrongly is found, told why and kept away, and the run
// ends in the same bits.
func TestAWrongWorkerIsPutIntoQuarantine(t *testing.T) {
	want := of(reference(t))
	systems(t, func(t *testing.T, s system) {
		j := job(t, "")
		j.Config.Cluster.MinWorkers, j.Config.Cluster.Audit = 3, 1
		var alarms []string
		j.Events.Alarm = func(text string) { alarms = append(alarms, text) }
		var members []*member
		for i := range 3 {
			members = append(members, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprintf("w%d", i)), Threads: 1}, data, nil))
		}
		wrong := s.start(worker.Config{ID: "wrong", Host: "attic", Threads: 1}, broken{data, new(atomic.Int64)}, nil)
		r := s.coordinate(t, context.Background(), j)
		if got := of(r); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if len(r.Quarantined) != 1 || r.Quarantined[0].Worker != "wrong" || r.Quarantined[0].Host != "attic" {
			t.Errorf("in quarantine: %+v", r.Quarantined)
		}
		if text := strings.Join(alarms, "\n"); !strings.Contains(text, "got different sums of block") ||
			!strings.Contains(text, `worker wrong (host "attic") is in quarantine`) {
			t.Errorf("alarms: %s", text)
		}
		if err := wrong.Stop(); !errors.Is(err, worker.ErrRefused) || !strings.Contains(err.Error(), "worker wrong is in quarantine") {
			t.Errorf("the worker was told %v", err)
		}
		for _, m := range members {
			if err := m.Stop(); err != nil {
				t.Error(err)
			}
		}
	})
}

// Where one of two workers computes wrongly nobody can tell which. The run stops,
// and goes on from its checkpoint without it.
func TestTwoWorkersThatDisagree(t *testing.T) {
	want := of(reference(t))
	s := memory()
	j := job(t, "")
	j.Config.Cluster.MinWorkers, j.Config.Cluster.Audit = 2, 1
	right := s.start(worker.Config{ID: "right", Threads: 1}, data, nil)
	wrong := s.start(worker.Config{ID: "wrong", Threads: 1}, broken{data, new(atomic.Int64)}, nil)
	b := s.connect()
	defer b.Close()
	_, err := coordinator.Run(context.Background(), j, b)
	if !errors.Is(err, coordinator.ErrDisagree) || !strings.Contains(err.Error(), "no third worker is here to decide") {
		t.Errorf("got %v", err)
	}
	if err := wrong.Stop(); err != nil {
		t.Error(err)
	}
	j.Resume, j.Config.Cluster.MinWorkers = true, 1
	if got := of(s.coordinate(t, context.Background(), j)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := right.Stop(); err != nil {
		t.Error(err)
	}
}
