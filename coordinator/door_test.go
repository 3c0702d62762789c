package coordinator

import (
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// listeners counts who is subscribed to what.
type listeners struct {
	bus.Bus
	open map[string]int
}

type listener struct {
	to      *listeners
	subject string
}

func (l *listeners) Subscribe(subject string, _ bus.Handler) (bus.Subscription, error) {
	l.open[subject]++
	return &listener{l, subject}, nil
}

func (l *listener) Close() error {
	if l.to.open[l.subject]--; l.to.open[l.subject] == 0 {
		delete(l.to.open, l.subject)
	}
	return nil
}

func (l *listener) Drain() error { return l.Close() }

// Messages of a key that floods are not listened to for a while, those of other
// members are; and all keys again after it, later each time.
func TestTheDoorIsShutToAFlood(t *testing.T) {
	s := besiege(t)(t)
	b := &listeners{open: map[string]int{}}
	s.bus = b
	for _, w := range []proto.WorkerID{"calm.w", "flood.w"} {
		s.partials.admit(w)
	}
	d, err := openDoor(s.server)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	flood := func(k proto.Key) {
		for range s.job.Config.Cluster.control(k).depth + loud + 1 {
			s.desk.put(k, func() {})
		}
	}
	expect := func(what string, calm, flooding, all bool) {
		t.Helper()
		for k, want := range map[proto.Key]bool{"calm": calm, "flood": flooding, proto.EveryKey: all} {
			if got := b.open[s.store.run.PullSubject(k)] == 1 && b.open[s.store.run.PartialSubject(k)] == 1; got != want {
				t.Errorf("%s: %s is heard: %v", what, k, got)
			}
		}
	}
	d.look(now)
	expect("at first", false, false, true)
	for range 10 {
		s.desk.put("calm", func() {})
	}
	d.look(now)
	expect("with little to do", false, false, true)
	flood("flood")
	d.look(now)
	expect("in a flood", true, false, false)
	d.look(now.Add(leastOff / 2))
	expect("meanwhile", true, false, false)
	now = now.Add(leastOff)
	d.look(now)
	expect("after it", false, false, true)
	flood("flood")
	d.look(now)
	d.look(now.Add(leastOff))
	expect("in the second", true, false, false)
	d.look(now.Add(2 * leastOff))
	expect("after the second", false, false, true)
	flood(proto.Anybody)
	d.look(now)
	expect("where keys are not told apart", false, false, true)
	d.close()
	if len(b.open) > 0 {
		t.Errorf("%v are left open", b.open)
	}
}
