package coordinator

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// rivals finds out whether another coordinator goes by the id of this one's run.
// Where both have a commit log, that decides between them; where one has none,
// the later start gives way. All starts tell of themselves, and name whom they
// heard of: so who is named knows that the other is alive, whatever is late.
type rivals struct {
	tell func(n *proto.News) // publishes
	lost chan error          // gets one error when this start has to give way

	mu   sync.Mutex
	self proto.News
}

// newRivals returns those of a start that claims to lead a run.
func newRivals(j Job, start proto.Start, tell func(n *proto.News)) *rivals {
	return &rivals{tell: tell, lost: make(chan error, 1), self: proto.News{Head: proto.Head{Run: j.Run, Start: start},
		Text: "a coordinator leads the run", Holder: lead.Here(j.Dir), Since: time.Now().UnixNano(), Claims: true, Logged: j.Lead != nil}}
}

// leads says that the start leads now, by the head of its messages.
func (r *rivals) leads(h proto.Head) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.self.Head, r.self.Claims = h, false
}

// say tells everybody of this start.
func (r *rivals) say() { r.end(false, "") }

// end tells everybody that the start ends, or the whole run.
func (r *rivals) end(run bool, why string) {
	r.mu.Lock()
	n := r.self
	r.mu.Unlock()
	if n.Ended = run; why != "" {
		n.Text, n.Heard = why, "" // nobody has to give way to who goes
	}
	r.tell(&n)
}

// onNews takes what coordinators say.
func (r *rivals) onNews(m *bus.Message) {
	n := new(proto.News)
	if proto.Decode(m.Data, n) == nil {
		r.take(n)
	}
}

// take answers another start that does not know of this one, or lets this one end.
func (r *rivals) take(n *proto.News) {
	answer, err := r.hear(n)
	if answer {
		r.say()
	}
	if err != nil {
		select {
		case r.lost <- err:
		default: // it knows
		}
	}
}

// hear takes news. It reports whether the other start has to be told of this
// one, and returns lead.ErrHeld if this one has to give way.
func (r *rivals) hear(n *proto.News) (answer bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	self := &r.self
	if n.Run != self.Run || n.Start == self.Start || n.Start == "" || n.Logged && self.Logged {
		return false, nil
	}
	fresh := self.Heard != n.Start
	self.Heard = n.Start
	if n.Heard == self.Start && yields(self, n) {
		return false, fmt.Errorf("%w %s: %s: without a commit log two of one id cannot both go on, and this one began later: "+
			"give it another id with --run, end the other one, or let it stand by (--standby) on a NATS server with JetStream",
			lead.ErrHeld, self.Run, n.Holder)
	}
	return fresh || n.Heard != self.Start, nil
}

// yields reports whether self is the one to give way: who claims to who leads,
// and the later to the earlier. Both come to the same decision, whatever their clocks.
func yields(self, other *proto.News) bool {
	switch {
	case self.Claims != other.Claims:
		return self.Claims
	case self.Since != other.Since:
		return self.Since > other.Since
	}
	return self.Start > other.Start
}

// claims is how often a start that claims to lead asks whether another does.
const claims = 5

// claim asks for so long whether another start leads the run, before anything
// is written or said to workers. It returns lead.ErrHeld if one does.
func (r *rivals) claim(ctx context.Context, b bus.Bus, patience time.Duration) error {
	sub, err := b.Subscribe(r.self.Run.NewsSubject(), r.onNews)
	if err != nil {
		return err
	}
	defer sub.Close()
	for range claims {
		r.say()
		t := time.NewTimer(patience / claims)
		select {
		case err := <-r.lost:
			t.Stop()
			return err
		case <-ctx.Done():
			t.Stop()
			return nil // Run ends it
		case <-t.C:
		}
	}
	return nil
}
