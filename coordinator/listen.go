package coordinator

import (
	"errors"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// from tells a handler whose key a message came with. The subject says it, which
// the server of the bus has checked; a worker's own words do not count. What
// would be answered to anybody else than its sender is dropped: whoever answers
// has rights that the sender lacks.
func (s *server) from(handler func(proto.Key, *bus.Message)) bus.Handler {
	return func(m *bus.Message) {
		k, role := proto.Sender(m.Subject)
		if k.Validate() != nil || m.Reply != "" && !k.Owns(role, m.Reply) {
			s.partials.count(func(d *Dropped) { d.Misdirected++ })
			return
		}
		handler(k, m)
	}
}

// through has messages wait on a desk for their turn. No honest one is as long as
// a tensor's.
func (s *server) through(d *desk, handler func(proto.Key, *bus.Message)) bus.Handler {
	return s.from(func(k proto.Key, m *bus.Message) {
		if len(m.Data) > maxRequest {
			d.refuse(k)
			return
		}
		d.put(k, func() { handler(k, m) })
	})
}

// maxRequest bounds what is no partial: a few texts.
const maxRequest = 32 << 10

func (s *server) push(in input) {
	select {
	case s.inbox <- in:
	case <-s.done:
	}
}

func (s *server) onHello(k proto.Key, m *bus.Message) {
	h := new(proto.Hello)
	switch err := proto.Decode(m.Data, h); {
	case errors.Is(err, proto.ErrVersion):
		reply(m, &proto.Refusal{Head: s.head(), Why: proto.OtherVersion, Text: err.Error() + ": use the same build on both sides"})
	case err == nil && h.Run == s.store.run:
		h.Worker = k.Worker(h.Worker)
		s.push(input{hello: h, message: m})
	}
}

func (s *server) onPull(k proto.Key, m *bus.Message) {
	p := new(proto.Pull)
	if proto.Decode(m.Data, p) == nil && p.Run == s.store.run {
		p.Worker = k.Worker(p.Worker)
		s.push(input{pull: p, message: m})
	}
}

func (s *server) onBeat(k proto.Key, m *bus.Message) {
	h := new(proto.Heartbeat)
	if proto.Decode(m.Data, h) == nil && s.mine(h.Head) {
		h.Worker = k.Worker(h.Worker)
		s.push(input{beat: h})
	}
}

// mine reports whether a message is meant for this start of the coordinator,
// and counts those of the run that are not: another one answers them, or nobody.
func (s *server) mine(h proto.Head) bool {
	if h.Run == s.store.run && !h.Same(s.head()) {
		s.partials.count(func(d *Dropped) { d.Foreign++ })
	}
	return h.Same(s.head())
}

// onBlob answers from the offer at hand.
func (s *server) onBlob(_ proto.Key, m *bus.Message) {
	r := new(proto.BlobRequest)
	if proto.Decode(m.Data, r) != nil || !s.mine(r.Head) {
		return
	}
	if s.shelf.elsewhere(r.Key) {
		return // its owner answers
	}
	answer := &proto.BlobChunk{Head: s.head(), Key: r.Key, Gone: true}
	if b, ok := s.shelf.borrow(r.Key); ok {
		defer s.shelf.giveBack(b)
		answer.Gone, answer.Chunk = false, proto.ChunkAt(b.data, r.Offset, proto.ChunkSize(s.bus.MaxPayload()))
	}
	reply(m, answer)
}

func (s *server) onPartial(k proto.Key, m *bus.Message) {
	started := time.Now()
	var whole arrived
	var ok bool
	if handed, near := m.Value.(*proto.Partial); near {
		whole, ok = s.partials.take(k, handed)
	} else {
		whole, ok = s.partials.receive(k, m.Data)
	}
	beside(&s.watch.decoding, started)
	if ok {
		s.push(input{partial: &whole})
	}
}
