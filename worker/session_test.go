package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// bubble runs a test with a scripted coordinator on a clock of its own.
func bubble(t *testing.T, test func(t *testing.T, d *desk)) {
	synctest.Test(t, func(t *testing.T) { test(t, newDesk(t)) })
}

// A worker computes what it is told, whatever has to be asked for first, and
// hands sums over where it can: the bits are those of a round in one process.
func TestASessionComputesWhatItIsTold(t *testing.T) {
	for name, connect := range map[string]func(h *bus.Hub) bus.Bus{
		"bytes":  func(h *bus.Hub) bus.Bus { return h.Connect() },
		"values": func(h *bus.Hub) bus.Bus { return h.Share() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *desk) {
				d.welcome(&proto.Refusal{Head: theirs, Why: proto.NotYet, Text: "starting"},
					&proto.Refusal{Head: theirs, Why: proto.NotYet, Text: "starting"})
				first, second := d.blob("weights-1", proto.Bytes32(d.weights(0))), d.blob("weights-2", proto.Bytes32(d.weights(.5)))
				tasks := []proto.Task{d.task(1, proto.Gradient, first), d.task(2, proto.Evaluate, first),
					d.task(3, proto.Gradient, second), d.task(4, proto.Growth, second),
					d.riding(5, second), d.riding(6, second)}
				d.give(tasks...)
				d.patient = true
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(time.Minute, stop)
				if err := d.run(ctx, connect(d.hub), noise{}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				for i, task := range tasks {
					p, there := d.came(task.Spec.Round)
					if !there {
						t.Fatalf("round %d: no sums", task.Spec.Round)
					}
					if p.handed != (name == "values") {
						t.Errorf("round %d was handed over: %v", task.Spec.Round, p.handed)
					}
					want := d.sums(task, []float32{0, .5, .5}[i/2])
					if !slices.Equal(p.sums.F32, want.F32) || !slices.Equal(p.sums.F64, want.F64) {
						t.Errorf("round %d: other sums", task.Spec.Round)
					}
					if s := task.Spec; p.inputs != s.Inputs(s.Graph.Digest, s.Weights.Digest, s.Request.Digest) {
						t.Errorf("round %d: made from something else", s.Round)
					}
				}
				if n := len(d.hellos); n != 3 {
					t.Errorf("%d hellos", n)
				}
				if n := len(d.beats); n < 50 || !d.beats[n-1].Leave || d.beats[n-2].Leave {
					t.Errorf("%d signs of life in a minute, the last is %+v", n, d.beats[n-1])
				}
			})
		})
	}
}

// onFill is a data set that tells of every micro-shard.
func onFill(tell func()) noise { return noise{filled: tell} }

// Weights that replace those of a round end it: nobody waits for its sums.
func TestNewerWeightsEndARound(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		first, second := d.blob("weights-1", proto.Bytes32(d.weights(0))), d.blob("weights-2", proto.Bytes32(d.weights(1)))
		d.give(d.task(1, proto.Gradient, first))
		next := d.task(2, proto.Gradient, second)
		var once sync.Once
		filled := onFill(func() {
			once.Do(func() {
				_ = proto.SendBlob(proto.BlobChunk{Head: theirs, Key: second.Key}, proto.Bytes32(d.weights(1)), 64,
					func(data []byte) error {
						return d.bus.Publish(theirs.Run.WeightsSubject(), data)
					})
				time.AfterFunc(10*time.Second, func() { d.give(next) })
			})
			time.Sleep(time.Millisecond) // the weights arrive before the next micro-shard
		})
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop)
		if err := d.run(ctx, d.hub.Connect(), filled); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, there := d.came(1); there {
			t.Error("sums with old weights were finished")
		}
		if p, there := d.came(2); !there || !slices.Equal(p.sums.F32, d.sums(next, 1).F32) {
			t.Error("the next round has no sums, or others")
		}
	})
}

// A task of a later round ends an earlier one, though both are with the same weights.
func TestALaterRoundEndsAnEarlierOne(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		weights := d.blob("weights-1", proto.Bytes32(d.weights(0)))
		d.give(d.task(1, proto.Gradient, weights))
		next := d.task(2, proto.Evaluate, weights)
		var once sync.Once
		filled := onFill(func() {
			once.Do(func() { d.give(next) })
			time.Sleep(time.Second)
		})
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop)
		if err := d.run(ctx, d.hub.Connect(), filled); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, first := d.came(1)
		_, second := d.came(2)
		if first || !second {
			t.Errorf("sums of the rounds: %v, %v", first, second)
		}
	})
}

// What a coordinator says ends a run, a session or nothing.
func TestWhatEndsARun(t *testing.T) {
	later := proto.Head{Run: theirs.Run, Term: theirs.Term + 1, Start: "later"}
	minute := func(d *desk, do func()) { time.AfterFunc(time.Minute, do) }
	for name, c := range map[string]struct {
		script func(d *desk)
		hellos int // at least
		want   error
	}{
		"a task that says so": {func(d *desk) { d.last = proto.Stop }, 1, nil},
		"news of the end":     {func(d *desk) { minute(d, func() { d.news(proto.News{Head: theirs, Ended: true}) }) }, 1, nil},
		"news while it joins": {func(d *desk) {
			d.answers = []proto.Message{&proto.Refusal{Head: theirs, Why: proto.NotYet}}
			minute(d, func() { d.news(proto.News{Head: theirs, Ended: true}) })
		}, 100, nil},
		"a later term, in which it goes on": {func(d *desk) {
			minute(d, func() {
				d.mu.Lock()
				d.head = later
				d.welcome()
				d.mu.Unlock()
				d.news(proto.News{Head: later})
				d.mu.Lock()
				d.last = proto.Stop
				d.mu.Unlock()
			})
		}, 2, nil},
		"the end of a later term": {func(d *desk) {
			minute(d, func() {
				d.mu.Lock()
				d.answers = []proto.Message{&proto.Refusal{Head: later, Why: proto.NotYet}}
				d.mu.Unlock()
				d.news(proto.News{Head: later, Ended: true})
			})
		}, 2, nil},
		"a refusal": {func(d *desk) {
			d.answers = []proto.Message{&proto.Refusal{Head: theirs, Why: proto.OtherData, Text: "other data"}}
		}, 1, ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *desk) {
				c.script(d)
				ctx, stop := context.WithTimeout(t.Context(), time.Hour)
				defer stop()
				err := d.run(ctx, d.hub.Connect(), noise{})
				if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || ctx.Err() != nil {
					t.Errorf("%v, want %v", err, c.want)
				}
				if n := len(d.hellos); n < c.hellos {
					t.Errorf("%d hellos, want %d at least", n, c.hellos)
				}
			})
		})
	}
}

// forbidding is a bus whose server does not permit requests.
type forbidding struct{ bus.Bus }

func (forbidding) Request(context.Context, string, []byte) ([]byte, error) {
	return nil, bus.ErrForbidden
}

func TestAForbiddenHelloIsNotSaidAgain(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		if err := d.run(t.Context(), forbidding{d.hub.Connect()}, noise{}); !errors.Is(err, bus.ErrForbidden) {
			t.Error(err)
		}
	})
}

// A worker that is told to stop finishes its block within the grace and says goodbye.
func TestStoppingFinishesTheBlock(t *testing.T) {
	for name, c := range map[string]struct {
		shard    time.Duration // that a micro-shard takes
		finished bool
	}{"in time": {100 * time.Millisecond, true}, "too slow": {10 * time.Second, false}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *desk) {
				weights := d.blob("weights-1", proto.Bytes32(d.weights(0)))
				d.give(d.task(1, proto.Gradient, weights)) // alone: a later round would take the place of this one
				ctx, stop := context.WithCancel(t.Context())
				if err := d.run(ctx, d.hub.Connect(), onFill(func() { stop(); time.Sleep(c.shard) })); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if _, came := d.came(1); came != c.finished {
					t.Errorf("sums of the round came: %v", came)
				}
				if n := len(d.beats); n == 0 || !d.beats[n-1].Leave {
					t.Error("no goodbye")
				}
			})
		})
	}
}

// A round that cannot be computed ends the worker with the reason.
func TestBrokenRoundsEndTheWorker(t *testing.T) {
	for want, break1 := range map[string]func(d *desk, task *proto.Task){
		"the architecture needs": func(d *desk, task *proto.Task) { task.Spec.Weights.Size += 4 },
		"its architecture of 0":  func(d *desk, task *proto.Task) { task.Spec.Generation = 3 },
		"round 1:":               func(d *desk, task *proto.Task) { task.Spec.Graph = d.blob("graph-1", []byte("{")) },
		"bytes, 7 were":          func(d *desk, task *proto.Task) { task.Spec.Graph.Size = 7 },
		"graph-0: ":              func(d *desk, task *proto.Task) { task.Spec.Graph.Digest[0]++ },
		"growth request":         func(d *desk, task *proto.Task) { task.Spec.Request = d.blob("request-2", []byte{0xc1}) },
		"cannot ride along":      func(d *desk, task *proto.Task) { task.Spec.Kind = proto.Gradient },
		"no round of its own":    func(d *desk, task *proto.Task) { task.Spec.Request = d.riding(2, task.Spec.Weights).Spec.Request },
	} {
		t.Run(want, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *desk) {
				task := d.task(1, proto.Growth, d.blob("weights-1", proto.Bytes32(d.weights(0))))
				break1(d, &task)
				d.give(task)
				if err := d.run(t.Context(), d.hub.Connect(), noise{}); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
			})
		})
	}
}

// A round whose blobs are gone is over, and no reason to end.
func TestRoundsThatAreOverAreLeft(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		weights := d.blob("weights-1", proto.Bytes32(d.weights(0)))
		over, next := d.task(1, proto.Gradient, weights), d.task(2, proto.Gradient, weights)
		over.Spec.Graph.Key = "graph-of-old"
		d.give(over, next)
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, stop)
		if err := d.run(ctx, d.hub.Connect(), noise{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, there := d.came(2); !there {
			t.Error("the next round was not computed")
		}
	})
}
