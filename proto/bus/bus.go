// Package bus carries messages between the processes of a run: publish,
// subscribe and request/reply over subjects, and logs and objects that outlast
// the processes. Dial gives the adapter to NATS and its JetStream, NewHub an
// in-memory one for tests and simulation, Faults and LogFaults decorators that
// fail by a seeded script. All pass one contract suite.
//
// A bus delivers at most once and promises order only between one publisher
// and one subscription. It knows nothing of what the messages say.
package bus

import (
	"context"
	"errors"
)

// Message is what a handler gets. Its data belong to the handler.
type Message struct {
	Subject string
	Data    []byte
	Value   any // in place of Data: see Sharing
	// Reply is the subject on which a response is published, as whoever asks
	// named it; empty: there is none, or the response goes to the asker and
	// nobody else whatever it says.
	Reply   string
	respond func(data []byte) error
}

// Respond answers a request; it may be called from any goroutine, once, also
// after the handler returned. Data is not kept.
func (m *Message) Respond(data []byte) error {
	if m.respond == nil {
		return ErrNoReply
	}
	return m.respond(data)
}

// Handler is called with one message after another of its subscription.
type Handler func(m *Message)

// Bus is one participant's access to the messages. Its methods may be called
// concurrently. Subjects are dot-separated names; in subscriptions * stands
// for one name and a last > for the rest.
type Bus interface {
	// Publish sends data to the subscribers of subject. Data is not kept.
	Publish(subject string, data []byte) error
	// Subscribe calls h for each message until the subscription is closed.
	Subscribe(subject string, h Handler) (Subscription, error)
	// Request sends data and returns the first response. It returns
	// ErrNoResponders when nobody subscribes to subject.
	Request(ctx context.Context, subject string, data []byte) ([]byte, error)
	// Flush returns when what was published before has left this process.
	Flush(ctx context.Context) error
	// MaxPayload is the largest message in bytes that can be sent.
	MaxPayload() int
	// Close ends all subscriptions; other calls return ErrClosed from then on.
	Close() error
}

// Subscription is a running subscription.
type Subscription interface {
	// Close ends the subscription. Its handler may still be running.
	Close() error
}

var (
	// ErrClosed is returned by calls on a bus that was closed.
	ErrClosed = errors.New("bus is closed")
	// ErrNoResponders is returned by Request when nobody listens.
	ErrNoResponders = errors.New("nobody answers on this subject")
	// ErrNoReply is returned by Respond for a message that asks no answer.
	ErrNoReply = errors.New("the message asks for no reply")
)
