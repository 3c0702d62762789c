// Package bus carries messages between the processes of a run: publish,
// subscribe and request/reply over subjects, and logs and objects that outlast
// the processes. Open takes part by the transport that an address names: mem is
// the in-memory one of a Hub, for tests, simulation and roles in one process;
// importing natsbus adds NATS and its JetStream. Faults and LogFaults are
// decorators that fail by a seeded script. All pass the contract suite of bustest.
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
	Value   any // stands in place of Data: see Sharing
	// Reply is the subject on which a response is published, as whoever asks
	// named it; empty: there is none, or the response goes to the asker and
	// nobody else whatever it says.
	Reply string
	// Answer sends a response; adapters set it on requests, and Respond calls it.
	Answer func(data []byte) error
}

// Respond answers a request; it may be called from any goroutine, once, also
// after the handler returned. Data is not kept.
func (m *Message) Respond(data []byte) error {
	if m.Answer == nil {
		return ErrNoReply
	}
	return m.Answer(data)
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
	// Drain ends it too, but hands over what has come already.
	Drain() error
}

var (
	// ErrClosed is returned by calls on a bus that was closed.
	ErrClosed = errors.New("bus is closed")
	// ErrNoResponders is returned by Request when nobody listens.
	ErrNoResponders = errors.New("nobody answers on this subject")
	// ErrNoReply is returned by Respond for a message that asks no answer.
	ErrNoReply = errors.New("the message asks for no reply")
	// ErrUnreachable is returned by Open when no server answers.
	ErrUnreachable = errors.New("no NATS server")
	// ErrSettings is returned by Open when address, key or authority are none, whatever the server.
	ErrSettings = errors.New("no connection can be made with these settings")
	// ErrPayload is returned by Open when the server takes small messages only.
	ErrPayload = errors.New("the NATS server takes small messages only")
	// ErrLost is returned while a connection that ended for good is opened anew.
	ErrLost = errors.New("the connection to the NATS server was lost and is opened again")
	// ErrForbidden is returned by requests that the server's configuration gives
	// this key no right to.
	ErrForbidden = errors.New("the NATS server does not permit this to the key: name the key of this role (--creds); " +
		"if the server's configuration is of another version, write it anew with tinygrow auth update DIR, and reload the server")
)
