package bus

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"sync"
	"sync/atomic"
)

// Hub is an in-memory server. Messages between one publisher and one
// subscription keep their order; each subscription has a goroutine of its own
// that ends when it is closed, and a queue that drops what it has no room for.
// Hubs need no network and no clock, so they run inside a testing/synctest bubble.
type Hub struct {
	payload int
	mu      sync.Mutex
	subs    map[*hubSub]struct{}
	logs    map[string]*memoryLog
	objects map[string]*memoryObjects
}

// NewHub returns a hub that takes messages of up to payload bytes; 0 means 1 MiB.
func NewHub(payload int) *Hub {
	if payload == 0 {
		payload = 1 << 20
	}
	return &Hub{payload: payload, subs: map[*hubSub]struct{}{}, logs: map[string]*memoryLog{}, objects: map[string]*memoryObjects{}}
}

// Connect returns a new participant.
func (h *Hub) Connect() System { return h.connect(0) }

// connect returns a participant whose handlers may fall pending bytes behind.
func (h *Hub) connect(pending int) *hubBus {
	return &hubBus{hub: h, pending: cmp.Or(pending, usualPending)}
}

const (
	usualPending = 256 << 20
	// maxQueue bounds the messages that wait for one handler.
	maxQueue = 1 << 20
)

type hubBus struct {
	hub     *Hub
	takes   bool // whether it takes values: see Share
	pending int  // bytes that may wait for one handler
	dropped atomic.Uint64
	mu      sync.Mutex
	closed  bool
	subs    []*hubSub
}

// hubSub is a queue with one goroutine that hands its messages to the handler.
type hubSub struct {
	bus     *hubBus
	pattern []string
	mu      sync.Mutex
	queue   []*Message
	bytes   int  // the length of the queue's data
	last    bool // drained: the queue is heard to its end
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

func (b *hubBus) open() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	return nil
}

func (b *hubBus) Publish(subject string, data []byte) error {
	_, err := b.publish(subject, data, nil, func(*hubSub) bool { return true })
	return err
}

// publish returns how many subscriptions got the message, of those to be served.
func (b *hubBus) publish(subject string, data []byte, respond func([]byte) error, served func(*hubSub) bool) (int, error) {
	if err := b.open(); err != nil {
		return 0, err
	}
	if err := CheckPayload(subject, data, b.hub.payload); err != nil {
		return 0, err
	}
	n := 0
	b.hub.each(subject, func(s *hubSub) {
		if served(s) {
			s.put(len(data), func() *Message { return &Message{Subject: subject, Data: bytes.Clone(data), Answer: respond} })
			n++
		}
	})
	return n, nil
}

// each calls f for the subscriptions of a subject.
func (h *Hub) each(subject string, f func(s *hubSub)) {
	names := strings.Split(subject, ".")
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.subs {
		if matches(s.pattern, names) {
			f(s)
		}
	}
}

func (b *hubBus) Subscribe(subject string, h Handler) (Subscription, error) {
	if err := b.open(); err != nil {
		return nil, err
	}
	s := &hubSub{bus: b, pattern: strings.Split(subject, "."), wake: make(chan struct{}, 1), done: make(chan struct{})}
	b.hub.mu.Lock()
	b.hub.subs[s] = struct{}{}
	b.hub.mu.Unlock()
	b.mu.Lock()
	b.subs = append(b.subs, s)
	b.mu.Unlock()
	go s.run(h)
	return s, nil
}

func (b *hubBus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	answer := make(chan []byte, 1)
	n, err := b.publish(subject, data, func(data []byte) error {
		select {
		case answer <- bytes.Clone(data):
		default: // only the first response counts
		}
		return nil
	}, func(*hubSub) bool { return true })
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, ErrNoResponders
	}
	select {
	case data := <-answer:
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (b *hubBus) Flush(context.Context) error { return b.open() }
func (b *hubBus) MaxPayload() int             { return b.hub.payload }

func (b *hubBus) Close() error {
	b.mu.Lock()
	subs := b.subs
	b.closed, b.subs = true, nil
	b.mu.Unlock()
	for _, s := range subs {
		s.Close()
	}
	return nil
}

// Dropped counts the messages that were dropped because a handler fell behind.
func (b *hubBus) Dropped() uint64 { return b.dropped.Load() }

// put adds a message of size bytes to the queue, if there is room.
func (s *hubSub) put(size int, message func() *Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.last {
		return
	}
	if s.bytes+size > s.bus.pending || len(s.queue) == maxQueue {
		s.bus.dropped.Add(1)
		return
	}
	s.queue = append(s.queue, message())
	s.bytes += size
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *hubSub) run(h Handler) {
	for {
		select {
		case <-s.wake:
		case <-s.done:
			return
		}
		for {
			s.mu.Lock()
			if s.closed || len(s.queue) == 0 {
				end := s.last
				s.mu.Unlock()
				if end {
					return
				}
				break
			}
			m := s.queue[0]
			s.queue[0] = nil
			s.queue = s.queue[1:]
			s.bytes -= len(m.Data)
			s.mu.Unlock()
			h(m)
		}
	}
}

// Drain ends the subscription once its handler was called for what has come.
func (s *hubSub) Drain() error {
	s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = true
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// leave makes the hub forget the subscription.
func (s *hubSub) leave() {
	s.bus.hub.mu.Lock()
	defer s.bus.hub.mu.Unlock()
	delete(s.bus.hub.subs, s)
}

func (s *hubSub) Close() error {
	s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed, s.queue = true, nil
		close(s.done)
	}
	return nil
}

// matches reports whether a subject's names fit a pattern's.
func matches(pattern, names []string) bool {
	for i, p := range pattern {
		if p == ">" && i == len(pattern)-1 {
			return len(names) > i
		}
		if i >= len(names) || p != "*" && p != names[i] {
			return false
		}
	}
	return len(pattern) == len(names)
}
