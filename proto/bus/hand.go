package bus

// Sharing is a bus some of whose participants share this process. They give
// each other values instead of bytes: nothing is encoded, copied or checked.
type Sharing interface {
	System
	// Hand gives value's result to every subscription of subject that takes
	// values, calling value once for each, in order with what this participant
	// publishes. A value counts no bytes of a queue. rest reaches the other subscriptions; it is nil if there are none.
	Hand(subject string, value func() any) (rest Bus)
}

// Share returns a new participant that hands over and takes values: a Message
// with a Value has no Data. Who has Connected gets bytes from it as from all others.
func (h *Hub) Share() Sharing { return sharingBus{&hubBus{hub: h, takes: true, pending: usualPending}} }

type sharingBus struct{ *hubBus }

func (b sharingBus) Hand(subject string, value func() any) (rest Bus) {
	if b.open() != nil {
		return nil // closed: nobody gets it
	}
	more := false
	b.hub.each(subject, func(s *hubSub) {
		if s.bus.takes {
			s.put(0, func() *Message { return &Message{Subject: subject, Value: value()} })
		} else {
			more = true
		}
	})
	if !more {
		return nil
	}
	return bytesOnly(b)
}

// bytesOnly publishes to those who take no values.
type bytesOnly struct{ *hubBus }

func (b bytesOnly) Publish(subject string, data []byte) error {
	_, err := b.publish(subject, data, nil, func(s *hubSub) bool { return !s.bus.takes })
	return err
}
