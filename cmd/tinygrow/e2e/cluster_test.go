package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	_ "github.com/tinygrow/tinygrow/proto/bus/natsbus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/rng"
	"github.com/tinygrow/tinygrow/worker"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// toy is a made-up data set of small images: class k has a bright quadrant k.
type toy struct {
	digest string
	slow   time.Duration // per micro-shard
}

var shape = nn.Shape{C: 2, H: 6, W: 6}

const (
	classes   = 4
	trainSize = 320
	testSize  = 90
)

func (t toy) Digest() string { return t.digest }

func (toy) Fits(proto.Order, *nn.Graph) error { return nil }

func (t toy) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	time.Sleep(t.slow)
	b.N = n
	clear(b.X)
	size := trainSize
	if o.Split == "test" {
		size = testSize
	}
	var perm []uint32
	if o.Stream != "sequential" {
		perm = rng.New(rng.Key(o.Stream), o.Seed, o.Index).Perm(size)
	}
	for i := range b.N {
		id := uint64(lo) + uint64(i)
		if perm != nil {
			id = uint64(perm[id])
		}
		label := int(id % classes)
		b.Labels[i] = int32(label)
		noise := rng.New(rng.Key(o.Split), id)
		flip := augment != 0 && rng.New(o.Seed, o.Index, id).Uint64(0)%2 == 0
		for y := range shape.H {
			for x := range shape.W {
				for c := range shape.C {
					v := noise.Normal(uint64((y*shape.W+x)*shape.C + c))
					at := x
					if flip && c == 1 {
						at = shape.W - 1 - x
					}
					if y/3*2+at/3 == label {
						v += 0.8
					}
					b.X[((i/tensor.Lanes*shape.H+y)*shape.W+x)*shape.C*tensor.Lanes+c*tensor.Lanes+i%tensor.Lanes] = float32(v)
				}
			}
		}
	}
	return nil
}

var data = toy{digest: "toy"}

// config trains a tiny CNN with batch norm and augmentation that grows.
func config() coordinator.Config {
	c := coordinator.Default()
	c.Model = nn.ModelConfig{Name: "cnn", Widths: []int{2, 2}, Norm: "batch", Head: "flatten"}
	c.Train.Batch, c.Train.MicroShard, c.Train.Epochs, c.Train.EvalEpochs, c.Train.Augment = 56, 8, 4, 1, true
	c.Growth = growth.DefaultOf(growth.PolicyTiny)
	c.Growth.EverySteps, c.Growth.MaxNeurons = 4, 2
	c.Growth.Fix(func(f *growth.Fixed) {
		f.Samples, f.MinNeurons = growth.Samples{Statistics: 192, Newborn: 64, Amplitude: 64}, 1
		f.Gate, f.SamplesPerParam = growth.Gate{Significance: 0.01}, 0
	})
	c.Optimizer.LR, c.Optimizer.Schedule = 0.05, optim.Constant
	c.Cluster.LostAfter = 2 * time.Second
	return c
}

func job(t testing.TB, dir string) coordinator.Job {
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "run")
	}
	return coordinator.Job{Run: "test", Dir: dir, Config: config(), Resolved: []byte("test: true\n"),
		Data: coordinator.Data{Digest: data.digest, Train: trainSize, Test: testSize, Shape: shape, Classes: classes}}
}

// system is where participants meet.
type system struct {
	connect func() bus.Bus
	lead    func() bus.Bus // of coordinators; nil: connect
	reducer func() bus.Bus // of reducers; nil: connect
}

func memory() system {
	h := bus.NewHub(0)
	return system{connect: func() bus.Bus { return h.Connect() }}
}

// shared is memory whose participants hand each other values.
func shared() system {
	h := bus.NewHub(0)
	return system{connect: func() bus.Bus { return h.Share() }}
}

// mixed is a system whose workers meet the coordinator in memory, handing over
// values, and elsewhere, in bytes, by turns.
func mixed() system {
	near, far := bus.NewHub(0), bus.NewHub(0)
	var workers atomic.Int32
	return system{
		connect: func() bus.Bus {
			if workers.Add(1)%2 == 0 {
				return near.Share()
			}
			return far.Connect()
		},
		lead: func() bus.Bus { return bus.Both(near.Share(), far.Connect()) },
	}
}

func overNATS(t testing.TB) system {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	as := func(r proto.Role) func() bus.Bus {
		return func() bus.Bus {
			b, err := bus.Open(bus.Options{URL: s.URL(), Name: "test", InboxPrefix: r.Inbox(proto.Anybody), Bulk: proto.Bulk})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	}
	return system{connect: as(proto.WorkerRole), reducer: as(proto.ReducerRole)}
}

// member is a worker of a test: Stop is a goodbye, Kill is none.
type member struct {
	cancel context.CancelFunc
	bus    bus.Bus
	done   chan error
}

func (s system) start(cfg worker.Config, samples worker.Samples, wrap func(bus.Bus) bus.Bus) *member {
	b := s.connect()
	if wrap != nil {
		b = wrap(b)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{cancel, b, make(chan error, 1)}
	cfg.Run, cfg.Retry = "test", 20*time.Millisecond
	go func() { m.done <- worker.Run(ctx, cfg, b, samples) }()
	return m
}

// Kill cuts the worker's connection and lets it go.
func (m *member) Kill() {
	m.bus.Close()
	m.cancel()
	<-m.done
}

func (m *member) Stop() error {
	m.cancel()
	err := <-m.done
	m.bus.Close()
	return err
}

// train runs j with workers of so many threads each.
func (s system) train(t testing.TB, j coordinator.Job, workers, threads int) coordinator.Result {
	t.Helper()
	var members []*member
	for i := range workers {
		members = append(members, s.start(worker.Config{ID: proto.WorkerID(fmt.Sprintf("w%d", i)), Threads: threads}, data, nil))
	}
	r := s.coordinate(t, context.Background(), j)
	for _, m := range members {
		// The end of the run ends them, except one that came too late to hear of it.
		late := time.AfterFunc(2*time.Second, m.cancel)
		if err := <-m.done; err != nil {
			t.Errorf("worker: %v", err)
		}
		late.Stop()
		m.cancel()
		m.bus.Close()
	}
	return r
}

// patience is how long a run may take at most, on a machine that has much else to do.
const patience = 5 * time.Minute

func (s system) coordinate(t testing.TB, ctx context.Context, j coordinator.Job) coordinator.Result {
	t.Helper()
	if s.lead == nil {
		s.lead = s.connect
	}
	b := s.lead()
	defer b.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("test timed out"))
	defer cancel()
	r, err := coordinator.Run(ctx, j, b)
	if err != nil {
		t.Fatal(err)
	}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		t.Fatal("the run took too long")
	}
	return r
}

type hashes struct{ model, optimizer, journal string }

func of(r coordinator.Result) hashes {
	return hashes{r.ModelSHA256, r.OptimizerSHA256, r.JournalSHA256}
}

var (
	referenceOnce   sync.Once
	referenceResult coordinator.Result
)

// reference is the undisturbed run by one worker, made once.
func reference(t testing.TB) coordinator.Result {
	referenceOnce.Do(func() { referenceResult = memory().train(t, job(t, ""), 1, 1) })
	return referenceResult
}

func TestReference(t *testing.T) {
	r := reference(t)
	if !r.Done || r.Steps != 20 {
		t.Errorf("%+v", r)
	}
	grown := 0
	for _, e := range r.GrowthEvents {
		if len(e.Grown) > 0 {
			grown++
		}
	}
	for _, e := range r.GrowthEvents {
		t.Logf("step %d: %s: %s", e.Step, e.Decision, e.Why)
	}
	if grown < 2 || r.ParamsEnd <= r.ParamsStart {

		t.Errorf("grew %d times, from %d to %d parameters", grown, r.ParamsStart, r.ParamsEnd)
	}
	if r.TestAccuracy == nil || *r.TestAccuracy < 0.4 {
		t.Errorf("learnt nothing: %+v", r)
	}
}

// The same configuration and data give the same bits for any number of workers
// and threads, over memory and over NATS.
func TestWorkersDoNotMatter(t *testing.T) {
	want := of(reference(t))
	for name, s := range map[string]func() system{"memory": memory, "shared": shared, "mixed": mixed,
		"nats": func() system { return overNATS(t) }} {
		counts := []int{1, 2, 3, 8}
		if testing.Short() {
			counts = []int{1, 3}
		}
		for _, workers := range counts {
			for _, threads := range []int{1, 2} {
				t.Run(fmt.Sprintf("%s %dx%d", name, workers, threads), func(t *testing.T) {
					if got := of(s().train(t, job(t, ""), workers, threads)); got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
				})
			}
		}
	}
}
