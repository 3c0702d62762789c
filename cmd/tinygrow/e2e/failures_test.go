package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker"
)

func systems(t *testing.T, test func(t *testing.T, s system)) {
	t.Run("memory", func(t *testing.T) { test(t, memory()) })
	t.Run("shared", func(t *testing.T) { test(t, shared()) })
	t.Run("nats", func(t *testing.T) { test(t, overNATS(t)) })
}

// A worker whose connection is cut in the middle of a step, one that says
// goodbye, and one that joins late change nothing.
func TestKilledAndLateWorkers(t *testing.T) {
	want := of(reference(t))
	systems(t, func(t *testing.T, s system) {
		slow := data
		slow.slow = time.Millisecond
		first := s.start(worker.Config{ID: "first", Threads: 1}, slow, nil)
		second := s.start(worker.Config{ID: "second", Threads: 1}, slow, nil)
		var late *member
		j := job(t, "")
		j.Config.Cluster.MinWorkers = 1
		j.Config.Cluster.LostAfter = 300 * time.Millisecond
		left := map[proto.WorkerID]string{}
		j.Events.Left = func(w proto.WorkerID, why string) { left[w] = why }
		j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
			switch r.Step {
			case 4:
				go first.Kill()
			case 9:
				late = s.start(worker.Config{ID: "late", Threads: 2}, slow, nil)
			case 14:
				go second.Stop()
			}
		}
		if got := of(s.coordinate(t, context.Background(), j)); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if !strings.HasPrefix(left["first"], "silent") || left["second"] != "told to stop" {
			t.Errorf("who left: %v", left)
		}
		if err := late.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// Lost, repeated, reordered, damaged and cut messages change nothing.
func TestFaultyMessages(t *testing.T) {
	want := of(reference(t))
	systems(t, func(t *testing.T, s system) {
		t.Parallel() // it waits most of the time
		var faulty []*bus.Faulty
		wrap := func(b bus.Bus) bus.Bus {
			f := bus.Faults(b, bus.Plan{Seed: uint64(len(faulty)), Lose: 0.02, Repeat: 0.1, Reorder: 0.1, Damage: 0.05, Truncate: 0.05})
			faulty = append(faulty, f)
			return f
		}
		var members []*member
		for i := range 3 {
			members = append(members, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprintf("w%d", i)), Threads: 1}, data, wrap))
		}
		j := job(t, "")
		j.Config.Cluster.LostAfter = time.Second
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b := wrap(s.connect())
		defer b.Close()
		r, err := coordinator.Run(ctx, j, b)
		if err != nil {
			t.Fatal(err)
		}
		if got := of(r); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		var fired bus.Fired
		for _, f := range faulty {
			x := f.Fired()
			fired.Lost, fired.Repeated, fired.Reordered, fired.Damaged, fired.Truncated = fired.Lost+x.Lost, fired.Repeated+x.Repeated,
				fired.Reordered+x.Reordered, fired.Damaged+x.Damaged, fired.Truncated+x.Truncated
		}
		if fired.Lost == 0 || fired.Repeated == 0 || fired.Reordered == 0 || fired.Damaged == 0 || fired.Truncated == 0 {
			t.Errorf("not every fault was injected: %+v", fired)
		}
		for _, m := range members {
			m.Stop()
		}
	})
}

// A run that is stopped again and again, at any step, ends like one that never was.
func TestResumeAfterStops(t *testing.T) {
	want := of(reference(t))
	r := rand.New(rand.NewPCG(1, 2))
	runs := 4
	if testing.Short() {
		runs = 1
	}
	for range runs {
		s := memory()
		w := s.start(worker.Config{ID: "w", Threads: 2}, data, nil)
		j := job(t, "")
		var got coordinator.Result
		for stops := 0; !got.Done; stops++ {
			ctx, cancel := context.WithCancel(context.Background())
			rounds, stop := int32(0), int32(1+r.IntN(8))
			count := func() {
				if atomic.AddInt32(&rounds, 1) == stop {
					cancel()
				}
			}
			j.Events.Step = func(trainer.StepRecord, coordinator.Pace) { count() }
			j.Events.Evaluated = func(trainer.EvalRecord) { count() }
			got = s.coordinate(t, ctx, j)
			cancel()
			j.Resume = true
			if stops > 40 {
				t.Fatal("the run makes no progress")
			}
		}
		if of(got) != want {
			t.Errorf("got %+v, want %+v", of(got), want)
		}
		w.Stop()
	}
}

// A copy of the run directory taken at any moment is what SIGKILL leaves: the
// run continued from it ends like one that was never stopped.
func TestResumeAfterKill(t *testing.T) {
	want := of(reference(t))
	root := t.TempDir()
	var copies []string
	j := job(t, filepath.Join(root, "run"))
	j.Config.Checkpoint.EverySteps = 3
	snapshot := func(name string) {
		to := filepath.Join(root, name)
		if err := os.CopyFS(to, os.DirFS(j.Dir)); err != nil {
			t.Error(err)
		}
		copies = append(copies, to)
	}
	j.Events.Started = func(coordinator.Started) { snapshot("start") }
	j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) { snapshot(fmt.Sprintf("step-%d", r.Step)) }
	s := memory()
	w := s.start(worker.Config{ID: "w"}, data, nil)
	if got := of(s.coordinate(t, context.Background(), j)); got != want {
		t.Errorf("with snapshots: got %+v, want %+v", got, want)
	}
	w.Stop()
	for i, dir := range copies {
		if i%3 == 1 && !testing.Short() || i == 0 || i == len(copies)-1 {
			s := memory()
			j := job(t, dir)
			j.Resume = true
			if got := of(s.train(t, j, 2, 1)); got != want {
				t.Errorf("resumed from %s: got %+v, want %+v", filepath.Base(dir), got, want)
			}
		}
	}
}

// The metrics and the journal of a resumed run are those of an unbroken one,
// apart from what the clock says.
func TestResumedLogsAreWhole(t *testing.T) {
	s := memory()
	w := s.start(worker.Config{ID: "w"}, data, nil)
	j := job(t, "")
	ctx, cancel := context.WithCancel(context.Background())
	j.Events.Step = func(r trainer.StepRecord, _ coordinator.Pace) {
		if r.Step == 7 {
			cancel()
		}
	}
	if r := s.coordinate(t, ctx, j); r.Done || r.Steps != 7 {
		t.Fatalf("%+v", r)
	}
	j.Events, j.Resume = coordinator.Events{}, true
	s.coordinate(t, context.Background(), j)
	w.Stop()
	metrics, err := os.ReadFile(filepath.Join(j.Dir, checkpoint.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 20; step++ {
		if n := strings.Count(string(metrics), fmt.Sprintf(`"kind":"step","step":%d,`, step)); n != 1 {
			t.Errorf("%d lines of step %d", n, step)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := memory()
	other := data
	other.digest = "other"
	stranger := s.start(worker.Config{ID: "stranger"}, other, nil)
	j := job(t, "")
	var refused string
	j.Events.Refused = func(m coordinator.Member, why string) { refused = why }
	w := s.start(worker.Config{ID: "w"}, data, nil)
	s.coordinate(t, context.Background(), j)
	w.Stop()
	err := <-stranger.done
	stranger.bus.Close()
	if !errors.Is(err, worker.ErrRefused) || !strings.Contains(err.Error(), "another data set") ||
		!strings.Contains(refused, "--data-dir") {
		t.Errorf("worker says %v, coordinator says %q", err, refused)
	}
}

func TestRunsOfBadConfigurationsLeaveNothing(t *testing.T) {
	s := memory()
	for says, spoil := range map[string]func(*coordinator.Job){
		"larger than the batch": func(j *coordinator.Job) { j.Config.Train.MicroShard = 64 },
		"lower --batch":         func(j *coordinator.Job) { j.Config.Train.Batch = trainSize + 1 },
		"min_workers 0":         func(j *coordinator.Job) { j.Config.Cluster.MinWorkers = 0 },
		`model "cow"`:           func(j *coordinator.Job) { j.Config.Model.Name = "cow" },
	} {
		j := job(t, "")
		spoil(&j)
		b := s.connect()
		if _, err := coordinator.Run(context.Background(), j, b); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
		b.Close()
		if _, err := os.Stat(j.Dir); err == nil {
			t.Errorf("%s: a directory was made", says)
		}
	}
	j := job(t, t.TempDir())
	j.Resume = true
	b := s.connect()
	defer b.Close()
	if _, err := coordinator.Run(context.Background(), j, b); !errors.Is(err, checkpoint.ErrNoRun) {
		t.Errorf("resume of nothing: %v", err)
	}
}

// deaf is a bus of a process that can be stopped: what it sends and gets waits.
type deaf struct {
	bus.Bus
	gate sync.RWMutex // held for writing while it is stopped
}

func (d *deaf) Publish(subject string, data []byte) error {
	d.gate.RLock()
	defer d.gate.RUnlock()
	return d.Bus.Publish(subject, data)
}

func (d *deaf) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	d.gate.RLock()
	defer d.gate.RUnlock()
	return d.Bus.Request(ctx, subject, data)
}

// gated samples of the last epoch are there when a channel is closed.
type gated struct {
	toy
	open chan struct{}
}

func (g gated) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	if o.Stream == "epoch" && o.Index == 3 {
		<-g.open
	}
	return g.toy.Fill(b, o, augment, lo, n)
}

// Of two workers of one id the second is refused while the first is alive, and
// takes its place when that is silent. One that wakes up then is refused itself.
func TestTwoWorkersOfOneID(t *testing.T) {
	want := of(reference(t))
	s := memory()
	j := job(t, "")
	j.Config.Cluster.LostAfter, j.Config.Cluster.MinWorkers = time.Second, 2
	done := make(chan struct{})
	slow := gated{data, done}
	other := s.start(worker.Config{ID: "other", Threads: 1}, slow, nil)
	gate := new(deaf)
	first := s.start(worker.Config{ID: "same", Host: "attic", Threads: 1}, slow, func(b bus.Bus) bus.Bus { gate.Bus = b; return gate })

	joined := make(chan proto.WorkerID, 100)
	j.Events.Joined = func(m coordinator.Member) { joined <- m.Worker }
	var second, third *member
	var told []error
	go func() {
		defer close(done)
		<-joined
		<-joined
		second = s.start(worker.Config{ID: "same", Threads: 1}, slow, nil)
		told = append(told, <-second.done)
		gate.gate.Lock()
		third = s.start(worker.Config{ID: "same", Threads: 1}, slow, nil)
		<-joined
		gate.gate.Unlock()
		told = append(told, <-first.done)
	}()
	if got := of(s.coordinate(t, context.Background(), j)); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for i, err := range told {
		if !errors.Is(err, worker.ErrRefused) || !strings.Contains(err.Error(), "a worker called same is at work already") ||
			!strings.Contains(err.Error(), "worker.id") {
			t.Errorf("worker %d was told %v", i+1, err)
		}
	}
	for _, m := range []*member{second, first} {
		m.cancel()
		m.bus.Close()
	}
	for _, m := range []*member{other, third} {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	}
}
