package bus

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Options say how to take part in a system.
type Options struct {
	// URL is where the system is: one address or more of one transport,
	// comma-separated; empty: where a NATS server on this machine listens.
	URL  string
	Name string // how the server's logs call this client

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

// System is a participant in all that a transport carries and keeps.
type System interface {
	Bus
	Logs
	ObjectStores
}

// Transport is a way to reach systems.
type Transport struct {
	// Open takes part in the system at an address, or says why it cannot.
	Open func(Options) (System, error)
	// Key returns what a system calls the holder of these options.
	Key func(Options) (proto.Key, error)
}

// transports are those of the table, by the schemes of their addresses.
var transports = map[string]Transport{"mem": {Open: openHub, Key: anybody}}

// usual is the scheme of addresses that name none.
const usual = "nats"

// Register adds a transport to the table. A package of an adapter does so as it
// is initialized, so that importing it is all that a program has to do.
func Register(t Transport, schemes ...string) {
	for _, s := range schemes {
		if _, twice := transports[s]; twice {
			panic("bus: two transports of one scheme")
		}
		transports[s] = t
	}
}

// Open takes part in a system by the transport that the scheme of its address
// names, or says why it cannot.
func Open(o Options) (System, error) {
	t, err := o.transport()
	if err != nil {
		return nil, err
	}
	s, err := t.Open(o)
	if err != nil {
		return nil, err
	}
	if limit := s.MaxPayload(); limit < o.MinPayload {
		s.Close()
		return nil, fmt.Errorf("%w: %s takes %d bytes, at least %d are needed: set max_payload: 1MB in its configuration",
			ErrPayload, Redact(o.URL), limit, o.MinPayload)
	}
	return s, nil
}

// Key returns what the system at the address calls the holder of these options.
func (o Options) Key() (proto.Key, error) {
	t, err := o.transport()
	if err != nil {
		return "", err
	}
	return t.Key(o)
}

// transport looks the scheme of the first address up. An address of no known
// scheme is left to the usual transport, which says what addresses are like.
func (o Options) transport() (Transport, error) {
	scheme, _, found := strings.Cut(o.URL, "://")
	t, known := transports[scheme]
	if !found || !known {
		t, known = transports[usual]
	}
	if !known {
		return Transport{}, fmt.Errorf("%w: this program has no transport for %s, but for %s",
			ErrSettings, Redact(o.URL), strings.Join(slices.Sorted(maps.Keys(transports)), ", "))
	}
	return t, nil
}

func anybody(Options) (proto.Key, error) { return proto.Anybody, nil }

// CheckPayload refuses data that a server does not take in one message.
func CheckPayload(subject string, data []byte, limit int) error {
	if len(data) > limit {
		return fmt.Errorf("message of %d bytes on %s: the server takes at most %d (max_payload)", len(data), subject, limit)
	}
	return nil
}
