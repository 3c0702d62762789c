package terminal

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"
)

// maxQueued bounds the bytes that wait for a reader.
const maxQueued = 1 << 20

// queue writes to a file that may stall or fail, as a pipe whose reader stopped
// or a terminal that was closed: whoever writes never waits, and hears of no
// error. What does not fit is left out, in whole writes, and counted.
type queue struct {
	out io.Writer

	mu      sync.Mutex
	waiting bytes.Buffer
	left    int // writes that were left out
	closed  bool
	wake    chan struct{}
	done    chan struct{} // closed when all was written after close
}

func newQueue(out io.Writer) *queue {
	q := &queue{out: out, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go q.run() // ends with close
	return q
}

// Write takes text; it always succeeds.
func (q *queue) Write(text []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return len(text), nil
	}
	if q.waiting.Len()+len(text) > maxQueued {
		q.left++
		return len(text), nil
	}
	if q.left > 0 {
		fmt.Fprintf(&q.waiting, "\n(%d messages were left out here: nobody read them)\n", q.left)
		q.left = 0
	}
	q.waiting.Write(text)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return len(text), nil
}

func (q *queue) run() {
	defer close(q.done)
	for more := true; more; {
		_, more = <-q.wake
		for text := q.take(); len(text) > 0; text = q.take() {
			_, _ = q.out.Write(text) // there is nobody to tell
		}
	}
}

// take returns what waits.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	text := bytes.Clone(q.waiting.Bytes())
	q.waiting.Reset()
	return text
}

// close returns when all was written, or did not get written within that time.
// What is written after it is lost.
func (q *queue) close(within time.Duration) {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.wake)
	}
	q.mu.Unlock()
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case <-q.done:
	case <-t.C:
	}
}
