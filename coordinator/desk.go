package coordinator

import (
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// desk hands messages to their handlers on one goroutine: those of a key in
// their order, the keys in turn. So whoever sends much waits for itself alone.
// Each key is served at no more than its rate; what comes faster waits, and what
// finds too much waiting is dropped.
type desk struct {
	limits func(proto.Key) limit

	mu      sync.Mutex
	queues  map[proto.Key]*queue
	turns   []*queue // queues that are not empty, the next one to serve first
	wake    chan struct{}
	dropped uint64
}

// limit is what a key may send: messages a second, messages at once, and how
// many may wait.
type limit struct {
	rate, burst float64
	depth       int
}

// queue is what one key sent.
type queue struct {
	limit
	waiting []func()
	dropped uint64    // since this was told last
	lately  int       // dropped since recent was called
	credit  float64   // messages that may be served now
	counted time.Time // credit was
}

// maxKeys bounds the keys that a desk tells apart: where the server of the bus
// checks none, a client can make up as many as it likes.
const maxKeys = 1 << 12

func newDesk(limits func(proto.Key) limit) *desk {
	return &desk{limits: limits, queues: map[proto.Key]*queue{}, wake: make(chan struct{}, 1)}
}

// put has serve called for a message of a key when its turn comes, unless too
// much waits.
func (d *desk) put(k proto.Key, serve func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	q := d.queue(k)
	if q == nil || len(q.waiting) >= q.depth {
		d.drop(q)
		return
	}
	if q.waiting = append(q.waiting, serve); len(q.waiting) == 1 {
		d.turns = append(d.turns, q)
		poke(d.wake)
	}
}

// refuse counts a message that is dropped before it waits.
func (d *desk) refuse(k proto.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(d.queue(k))
}

// drop counts a message of a queue that is not served.
func (d *desk) drop(q *queue) {
	d.dropped++
	if q != nil {
		q.dropped++
		q.lately++
	}
}

// queue returns that of a key, nil if there are too many keys.
func (d *desk) queue(k proto.Key) *queue {
	q := d.queues[k]
	if q == nil {
		if len(d.queues) >= maxKeys && !d.forget() {
			return nil
		}
		q = &queue{limit: d.limits(k), counted: time.Now()}
		q.credit = q.burst
		d.queues[k] = q
	}
	return q
}

// forget drops the queues that stand as new ones would, and reports whether there were any.
func (d *desk) forget() bool {
	before := len(d.queues)
	for k, q := range d.queues {
		if q.earn(); len(q.waiting) == 0 && q.credit >= q.burst {
			delete(d.queues, k)
		}
	}
	return len(d.queues) < before
}

// earn adds the credit that came with time.
func (q *queue) earn() {
	now := time.Now()
	q.credit = max(q.credit, min(q.credit+float64(q.rate*now.Sub(q.counted).Seconds()), q.burst))
	q.counted = now
}

// grant gives a key credit on top of what comes with time: for what it was asked
// to do, to which its next messages belong.
func (d *desk) grant(k proto.Key, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.queue(k); q != nil {
		q.credit = min(q.credit+float64(n), float64(2*q.burst))
		if len(q.waiting) > 0 {
			poke(d.wake)
		}
	}
}

// next takes the message whose turn it is, or says when to look again.
func (d *desk) next() (serve func(), wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait = time.Hour
	for range d.turns {
		q := d.turns[0]
		d.turns = append(d.turns[:0], d.turns[1:]...)
		q.earn()
		if q.credit < 1 {
			d.turns = append(d.turns, q)
			wait = min(wait, time.Duration((1-q.credit)/q.rate*float64(time.Second))+time.Millisecond)
			continue
		}
		q.credit--
		serve = q.waiting[0]
		q.waiting[0] = nil
		if q.waiting = q.waiting[1:]; len(q.waiting) > 0 {
			d.turns = append(d.turns, q)
		} else {
			q.waiting = nil
		}
		return serve, 0
	}
	return nil, wait
}

// run serves until done is closed.
func (d *desk) run(done <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		serve, wait := d.next()
		if serve != nil {
			serve()
			select {
			case <-done:
				return
			default:
				continue
			}
		}
		timer.Reset(wait)
		select {
		case <-d.wake:
		case <-timer.C:
		case <-done:
			return
		}
	}
}

// excess returns how many messages were dropped because too much waited.
func (d *desk) excess() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropped
}

// recent returns what was dropped of each key since it was called last.
func (d *desk) recent() map[proto.Key]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list map[proto.Key]int
	for k, q := range d.queues {
		if q.lately > 0 {
			if list == nil {
				list = map[proto.Key]int{}
			}
			list[k], q.lately = q.lately, 0
		}
	}
	return list
}

// complaint names the key of which most was dropped since the last one, and counts.
type complaint struct {
	worst    proto.Key
	of, from uint64 // dropped of the worst, and of all
}

// complain returns what was dropped since it was called last.
func (d *desk) complain() (c complaint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, q := range d.queues {
		if c.from += q.dropped; q.dropped > c.of {
			c.worst, c.of = k, q.dropped
		}
		q.dropped = 0
	}
	return c
}
