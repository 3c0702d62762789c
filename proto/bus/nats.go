package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options say how to reach a NATS server.
type Options struct {
	URL  string // one or more, comma-separated; empty: nats://127.0.0.1:4222
	Name string // of this client, for the server's logs

	SeedFile string // nkey seed of this role, a 0600 file; empty: none
	CAFile   string // certificate authority of the server; empty: the system's, or no TLS
	// InboxPrefix is where responses to this client arrive; empty: _INBOX.
	InboxPrefix string

	// Bulk tells which subjects travel on a connection of their own, so that
	// others do not wait behind them; nil: none.
	Bulk func(subject string) bool
	// Pending bounds the bytes waiting for one handler; 0 means 256 MiB. What
	// comes on top is dropped and counted.
	Pending int
	// MinPayload is the largest message that the server must take at least; 0: any will do.
	MinPayload int
	// DialTimeout bounds the first connect; 0 means 5 s. Later ones are tried for ever.
	DialTimeout time.Duration

	Log *slog.Logger // connection events; nil: none
}

// NATS is the adapter to a NATS server: a Bus over one connection for control
// and one for bulk.
type NATS struct {
	control, bulk *link
	isBulk        func(string) bool
	dropped       atomic.Uint64
}

// Dial connects to a NATS server, or says why it cannot. Lost connections are
// taken up again for ever, whatever ended them; what is published meanwhile
// fails instead of being kept, because whoever publishes knows better what is
// still worth sending.
func Dial(o Options) (*NATS, error) {
	if o.URL == "" {
		o.URL = nats.DefaultURL
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &NATS{isBulk: o.Bulk}
	if b.isBulk == nil {
		b.isBulk = func(string) bool { return false }
	}
	if o.Pending == 0 {
		o.Pending = 256 << 20
	}
	fellBehind := func() { b.dropped.Add(1) }
	var err error
	if b.control, err = newLink(o, "control", fellBehind); err != nil {
		return nil, err
	}
	if b.bulk, err = newLink(o, "bulk", fellBehind); err != nil {
		b.control.close()
		return nil, err
	}
	if limit := b.MaxPayload(); limit < o.MinPayload {
		b.Close()
		return nil, fmt.Errorf("%w: %s takes %d bytes, at least %d are needed: set max_payload: 1MB in its configuration", ErrPayload, Redact(o.URL), limit, o.MinPayload)
	}
	return b, nil
}

// connect opens one connection for a link.
func connect(o Options, kind string, l *link) (*nats.Conn, error) {
	timeout := o.DialTimeout
	if timeout == 0 {
		timeout = 5 * time.Second
	}
	opts := []nats.Option{
		nats.Name(o.Name + " " + kind),
		nats.Timeout(timeout),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(200 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 100*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.PingInterval(2 * time.Second),
		nats.MaxPingsOutstanding(3),
		nats.FlusherTimeout(10 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				l.log.Warn("lost the NATS server, trying again", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) {
			l.log.Info("reached the NATS server again", "server", Redact(c.ConnectedUrl()))
		}),
		nats.ClosedHandler(l.hasEnded),
		nats.ErrorHandler(l.failed),
	}
	if o.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(o.InboxPrefix))
	}
	if err := checkAddresses(o.URL); err != nil {
		return nil, err
	}
	if o.CAFile != "" {
		if err := checkAuthority(o.CAFile); err != nil {
			return nil, err
		}
		opts = append(opts, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS13}), nats.RootCAs(o.CAFile))
	}
	if o.SeedFile != "" {
		nkey, err := nats.NkeyOptionFromSeed(o.SeedFile)
		if err != nil {
			return nil, fmt.Errorf("%w: read the key %s: %w", ErrSettings, o.SeedFile, err)
		}
		opts = append(opts, nkey)
	}
	c, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w%s", ErrUnreachable, Redact(o.URL), redactError(err, o.URL), advice(err, o, time.Now()))
	}
	return c, nil
}

var (
	// ErrUnreachable is returned by Dial when no server answers.
	ErrUnreachable = errors.New("no NATS server")
	// ErrSettings is returned by Dial when address, key or authority are none, whatever the server.
	ErrSettings = errors.New("no connection can be made with these settings")
	// ErrPayload is returned by Dial when the server takes small messages only.
	ErrPayload = errors.New("the NATS server takes small messages only")
)

// Dropped counts the times a handler fell so far behind that messages were dropped.
func (b *NATS) Dropped() uint64 { return b.dropped.Load() }

func (b *NATS) link(subject string) *link {
	if b.isBulk(subject) {
		return b.bulk
	}
	return b.control
}

// Publish sends data to the subscribers of subject.
func (b *NATS) Publish(subject string, data []byte) error {
	if limit := b.MaxPayload(); len(data) > limit {
		return tooLarge(subject, len(data), limit)
	}
	return b.link(subject).publish(subject, data)
}

// Subscribe calls h for each message until the subscription is closed.
func (b *NATS) Subscribe(subject string, h Handler) (Subscription, error) {
	l := b.link(subject)
	s, err := l.subscribe(subject, func(m *nats.Msg) {
		out := &Message{Subject: m.Subject, Data: m.Data, Reply: m.Reply}
		if m.Reply != "" {
			out.respond = func(data []byte) error { return l.publish(m.Reply, data) }
		}
		h(out)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Request sends data and returns the first response.
func (b *NATS) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	return b.link(subject).request(ctx, subject, data)
}

// Flush returns when the server has what was published before.
func (b *NATS) Flush(ctx context.Context) error {
	for _, l := range []*link{b.control, b.bulk} {
		if err := l.current().FlushWithContext(ctx); err != nil {
			return l.wrap(err)
		}
	}
	return nil
}

// MaxPayload is the server's limit.
func (b *NATS) MaxPayload() int { return int(b.control.current().MaxPayload()) }

// Close closes both connections.
func (b *NATS) Close() error {
	b.control.close()
	b.bulk.close()
	return nil
}

// wrap gives the errors of nats.go the names of this package.
func wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrConnectionClosed):
		return ErrClosed
	case errors.Is(err, nats.ErrNoResponders):
		return ErrNoResponders
	case isCode(err, codeAccountFull, codeServerFull, codeMemoryFull, codeDiskFull, codeStoreFailed):
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("nats: %w", err)
}

// Codes of JetStream that the client library has no names for.
const (
	codeAccountFull = 10002 // resource limits exceeded for account
	codeServerFull  = 10023 // insufficient resources
	codeMemoryFull  = 10028 // insufficient memory resources available
	codeDiskFull    = 10047 // insufficient storage resources available
	codeStoreFailed = 10077 // storing a message failed
)

// isCode reports whether JetStream refused with one of these codes.
func isCode(err error, codes ...jetstream.ErrorCode) bool {
	var refused *jetstream.APIError
	return errors.As(err, &refused) && slices.Contains(codes, refused.ErrorCode)
}

func tooLarge(subject string, n, limit int) error {
	return fmt.Errorf("message of %d bytes on %s: the server takes at most %d (max_payload)", n, subject, limit)
}
