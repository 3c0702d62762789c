package coordinator

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// counting is a bus that counts what is published.
type counting struct {
	bus.Bus
	mu   sync.Mutex
	sent int
}

func (c *counting) Publish(string, []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent++
	return nil
}

func (c *counting) MaxPayload() int { return 1 << 20 }

func (c *counting) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sent
}

// A broadcast runs a window ahead of the slowest worker, waits a while for one
// that stands still, and does not wait for it again until it keeps up.
func TestBroadcastKeepsToItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &counting{}
		s := newSender(b, new(shelf), proto.Head{Run: "r", Term: 1}, new(atomic.Int64))
		chunk := int64(proto.ChunkSize(b.MaxPayload()))
		s.window = 4 * chunk
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { s.run(ctx) })
		offer := func(key string) {
			var o offer
			users := 1
			o.weights = blob{ref: proto.BlobRef{Key: key}, data: make([]byte, 20*chunk), users: &users}
			s.shelf.put(o)
			s.send(key)
			synctest.Wait()
		}
		expect := func(n int) {
			t.Helper()
			synctest.Wait()
			if got := b.count(); got != n {
				t.Fatalf("%d chunks sent, want %d", got, n)
			}
		}
		s.admit("a")
		s.admit("b")
		offer("1")
		expect(20) // nobody is waited for yet
		s.progress("a", "1", 20*chunk)
		s.progress("b", "1", 20*chunk)
		offer("2")
		expect(25) // the window, and the chunk at its end
		s.progress("a", "2", 10*chunk)
		expect(25)
		s.progress("b", "2", 2*chunk)
		expect(27)
		time.Sleep(patience + time.Millisecond) // b stands still: on to a's window
		expect(35)
		s.progress("a", "2", 20*chunk)
		expect(40)
		offer("3")
		s.progress("a", "3", 18*chunk)
		expect(60) // b is not waited for
		s.progress("b", "3", chunk)
		s.progress("a", "3", 20*chunk)
		offer("4")
		expect(65) // b is back
		s.forget("b")
		s.progress("a", "4", 19*chunk)
		expect(80)
		cancel()
		group.Wait()
	})
}

// One that tells of progress and then stands still, in every broadcast, is waited
// for ever more rarely.
func TestAReceiverThatStallsIsWaitedForLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &counting{}
		s := newSender(b, new(shelf), proto.Head{Run: "r", Term: 1}, new(atomic.Int64))
		chunk := int64(proto.ChunkSize(b.MaxPayload()))
		s.window = 2 * chunk
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		group.Go(func() { s.run(ctx) })
		s.admit("w")
		began := time.Now()
		const broadcasts = 64
		for i := range broadcasts {
			var o offer
			users := 1
			o.weights = blob{ref: proto.BlobRef{Key: fmt.Sprintf("%03d", i)}, data: make([]byte, 8*chunk), users: &users}
			s.shelf.put(o)
			s.send(o.weights.ref.Key)
			synctest.Wait()
			s.progress("w", o.weights.ref.Key, 1)
			for b.count() < 8*(i+1) {
				time.Sleep(10 * time.Millisecond)
				synctest.Wait()
			}
		}
		if took := time.Since(began); took > 10*patience {
			t.Errorf("%d broadcasts took %s", broadcasts, took)
		}
		cancel()
		group.Wait()
	})
}
