package natsbus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// link is one connection to a NATS server that ends only when it is closed.
// The client library takes up lost connections by itself, but gives up for good
// after two authorization errors in a row and after errors of the protocol. The
// link then opens a new connection, with the key file as it is by then, and
// subscribes anew; it does so as well for subscriptions that the server refused.
// One goroutine does it, which close joins.
type link struct {
	o       bus.Options
	kind    string
	log     *slog.Logger
	pending int
	slow    func() // called when a handler fell behind
	public  string // half of the key that subjects of this process carry; empty: none

	mu     sync.Mutex
	conn   *nats.Conn
	js     jetstream.JetStream // over conn
	subs   map[*subscription]bool
	asked  map[*question]bool
	closed bool

	ended   chan struct{} // conn may have ended
	refused chan string   // subjects of subscriptions, or "" for any
	stop    context.CancelFunc
	group   sync.WaitGroup
}

// Pauses between attempts to open a connection, and before a refused
// subscription is made again.
const (
	firstPause   = 200 * time.Millisecond
	longestPause = 5 * time.Second
	refusedPause = 5 * time.Second
)

func newLink(o bus.Options, kind string, slow func()) (*link, error) {
	l := &link{o: o, kind: kind, log: fewOf(o.Log).With("connection", kind), pending: o.Pending, slow: slow,
		subs: map[*subscription]bool{}, asked: map[*question]bool{}, ended: make(chan struct{}, 1), refused: make(chan string, 64)}
	if err := l.open(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.group.Go(func() { l.keep(ctx) })
	return l, nil
}

// open connects and makes every subscription on the new connection.
func (l *link) open() error {
	if err := l.sameKey(); err != nil {
		return err
	}
	c, err := connect(l.o, l.kind, l)
	if err != nil {
		return err
	}
	js, err := jetstream.New(c)
	if err != nil {
		c.Close()
		return wrap(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		c.Close()
		return bus.ErrClosed
	}
	l.conn, l.js = c, js
	for s := range l.subs {
		if err := s.make(); err != nil {
			return err
		}
	}
	return nil
}

// sameKey refuses a key file that holds another key than at first where the
// subjects of the process carry its key: no server would let it use them.
func (l *link) sameKey() error {
	if l.o.SeedFile == "" || l.o.InboxPrefix == "" {
		return nil
	}
	public, err := publicKey(l.o.SeedFile)
	if err != nil {
		return fmt.Errorf("read the key %s: %w", l.o.SeedFile, err)
	}
	if l.public == "" {
		l.public = public
	}
	if public != l.public {
		return fmt.Errorf("%s holds another key than when this process began: start it again", l.o.SeedFile)
	}
	return nil
}

// keep opens the connection anew whenever it ended, until ctx does.
func (l *link) keep(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.ended:
			l.reopen(ctx)
		case subject := <-l.refused:
			if pause.For(ctx, refusedPause) != nil {
				return
			}
			l.subscribeAgain(subject)
		}
	}
}

// reopen tries until there is a connection. It tells of the first failure and
// of others that are different.
func (l *link) reopen(ctx context.Context) {
	told := ""
	for wait := firstPause; l.current().IsClosed() && ctx.Err() == nil; wait = min(2*wait, longestPause) {
		err := l.open()
		if err == nil {
			l.log.Info("opened a new connection to the NATS server", "server", bus.Redact(l.current().ConnectedUrl()))
			return
		}
		if text := err.Error(); text != told {
			l.log.Warn("the connection to the NATS server ended, opening a new one until that succeeds", "error", err)
			told = text
		}
		_ = pause.For(ctx, wait+rand.N(wait/2)) // the loop sees that ctx ended
	}
}

// subscribeAgain makes subscriptions anew that the server had refused: the
// rights of this key may have come back. The client library's own one, for
// answers to requests, needs a new connection.
func (l *link) subscribeAgain(subject string) {
	l.mu.Lock()
	known, c := false, l.conn
	for s := range l.subs {
		if s.subject == subject {
			known = true
			_ = s.sub.Unsubscribe() // the server has refused it
			_ = s.make()            // it fails when the connection ended; then a new one comes
		}
	}
	l.mu.Unlock()
	if !known && (subject == "" || strings.HasPrefix(subject, l.inbox())) {
		c.Close()
	}
}

func (l *link) inbox() string {
	if l.o.InboxPrefix != "" {
		return l.o.InboxPrefix
	}
	return strings.TrimSuffix(nats.InboxPrefix, ".")
}

// hasEnded is the library's handler for connections that it closed.
func (l *link) hasEnded(*nats.Conn) {
	select {
	case l.ended <- struct{}{}:
	default:
	}
}

// subscriptionIn and publishingIn find the subject in what the server refuses.
var (
	subscriptionIn = regexp.MustCompile(`Subscription to "(\S+)"`)
	publishingIn   = regexp.MustCompile(`Publish to "(\S+)"`)
)

// failed is the library's handler for errors that do not end the connection.
func (l *link) failed(_ *nats.Conn, s *nats.Subscription, err error) {
	subject := ""
	if s != nil {
		subject = s.Subject
	}
	switch {
	case errors.Is(err, nats.ErrSlowConsumer):
		l.slow()
	case errors.Is(err, nats.ErrPermissionViolation):
		err = fmt.Errorf("%w: %w", bus.ErrForbidden, err)
		if found := subscriptionIn.FindStringSubmatch(err.Error()); found != nil {
			l.refuse(found[1])
		} else if found := publishingIn.FindStringSubmatch(err.Error()); found != nil {
			l.forbid(found[1], err)
		}
	case errors.Is(err, nats.ErrMaxSubscriptionsExceeded):
		l.refuse("")
	}
	l.log.Warn("NATS", "error", err, "subject", subject)
}

// question is a request that waits for its answer.
type question struct {
	subject string
	end     context.CancelCauseFunc
}

// request asks, and returns bus.ErrForbidden as soon as the server refuses the question.
func (l *link) request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	q := &question{subject, end}
	l.mu.Lock()
	l.asked[q] = true
	l.mu.Unlock()
	m, err := l.current().RequestWithContext(ctx, subject, data)
	l.mu.Lock()
	delete(l.asked, q)
	l.mu.Unlock()
	switch {
	case err == nil:
		return m.Data, nil
	case errors.Is(context.Cause(ctx), bus.ErrForbidden):
		return nil, context.Cause(ctx)
	}
	return nil, l.wrap(err)
}

// forbid ends the requests on a subject.
func (l *link) forbid(subject string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for q := range l.asked {
		if q.subject == subject {
			q.end(err)
		}
	}
}

func (l *link) refuse(subject string) {
	select {
	case l.refused <- subject:
	default: // many others wait, and do as well
	}
}

func (l *link) current() *nats.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

func (l *link) jetstream() jetstream.JetStream {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.js
}

// publish sends data, or fails while there is no connection.
func (l *link) publish(subject string, data []byte) error {
	return l.wrap(l.current().Publish(subject, data))
}

// subscribe calls h for each message, also over later connections.
func (l *link) subscribe(subject string, h nats.MsgHandler) (*subscription, error) {
	s := &subscription{link: l, subject: subject, handle: h}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, bus.ErrClosed
	}
	err := s.make()
	c := l.conn
	if err == nil || c.IsClosed() {
		l.subs[s] = true
		err = nil
	}
	l.mu.Unlock()
	if err != nil {
		return nil, wrap(err)
	}
	_ = c.Flush() // without a connection now it is made with the next one
	return s, nil
}

// wrap tells a connection that is opened again from one that was closed.
func (l *link) wrap(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if !l.closed {
			return bus.ErrLost
		}
	}
	return wrap(err)
}

func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	c := l.conn
	l.mu.Unlock()
	l.stop()
	c.Close()
	l.group.Wait()
}

// subscription is a subscription that outlasts connections.
type subscription struct {
	link    *link
	subject string
	handle  nats.MsgHandler
	sub     *nats.Subscription // over the link's connection; the link's lock guards it
	one     sync.Mutex         // messages of an old connection may still be on their way to handle
}

// make subscribes over the link's connection. The link's lock is held.
func (s *subscription) make() error {
	sub, err := s.link.conn.Subscribe(s.subject, func(m *nats.Msg) {
		s.one.Lock()
		defer s.one.Unlock()
		s.handle(m)
	})
	if err != nil {
		return err
	}
	s.sub = sub
	return sub.SetPendingLimits(1<<20, s.link.pending)
}

// Close ends the subscription.
func (s *subscription) Close() error { return s.end((*nats.Subscription).Unsubscribe) }

// Drain ends it too, but hands over what has come already.
func (s *subscription) Drain() error { return s.end((*nats.Subscription).Drain) }

func (s *subscription) end(how func(*nats.Subscription) error) error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	delete(s.link.subs, s)
	if s.sub == nil {
		return nil
	}
	err := how(s.sub)
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
		return nil
	}
	return wrap(err)
}
