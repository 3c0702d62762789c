// Package natsbus is the adapter of package bus to NATS servers and their
// JetStream. Importing it registers the transport for addresses that begin with
// nats, tls, ws or wss, or with no scheme. It starts no server.
package natsbus

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

	"github.com/tinygrow/tinygrow/proto/bus"
)

func init() {
	bus.Register(bus.Transport{Open: open, Key: key}, schemes...)
}

// schemes are those of addresses of NATS servers.
var schemes = []string{"nats", "tls", "ws", "wss"}

func open(o bus.Options) (bus.System, error) {
	b, err := Dial(o)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// Bus is a participant in what a NATS server carries, over one connection for control
// and one for bulk.
type Bus struct {
	control, bulk *link
	isBulk        func(string) bool
	dropped       atomic.Uint64
}

// Dial connects to a NATS server, or says why it cannot. Lost connections are
// taken up again for ever, whatever ended them; what is published meanwhile
// fails instead of being kept, because whoever publishes knows better what is
// still worth sending.
func Dial(o bus.Options) (*Bus, error) {
	if o.URL == "" {
		o.URL = nats.DefaultURL
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{isBulk: o.Bulk}
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
	return b, nil
}

// connect opens one connection for a link.
func connect(o bus.Options, kind string, l *link) (*nats.Conn, error) {
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
			l.log.Info("reached the NATS server again", "server", bus.Redact(c.ConnectedUrl()))
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
			return nil, fmt.Errorf("%w: read the key %s: %w", bus.ErrSettings, o.SeedFile, err)
		}
		opts = append(opts, nkey)
	}
	c, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w%s",
			bus.ErrUnreachable, bus.Redact(o.URL), bus.RedactError(err, o.URL), advice(err, o, time.Now()))
	}
	return c, nil
}

// Dropped counts the times a handler fell so far behind that messages were dropped.
func (b *Bus) Dropped() uint64 { return b.dropped.Load() }

func (b *Bus) link(subject string) *link {
	if b.isBulk(subject) {
		return b.bulk
	}
	return b.control
}

// Publish sends data to the subscribers of subject.
func (b *Bus) Publish(subject string, data []byte) error {
	if err := bus.CheckPayload(subject, data, b.MaxPayload()); err != nil {
		return err
	}
	return b.link(subject).publish(subject, data)
}

// Subscribe calls h for each message until the subscription is closed.
func (b *Bus) Subscribe(subject string, h bus.Handler) (bus.Subscription, error) {
	l := b.link(subject)
	s, err := l.subscribe(subject, func(m *nats.Msg) {
		out := &bus.Message{Subject: m.Subject, Data: m.Data, Reply: m.Reply}
		if m.Reply != "" {
			out.Answer = func(data []byte) error { return l.publish(m.Reply, data) }
		}
		h(out)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Request sends data and returns the first response.
func (b *Bus) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	return b.link(subject).request(ctx, subject, data)
}

// Flush returns when the server has what was published before.
func (b *Bus) Flush(ctx context.Context) error {
	for _, l := range []*link{b.control, b.bulk} {
		if err := l.current().FlushWithContext(ctx); err != nil {
			return l.wrap(err)
		}
	}
	return nil
}

// MaxPayload is the server's limit.
func (b *Bus) MaxPayload() int { return int(b.control.current().MaxPayload()) }

// Close closes both connections.
func (b *Bus) Close() error {
	b.control.close()
	b.bulk.close()
	return nil
}

// wrap gives the errors of nats.go the names of package bus.
func wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrConnectionClosed):
		return bus.ErrClosed
	case errors.Is(err, nats.ErrNoResponders):
		return bus.ErrNoResponders
	case isCode(err, codeAccountFull, codeServerFull, codeMemoryFull, codeDiskFull, codeStoreFailed):
		return fmt.Errorf("%w: %w", bus.ErrFull, err)
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
