package coordinator

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

const (
	// window bounds how far a broadcast runs ahead of the slowest worker that
	// keeps up: the server cuts off a subscriber that is 64 MB behind.
	window = 24 << 20
	// patience is how long a broadcast waits for a worker; one that tells of no
	// progress meanwhile is not waited for again until it keeps up.
	patience = time.Second
)

// sender broadcasts weights, on a goroutine of its own. A version that is
// overtaken by the next before its turn is left out: workers ask for what they miss.
type sender struct {
	bus     bus.Bus
	shelf   *shelf
	head    proto.Head
	subject string
	wake    chan struct{} // there is something to send
	acked   chan struct{} // a worker told of progress, or went
	window  int64
	busy    *atomic.Int64 // nanoseconds spent sending

	mu      sync.Mutex
	key     string // what is to be sent, or being sent
	workers map[proto.WorkerID]*receiver
}

// receiver is a worker as the sender sees it.
type receiver struct {
	have    int64 // bytes of the version being sent
	lagging bool  // not waited for
	// missed counts how often it was given up, skip the broadcasts for which it is
	// not waited for whatever it tells: one that stands still again and again costs
	// less and less.
	missed, skip int
}

// maxMissed bounds, as a power of two, the broadcasts that are skipped.
const maxMissed = 10

// giveUp says that it stood still.
func (r *receiver) giveUp() {
	r.lagging = true
	r.missed = min(r.missed+1, maxMissed)
	r.skip = 1 << (r.missed - 1)
}

func newSender(b bus.Bus, s *shelf, head proto.Head, busy *atomic.Int64) *sender {
	return &sender{bus: b, shelf: s, head: head, subject: head.Run.WeightsSubject(), wake: make(chan struct{}, 1),
		acked: make(chan struct{}, 1), window: window, busy: busy, workers: map[proto.WorkerID]*receiver{}}
}

// send broadcasts the weights of a key, after those that are on their way.
func (s *sender) send(key string) {
	s.mu.Lock()
	s.key = key
	s.mu.Unlock()
	poke(s.wake)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// admit and forget change who is waited for.
func (s *sender) admit(w proto.WorkerID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers[w] = &receiver{lagging: true} // it may have missed the beginning
}

func (s *sender) forget(w proto.WorkerID) {
	s.mu.Lock()
	delete(s.workers, w)
	s.mu.Unlock()
	poke(s.acked)
}

// progress notes that a worker has so many bytes of a version.
func (s *sender) progress(w proto.WorkerID, key string, have int64) {
	s.mu.Lock()
	if r := s.workers[w]; r != nil && key == s.key {
		r.have, r.lagging = max(r.have, have), r.skip > 0
	}
	s.mu.Unlock()
	poke(s.acked)
}

// begin returns what is to be sent next.
func (s *sender) begin() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.workers {
		r.have, r.skip = 0, max(r.skip-1, 0)
	}
	return s.key
}

// behind reports whether a worker that is waited for lacks bytes before from;
// giveUp makes such workers lag instead.
func (s *sender) behind(from int64, giveUp bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	late := false
	for _, r := range s.workers {
		if !r.lagging && r.have < from {
			if late = true; giveUp {
				r.giveUp()
			}
		}
	}
	return late && !giveUp
}

// wait returns when byte offset may be sent.
func (s *sender) wait(ctx context.Context, offset int64) {
	if offset < s.window {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for s.behind(offset-s.window, false) {
		select {
		case <-s.acked:
		case <-timer.C:
			s.behind(offset-s.window, true)
		case <-ctx.Done():
			return
		}
	}
}

// run sends until ctx ends.
func (s *sender) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		b, ok := s.shelf.borrow(s.begin())
		if !ok {
			continue
		}
		s.broadcast(ctx, b)
		s.shelf.giveBack(b)
	}
}

// broadcast sends a blob in chunks to all who did not get it handed over.
func (s *sender) broadcast(ctx context.Context, b blob) {
	defer beside(s.busy, time.Now())
	to := s.bus
	if near, ok := s.bus.(bus.Sharing); ok {
		if to = s.handOver(near, b); to == nil {
			return
		}
	}
	var sent int64
	size := proto.ChunkSize(s.bus.MaxPayload())
	// A chunk that is not sent is asked for by those who miss it.
	_ = proto.SendBlob(proto.BlobChunk{Head: s.head, Key: b.ref.Key}, b.data, size, func(data []byte) error {
		s.wait(ctx, sent)
		sent += int64(size)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return to.Publish(s.subject, data)
	})
}

// handOver lends weights to the workers of this process, and returns the bus
// to all others; nil if there are none.
func (s *sender) handOver(near bus.Sharing, b blob) bus.Bus {
	return near.Hand(s.subject, func() any {
		lent, ok := s.shelf.borrow(b.ref.Key)
		if !ok {
			return nil // overtaken
		}
		return &proto.Weights{Head: s.head, Key: lent.ref.Key, Digest: lent.ref.Digest, Values: lent.values,
			Done: sync.OnceFunc(func() { s.shelf.giveBack(lent) })}
	})
}
