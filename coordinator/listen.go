package coordinator

import (
	"errors"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// subscribe listens to the run's subjects. The handlers decode and check; what
// needs the state of the run goes to the run's goroutine through the inbox,
// and the bus waits when that is full.
func (s *server) subscribe() (subs []bus.Subscription, err error) {
	run := s.store.run
	for subject, handler := range map[string]bus.Handler{
		run.JoinSubject():     s.onHello,
		run.DataSubject():     s.onData,
		run.PullSubject():     s.onPull,
		run.BeatSubject():     s.onBeat,
		run.BlobSubject():     s.onBlob,
		run.PartialsSubject(): s.onPartial,
	} {
		sub, e := s.bus.Subscribe(subject, handler)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		subs = append(subs, sub)
	}
	return subs, err
}

func (s *server) push(in input) {
	select {
	case s.inbox <- in:
	case <-s.done:
	}
}

func (s *server) onHello(m *bus.Message) {
	h := new(proto.Hello)
	switch err := proto.Decode(m.Data, h); {
	case errors.Is(err, proto.ErrVersion):
		reply(m, &proto.Refusal{Head: s.head(), Why: proto.OtherVersion, Text: err.Error() + ": use the same build on both sides"})
	case err == nil && h.Run == s.store.run:
		s.push(input{hello: h, message: m})
	}
}

func (s *server) onPull(m *bus.Message) {
	p := new(proto.Pull)
	if proto.Decode(m.Data, p) == nil && p.Run == s.store.run {
		s.push(input{pull: p, message: m})
	}
}

func (s *server) onBeat(m *bus.Message) {
	h := new(proto.Heartbeat)
	if proto.Decode(m.Data, h) == nil && s.mine(h.Head) {
		s.push(input{beat: h})
	}
}

// mine reports whether a message is meant for this start of the coordinator,
// and counts those of the run that are not: another one answers them, or nobody.
func (s *server) mine(h proto.Head) bool {
	if h.Run == s.store.run && !h.Same(s.head()) {
		s.partials.foreign()
	}
	return h.Same(s.head())
}

// onBlob answers from the offer at hand.
func (s *server) onBlob(m *bus.Message) {
	r := new(proto.BlobRequest)
	if proto.Decode(m.Data, r) != nil || !s.mine(r.Head) {
		return
	}
	answer := &proto.BlobChunk{Head: s.head(), Key: r.Key, Gone: true}
	if b, ok := s.shelf.borrow(r.Key); ok {
		defer s.shelf.giveBack(b)
		answer.Gone, answer.Chunk = false, proto.ChunkAt(b.data, r.Offset, proto.ChunkSize(s.bus.MaxPayload()))
	}
	reply(m, answer)
}

func (s *server) onPartial(m *bus.Message) {
	started := time.Now()
	whole, ok := arrived{}, false
	if handed, near := m.Value.(*proto.Partial); near {
		whole, ok = s.partials.take(handed)
	} else {
		whole, ok = s.partials.receive(m.Data)
	}
	beside(&s.watch.decoding, started)
	if ok {
		s.push(input{partial: &whole})
	}
}
