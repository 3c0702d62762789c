package coordinator

import (
	"errors"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// door decides whose messages reach this process at all. It listens to all keys.
// While one floods it listens to the keys of members alone, without that one's:
// then the server of the bus throws its messages away, which costs nobody else
// anything. It looks again after a while, ever later as long as the flood lasts.
// Meanwhile keys that have no member yet wait to join.
type door struct {
	s    *server
	subs map[proto.Key][]bus.Subscription // proto.EveryKey: those of all
	mute time.Duration                    // the next one
	till time.Time                        // the keys that flood are not listened to
	calm time.Time                        // since then all are
}

const (
	// loud is how many messages of a key have to be dropped between two looks.
	loud     = 500
	lookout  = 50 * time.Millisecond
	leastOff = time.Second
	mostOff  = 16 * time.Second
)

// openDoor listens to all keys.
func openDoor(s *server) (*door, error) {
	d := &door{s: s, subs: map[proto.Key][]bus.Subscription{}, mute: leastOff, calm: time.Now()}
	if err := d.listen(proto.EveryKey); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *door) listen(k proto.Key) error {
	subs, err := d.s.listen(k)
	if err != nil {
		shut(subs)
		return err
	}
	d.subs[k] = subs
	return nil
}

func shut(subs []bus.Subscription) {
	for _, s := range subs {
		s.Close()
	}
}

func (d *door) close() {
	for _, subs := range d.subs {
		shut(subs)
	}
	clear(d.subs)
}

// run looks out for floods until done is closed.
func (d *door) run(done <-chan struct{}) {
	tick := time.NewTicker(lookout)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.look(time.Now())
		case <-done:
			d.close()
			return
		}
	}
}

// look opens and closes what the last messages ask for.
func (d *door) look(now time.Time) {
	flooding := d.s.flooding()
	_, all := d.subs[proto.EveryKey]
	switch {
	case !all && !now.Before(d.till):
		if d.listen(proto.EveryKey) == nil { // what comes twice meanwhile does no harm
			for k, subs := range d.subs {
				if k != proto.EveryKey {
					drain(subs)
					delete(d.subs, k)
				}
			}
			d.calm = now
		}
	case len(flooding) == 0:
	case !all:
		for _, k := range flooding {
			shut(d.subs[k])
			delete(d.subs, k)
		}
	default:
		if now.Sub(d.calm) > mostOff {
			d.mute = leastOff
		}
		d.membersOnly(flooding)
		d.till, d.mute = now.Add(d.mute), min(2*d.mute, mostOff)
	}
}

// membersOnly listens to the keys of members, without some.
func (d *door) membersOnly(without []proto.Key) {
	for _, k := range d.s.partials.keys() {
		if !slices.Contains(without, k) && d.listen(k) != nil {
			return // the server of the bus is away: all stay open
		}
	}
	drain(d.subs[proto.EveryKey])
	delete(d.subs, proto.EveryKey)
}

// drain ends subscriptions, but what has come already is heard.
func drain(subs []bus.Subscription) {
	for _, s := range subs {
		if s.Drain() != nil {
			s.Close()
		}
	}
}

// flooding returns the keys of which much was dropped since the last call. Where
// the server of the bus tells no keys apart nobody is singled out.
func (s *server) flooding() []proto.Key {
	recent := s.partials.recent()
	for _, d := range []*desk{s.desk, s.blobs, s.files} {
		for k, n := range d.recent() {
			recent[k] += n
		}
	}
	var list []proto.Key
	for k, n := range recent {
		if n >= loud && k != proto.Anybody {
			list = append(list, k)
		}
	}
	return list
}

// listen subscribes to what the holder of a key may say, or those of all. Most
// messages wait on a desk for their turn; partials are put together at once, as
// far as they were asked for. What needs the state of the run goes to the run's
// goroutine through the inbox.
func (s *server) listen(k proto.Key) (subs []bus.Subscription, err error) {
	run := s.store.run
	return s.hear(map[string]bus.Handler{
		run.JoinSubject(k):    s.through(s.desk, s.onHello),
		run.DataSubject(k):    s.through(s.desk, s.onData),
		run.PullSubject(k):    s.through(s.desk, s.onPull),
		run.BeatSubject(k):    s.through(s.desk, s.onBeat),
		run.FileSubject(k):    s.through(s.files, s.onFile),
		run.BlobSubject(k):    s.through(s.blobs, s.onBlob),
		run.PartialSubject(k): s.from(s.onPartial),
	})
}

// hear subscribes to all of some subjects that it can, and tells which it cannot.
func (s *server) hear(handlers map[string]bus.Handler) (subs []bus.Subscription, err error) {
	for subject, handler := range handlers {
		sub, e := s.bus.Subscribe(subject, handler)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		subs = append(subs, sub)
	}
	return subs, err
}
