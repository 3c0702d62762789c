package worker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// News of another start are of no concern to a worker, unless that took the run
// up in a later term; even then its end is not the worker's while its own start answers.
func TestNewsOfAnotherStart(t *testing.T) {
	mine := proto.Head{Run: "r", Term: 2, Start: "a"}
	c := &client{cfg: Config{Run: "r"}, of: mine}
	head := func(term proto.Term, s proto.Start) proto.Head { return proto.Head{Run: "r", Term: term, Start: s} }
	for name, n := range map[string]struct {
		news proto.News
		want error
	}{
		"its own":            {proto.News{Head: mine}, nil},
		"the end":            {proto.News{Head: mine, Ended: true}, errEnded},
		"the same term":      {proto.News{Head: head(2, "b")}, nil},
		"end of that":        {proto.News{Head: head(2, "b"), Ended: true}, nil},
		"an earlier term":    {proto.News{Head: head(1, "b"), Ended: true}, nil},
		"a later term":       {proto.News{Head: head(3, "b")}, errRejoin},
		"end of that later":  {proto.News{Head: head(3, "b"), Ended: true}, errOver},
		"a later term of it": {proto.News{Head: head(3, "a"), Ended: true}, errOver},
	} {
		if got := c.heard(&n.news); !errors.Is(got, n.want) || (got == nil) != (n.want == nil) {
			t.Errorf("%s: %v, want %v", name, got, n.want)
		}
	}
}

// coordinator answers requests for blobs as a start of a coordinator would.
func coordinator(t *testing.T, h *bus.Hub, head proto.Head, key string, data []byte) {
	t.Helper()
	b := h.Connect()
	t.Cleanup(func() { b.Close() })
	_, err := b.Subscribe(proto.RunID("r").BlobSubject(proto.EveryKey), func(m *bus.Message) {
		r := new(proto.BlobRequest)
		if proto.Decode(m.Data, r) == nil && r.Key == key {
			answer := &proto.BlobChunk{Head: head, Key: key, Chunk: proto.ChunkAt(data, r.Offset, 1<<16)}
			_ = proto.Encode(answer, m.Respond)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Weights of another start are never taken, whatever their key; wrong ones of
// the own start are fetched again; and what a worker says that its sums were made
// from is what it has.
func TestWeightsAreThoseOfTheRound(t *testing.T) {
	right, wrong := make([]float32, 100_000), make([]float32, 100_000)
	for i := range right {
		right[i], wrong[i] = float32(i), float32(i)
	}
	wrong[70_000]++
	mine, other := proto.Head{Run: "r", Term: 1, Start: "a"}, proto.Head{Run: "r", Term: 1, Start: "b"}
	ref := proto.BlobRef{Key: "weights-1", Size: int64(4 * len(right)), Digest: proto.DigestOf(proto.Bytes32(right))}
	chunks := func(h proto.Head, values []float32) [][]byte {
		var out [][]byte
		_ = proto.SendBlob(proto.BlobChunk{Head: h, Key: ref.Key}, proto.Bytes32(values), 1<<16, func(data []byte) error {
			out = append(out, slices.Clone(data))
			return nil
		})
		return out
	}
	backwards := func(list [][]byte) [][]byte { slices.Reverse(list); return list }
	for name, arrive := range map[string]func(in *blobs){
		"nothing comes":            func(*blobs) {},
		"all comes":                func(in *blobs) { each(in, chunks(mine, right)) },
		"backwards":                func(in *blobs) { each(in, backwards(chunks(mine, right))) },
		"another start's":          func(in *blobs) { each(in, chunks(other, wrong)) },
		"another start's, handed":  func(in *blobs) { in.receive(handed(other, ref.Key, wrong)) },
		"wrong ones":               func(in *blobs) { each(in, chunks(mine, wrong)) },
		"wrong ones, handed":       func(in *blobs) { in.receive(handed(mine, ref.Key, wrong)) },
		"one wrong chunk":          func(in *blobs) { each(in, append(chunks(mine, wrong)[4:5], chunks(mine, right)...)) },
		"right ones, handed":       func(in *blobs) { in.receive(handed(mine, ref.Key, right)) },
		"those of before a change": func(in *blobs) { in.reset(other); each(in, chunks(other, wrong)); in.reset(mine) },
	} {
		t.Run(name, func(t *testing.T) {
			h := bus.NewHub(0)
			coordinator(t, h, mine, ref.Key, proto.Bytes32(right))
			b := h.Connect()
			defer b.Close()
			c := &client{cfg: Config{Run: "r", ID: "w", Key: "k", Patience: time.Millisecond, Retry: time.Millisecond}.withDefaults(),
				bus: b, of: mine}
			in := newBlobs(c)
			in.reset(mine)
			arrive(in)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			got, err := in.weights(ctx, ref)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.values, right) || got.digest() != ref.Digest {
				t.Errorf("got other weights, digest %s", got.digest())
			}
		})
	}
}

func each(in *blobs, messages [][]byte) {
	for _, data := range messages {
		in.receive(&bus.Message{Data: data})
	}
}

func handed(h proto.Head, key string, values []float32) *bus.Message {
	return &bus.Message{Value: &proto.Weights{Head: h, Key: key, Digest: proto.DigestOf(proto.Bytes32(values)), Values: values,
		Done: func() {}}}
}

// An answer of another start is none.
func TestBlobsOfAnotherStart(t *testing.T) {
	mine, other := proto.Head{Run: "r", Term: 1, Start: "a"}, proto.Head{Run: "r", Term: 1, Start: "b"}
	h := bus.NewHub(0)
	coordinator(t, h, other, "graph-1", []byte("another one's"))
	b := h.Connect()
	defer b.Close()
	in := newBlobs(&client{cfg: Config{Run: "r", ID: "w", Key: "k", Retry: time.Millisecond}.withDefaults(), bus: b, of: mine})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if data, err := in.bytes(ctx,
		proto.BlobRef{Key: "graph-1", Size: 13, Digest: proto.DigestOf([]byte("another one's"))}); !errors.Is(err,
		context.DeadlineExceeded) {
		t.Errorf("got %q, %v", data, err)
	}
}
