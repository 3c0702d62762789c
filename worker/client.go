package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// client is a worker's side of the conversation.
type client struct {
	cfg     Config
	bus     bus.Bus
	samples Samples
	of      proto.Head // names the start of the coordinator that welcomed it
	record  recorder
	nonce   proto.Nonce
	pulls   uint64 // ever increasing, also over a restart under the same name
}

func (c *client) head() proto.Head {
	return proto.Head{Run: c.cfg.Run, Term: c.of.Term, Start: c.of.Start}
}

var (
	// ErrRefused is returned when the coordinator does not admit the worker;
	// the error's text says why.
	ErrRefused = errors.New("refused by the coordinator")

	errRejoin     = errors.New("join again")
	errEnded      = errors.New("the run has ended")
	errOver       = errors.New("another start of the coordinator ended the run")
	errSuperseded = errors.New("the round is over")
)

// request asks once and decodes the answer into out.
func (c *client) request(ctx context.Context, subject string, m, out proto.Message) error {
	data, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Answer)
	defer cancel()
	answer, err := c.bus.Request(ctx, subject, data)
	if err != nil {
		return err
	}
	return proto.Decode(answer, out)
}

// pause waits before another try.
func (c *client) pause(ctx context.Context) error { return pause.For(ctx, c.cfg.Retry) }

// join says hello until it is answered. A refusal other than "not yet" is
// ErrRefused, one of the bus's server bus.ErrForbidden.
// With over the run has ended unless the first hello is answered.
func (c *client) join(ctx context.Context, over bool) (proto.Welcome, error) {
	hello := &proto.Hello{Head: proto.Head{Run: c.cfg.Run}, Worker: c.cfg.ID, Nonce: c.nonce,
		Host: c.cfg.Host, Threads: c.cfg.Threads, Shared: c.cfg.shared, Data: c.samples.Digest(), Fingerprint: nn.Fingerprint(),
		Program: c.cfg.Program, StandIn: c.cfg.StandIn > 0}
	told := false
	for {
		welcome, err := c.hello(ctx, hello)
		if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, bus.ErrForbidden) {
			return welcome, err
		}
		if over && ctx.Err() == nil {
			return proto.Welcome{}, errEnded
		}
		c.cfg.Alive(fmt.Sprintf("waiting for a coordinator of run %s", c.cfg.Run))
		if !told && ctx.Err() == nil {
			c.cfg.Log.Info("waiting for a coordinator", "run", c.cfg.Run, "reason", err)
			told = true
		}
		if err := c.pause(ctx); err != nil {
			return proto.Welcome{}, err
		}
	}
}

// joinUnlessEnded joins, or returns errEnded when it hears that the run ended.
func (c *client) joinUnlessEnded(ctx context.Context, over bool) (proto.Welcome, error) {
	joining, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	term := c.of.Term
	news, err := c.bus.Subscribe(c.cfg.Run.NewsSubject(), func(m *bus.Message) {
		var n proto.News
		if proto.Decode(m.Data, &n) == nil && n.Run == c.cfg.Run && n.Term >= term && n.Ended {
			stop(errEnded)
		}
	})
	if err != nil {
		return proto.Welcome{}, err
	}
	defer news.Close()
	w, err := c.join(joining, over)
	if err != nil && joining.Err() != nil {
		err = context.Cause(joining)
	}
	return w, err
}

func (c *client) hello(ctx context.Context, hello *proto.Hello) (proto.Welcome, error) {
	data, err := proto.Marshal(hello)
	if err != nil {
		return proto.Welcome{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Answer)
	defer cancel()
	answer, err := c.bus.Request(ctx, c.cfg.Run.JoinSubject(c.cfg.Key), data)
	if err != nil {
		return proto.Welcome{}, err
	}
	var welcome proto.Welcome
	if err = proto.Decode(answer, &welcome); err == nil && welcome.Run == c.cfg.Run {
		return welcome, nil
	}
	var refusal proto.Refusal
	switch other := proto.Decode(answer, &refusal); {
	case errors.Is(other, proto.ErrVersion):
		return proto.Welcome{}, fmt.Errorf("%w: %w", ErrRefused, other)
	case other != nil:
		return proto.Welcome{}, err
	case refusal.Why == proto.NotYet:
		return proto.Welcome{}, errors.New(refusal.Text)
	}
	return proto.Welcome{}, fmt.Errorf("%w: %s", ErrRefused, refusal.Text)
}

// say publishes a heartbeat for the start of the coordinator that welcomed the worker.
func (c *client) say(m proto.Heartbeat) { c.sayTo(c.head(), m) }

// sayTo publishes a heartbeat; one that is lost is followed by others.
func (c *client) sayTo(of proto.Head, m proto.Heartbeat) {
	m.Head, m.Worker, m.Nonce = of, c.cfg.ID, c.nonce
	if data, err := proto.Marshal(&m); err == nil {
		if err := c.bus.Publish(c.cfg.Run.BeatSubject(c.cfg.Key), data); err != nil {
			c.cfg.Log.Debug("heartbeat not sent", "error", err)
		}
	}
}
