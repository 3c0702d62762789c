package worker

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// unlocked is a bus that no lock of blobs may be held across.
type unlocked struct {
	bus.Bus
	t  *testing.T
	in *blobs
}

func (u *unlocked) look() {
	if !u.in.mu.TryLock() {
		u.t.Error("a lock is held across a call of the bus")
		return
	}
	u.in.mu.Unlock()
}

func (u *unlocked) Publish(subject string, data []byte) error {
	u.look()
	return u.Bus.Publish(subject, data)
}

func (u *unlocked) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	u.look()
	return u.Bus.Request(ctx, subject, data)
}

// receiver returns what receives at a desk, over a bus that looks at its lock.
func receiver(t *testing.T, d *desk) *blobs {
	u := &unlocked{Bus: d.hub.Connect(), t: t}
	t.Cleanup(func() { u.Close() })
	u.in = newBlobs(&client{cfg: Config{Run: theirs.Run, ID: "w"}.withDefaults(), bus: u, of: theirs})
	u.in.reset(theirs)
	u.in.tell(func(string) { u.look() })
	return u.in
}

// chunks are the messages of a broadcast.
func chunks(t *testing.T, key string, values []float32) [][]byte {
	var out [][]byte
	err := proto.SendBlob(proto.BlobChunk{Head: theirs, Key: key}, proto.Bytes32(values), proto.MaxChunk, func(data []byte) error {
		out = append(out, bytes.Clone(data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The coordinator hears of every few megabytes that came, by broadcast and on
// request, and no lock is held while it is told.
func TestProgressIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		values := make([]float32, 3<<20)
		ref, in := d.blob("weights-1", proto.Bytes32(values)), receiver(t, d)
		all := chunks(t, ref.Key, values)
		each(in, all[:len(all)-1])
		got, err := in.weights(t.Context(), ref) // the rest is asked for in pieces
		if err != nil || len(got.values) != len(values) {
			t.Fatal(err)
		}
		in.recycle(got)
		in.receive(handed(theirs, "weights-2", values))
		synctest.Wait()
		var told []int64
		for _, b := range d.beats {
			if b.Same(theirs) && (b.Key == ref.Key || b.Key == "weights-2") {
				told = append(told, b.Have)
			}
		}
		if !slices.Equal(told, []int64{4 << 20, 8 << 20, 12 << 20, 12 << 20}) {
			t.Errorf("told of %d bytes", told)
		}
	})
}

// Weights that stand still on their way are asked for from the first gap on; those
// that come meanwhile are waited for.
func TestWeightsAreWaitedForBeforeTheyAreAskedFor(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		values := make([]float32, 300_000)
		ref, in := d.blob("weights-1", proto.Bytes32(values)), receiver(t, d)
		delete(d.blobs, ref.Key) // asking would not help
		for i, data := range chunks(t, ref.Key, values) {
			time.AfterFunc(time.Duration(i+1)*in.client.cfg.Patience*9/10, func() { in.receive(&bus.Message{Data: data}) })
		}
		if _, err := in.weights(t.Context(), ref); err != nil {
			t.Error(err)
		}
		if _, err := in.weights(t.Context(), proto.BlobRef{Key: "weights-2", Size: 4}); !errors.Is(err, errGone) {
			t.Errorf("weights that nobody has: %v", err)
		}
		if _, err := in.weights(t.Context(), ref); !errors.Is(err, errSuperseded) {
			t.Errorf("weights from before: %v", err)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		stop(errRejoin)
		if _, err := in.weights(ctx, proto.BlobRef{Key: "weights-3", Size: 4}); !errors.Is(err, errRejoin) {
			t.Errorf("an ended session: %v", err)
		}
	})
}

// asked answers requests for weights by chunks like those of a broadcast, and counts them.
type asked struct {
	bus.Bus
	values   []byte
	requests int
}

func (a *asked) Request(_ context.Context, _ string, data []byte) ([]byte, error) {
	a.requests++
	var r proto.BlobRequest
	if err := proto.Decode(data, &r); err != nil {
		return nil, err
	}
	return proto.Marshal(&proto.BlobChunk{Head: theirs, Key: r.Key, Chunk: proto.ChunkAt(a.values, r.Offset, proto.MaxChunk)})
}

// Over a slow link chunks of a broadcast are far apart. Asking for them would make it
// slower, so a worker that finds that what it asked for comes anyway asks more seldom.
func TestSlowBroadcastsAreNotAskedForAgain(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		in := receiver(t, d)
		values := make([]float32, 300_000)
		asked := &asked{Bus: in.client.bus, values: proto.Bytes32(values)}
		in.client.bus = asked
		const versions, chunksOfEach = 20, 3
		for v := range versions {
			ref := d.blob("weights-"+string(rune('a'+v)), proto.Bytes32(values))
			all := chunks(t, ref.Key, values)
			if len(all) != chunksOfEach {
				t.Fatal(len(all))
			}
			for i, data := range all {
				time.AfterFunc(time.Duration(i+1)*in.client.cfg.Patience*9/2, func() { in.receive(&bus.Message{Data: data}) })
			}
			got, err := in.weights(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			in.recycle(got)
			time.Sleep(20 * in.client.cfg.Patience)
		}
		if asked.requests == 0 || asked.requests > versions {
			t.Errorf("%d requests for %d chunks that all came", asked.requests, versions*chunksOfEach)
		}
	})
}

// Memory goes back: that of a coordinator in this process to it, once for each
// version, the worker's own to the next version.
func TestMemoryOfWeightsGoesBack(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		in := receiver(t, d)
		back := map[string]int{}
		hand := func(key string) proto.BlobRef {
			m := handed(theirs, key, []float32{1, 2})
			w := m.Value.(*proto.Weights)
			w.Done = func() { back[key]++ }
			in.receive(m)
			return proto.BlobRef{Key: key, Size: 8, Digest: w.Digest}
		}
		take := func(ref proto.BlobRef) *incoming {
			got, err := in.weights(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		first := take(hand("weights-1"))
		in.recycle(first) // still the version at hand: it may be asked for again
		first = take(proto.BlobRef{Key: "weights-1", Size: 8, Digest: first.digest()})
		hand("weights-2") // overtaken before anybody took it
		third := take(hand("weights-3"))
		if back["weights-1"] != 0 || back["weights-2"] != 1 || back["weights-3"] != 0 {
			t.Errorf("went back: %v", back)
		}
		in.recycle(first)
		hand("weights-2") // late
		in.reset(proto.Head{Run: theirs.Run, Term: theirs.Term, Start: "another"})
		in.recycle(third)
		if back["weights-1"] != 1 || back["weights-2"] != 2 || back["weights-3"] != 1 {
			t.Errorf("went back in the end: %v", back)
		}
		in.reset(theirs)
		own := take(d.blob("weights-4", proto.Bytes32([]float32{1, 2})))
		next := d.blob("weights-5", proto.Bytes32([]float32{3, 4}))
		if err := in.start(next.Key, next.Size); err != nil {
			t.Fatal(err)
		}
		in.recycle(own)
		after := take(d.blob("weights-6", proto.Bytes32([]float32{5, 6})))
		if &after.values[0] != &own.values[0] {
			t.Error("memory of a version that nobody uses is not used again")
		}
	})
}

// A blob is what its reference says, or an error.
func TestBlobsAreWhatTheyAreCalled(t *testing.T) {
	bubble(t, func(t *testing.T, d *desk) {
		data := bytes.Repeat([]byte("0123456789"), 500)
		in, ref := receiver(t, d), d.blob("graph-1", data)
		if got, err := in.bytes(t.Context(), ref); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		long, other, gone := ref, ref, ref
		long.Size++
		other.Digest[0]++
		gone.Key = "graph-0"
		if _, err := in.bytes(t.Context(), long); err == nil {
			t.Error("a blob of another size is taken")
		}
		if _, err := in.bytes(t.Context(), other); !errors.Is(err, proto.ErrDamaged) {
			t.Errorf("another digest: %v", err)
		}
		if _, err := in.bytes(t.Context(), gone); !errors.Is(err, errGone) {
			t.Errorf("none: %v", err)
		}
	})
}
