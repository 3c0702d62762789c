package coordinator

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// served counts what a desk serves of each key.
type served struct {
	mu sync.Mutex
	n  map[proto.Key]int
}

func (s *served) one(k proto.Key) func() {
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.n[k]++
	}
}

func (s *served) of(k proto.Key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n[k]
}

// always gives all keys the same limit.
func always(rate, burst float64, depth int) func(proto.Key) limit {
	return func(proto.Key) limit { return limit{rate, burst, depth} }
}

// One who floods is served at its rate, loses what is too much, and nobody else waits for it.
func TestAFloodDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &served{n: map[proto.Key]int{}}
		d := newDesk(always(10, 20, 50))
		done := make(chan struct{})
		var group sync.WaitGroup
		group.Go(func() { d.run(done) })
		for range 1000 {
			d.put("flood", s.one("flood"))
		}
		d.put("calm", s.one("calm"))
		synctest.Wait()
		if s.of("calm") != 1 {
			t.Error("a message of another key waits")
		}
		if n := s.of("flood"); n > 20+50 || n < 20 {
			t.Errorf("%d messages of a flood are served at once", n)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if n := s.of("flood"); n < 45 || n > 55 {
			t.Errorf("%d messages of a flood are served after three seconds, want 20 and 30", n)
		}
		if d.excess() < 900 {
			t.Errorf("%d messages were dropped", d.excess())
		}
		if c := d.complain(); c.worst != "flood" || c.of < 900 || c.from != c.of || d.complain() != (complaint{}) {
			t.Errorf("%+v", c)
		}
		close(done)
		group.Wait()
	})
}

// Keys take turns: the first message of one comes before the last of another.
func TestKeysTakeTurns(t *testing.T) {
	d := newDesk(always(1000, 1000, 1000))
	var order []proto.Key
	for _, k := range []proto.Key{"a", "b", "c"} {
		for range 3 {
			d.put(k, func() { order = append(order, k) })
		}
	}
	for serve, _ := d.next(); serve != nil; serve, _ = d.next() {
		serve()
	}
	if got := fmt.Sprint(order); got != "[a b c a b c a b c]" {
		t.Error(got)
	}
}

// Who is asked for more may say more.
func TestCreditFollowsWhatIsAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(always(1, 10, 1000))
		n := 0
		for range 100 {
			d.put("k", func() { n++ })
		}
		drain := func() {
			for serve, _ := d.next(); serve != nil; serve, _ = d.next() {
				serve()
			}
		}
		drain()
		if n != 10 {
			t.Errorf("%d at once, want 10", n)
		}
		d.grant("k", 7)
		if drain(); n != 17 {
			t.Errorf("%d after a grant of 7, want 17", n)
		}
	})
}

// Made-up keys take no more memory than a bound, and leave room for others.
func TestMadeUpKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(always(10, 20, 50))
		for i := range 3 * maxKeys {
			d.put(proto.Key(fmt.Sprint("k", i)), func() {})
		}
		if len(d.queues) > maxKeys {
			t.Errorf("%d keys are kept", len(d.queues))
		}
		for serve, _ := d.next(); serve != nil; serve, _ = d.next() {
			serve()
		}
		time.Sleep(10 * time.Second)
		ok := false
		d.put("late", func() { ok = true })
		if serve, _ := d.next(); serve != nil {
			serve()
		}
		if !ok {
			t.Error("no room for a key that comes later")
		}
	})
}
