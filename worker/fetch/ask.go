package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
)

// Client asks for the data set of one run. Config and Run must be set.
type Client struct {
	Config
	Run proto.RunID
	// Key is what the server calls the worker's key. Empty: proto.Anybody.
	Key proto.Key
	// Name is the set that the worker was told to use; empty: whatever the run's is.
	Name string
	// Answer bounds the wait for an answer, Retry is the pause before another try. 0: 10 s and 200 ms.
	Answer, Retry time.Duration
	// Alive is told every few seconds what is being done; nil: nobody is.
	Alive func(state string)
	// Log gets what happens, sparsely; nil: nothing.
	Log *slog.Logger
}

var (
	// ErrRefused is returned when the run's data set cannot be had; the text says why.
	ErrRefused = errors.New("no data set from the coordinator")
	// ErrEnded is returned when the run ends before its data set has come.
	ErrEnded = errors.New("the run has ended")
)

func (c Client) withDefaults() Client {
	if c.Key == "" {
		c.Key = proto.Anybody
	}
	if c.Answer == 0 {
		c.Answer = 10 * time.Second
	}
	if c.Retry == 0 {
		c.Retry = 200 * time.Millisecond
	}
	if c.Alive == nil {
		c.Alive = func(string) {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// ask returns the coordinator's offer, for which it waits as long as it takes.
func (c *Client) ask(ctx context.Context, b bus.Bus, want proto.DataRequest) (*proto.DataOffer, error) {
	want.Head = proto.Head{Run: c.Run}
	told := ""
	for {
		offer, err := c.once(ctx, b, &want)
		if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, bus.ErrForbidden) {
			return offer, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		state := fmt.Sprintf("waiting for the data set of run %s", c.Run)
		c.Alive(state)
		if err.Error() != told {
			c.Log.Info(state, "reason", err)
			told = err.Error()
		}
		if err := c.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// once asks once. ErrRefused is an answer that will not change.
func (c *Client) once(ctx context.Context, b bus.Bus, want *proto.DataRequest) (*proto.DataOffer, error) {
	data, err := proto.Marshal(want)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Answer)
	defer cancel()
	answer, err := b.Request(ctx, c.Run.DataSubject(c.Key), data)
	if err != nil {
		return nil, err
	}
	refusal := new(proto.Refusal)
	if err := proto.Decode(answer, refusal); err == nil && refusal.Why == proto.NotYet {
		return nil, errors.New(refusal.Text)
	} else if err == nil && refusal.Why != "" {
		return nil, fmt.Errorf("%w: %s", ErrRefused, refusal.Text)
	} else if errors.Is(err, proto.ErrVersion) {
		return nil, fmt.Errorf("%w: %w: use the same build on both sides", ErrRefused, err)
	}
	offer := new(proto.DataOffer)
	return offer, proto.Decode(answer, offer)
}

func (c *Client) pause(ctx context.Context) error { return pause.For(ctx, c.Retry) }

// untilEnded returns a context that ends with ErrEnded when the run does.
func (c *Client) untilEnded(ctx context.Context, b bus.Bus) (context.Context, func(), error) {
	ctx, stop := context.WithCancelCause(ctx)
	news, err := b.Subscribe(c.Run.NewsSubject(), func(m *bus.Message) {
		var n proto.News
		if proto.Decode(m.Data, &n) == nil && n.Run == c.Run && n.Ended {
			stop(ErrEnded)
		}
	})
	if err != nil {
		stop(nil)
		return nil, nil, err
	}
	return ctx, func() { news.Close(); stop(nil) }, nil
}
