package natsbus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// stream is a log as a JetStream stream with one subject.
type stream struct {
	link   *link
	config jetstream.StreamConfig
}

// OpenLog returns the log that a stream of that name holds.
func (b *Bus) OpenLog(ctx context.Context, o bus.LogOptions) (bus.Log, error) {
	o = o.WithDefaults()
	l := &stream{b.control, jetstream.StreamConfig{
		Name: o.Name, Subjects: []string{o.Subject}, Storage: jetstream.FileStorage, MaxMsgs: int64(o.Keep), MaxMsgSize: 1 << 16,
		Discard: jetstream.DiscardOld, Replicas: o.Replicas, AllowDirect: false, DenyDelete: true,
	}}
	if o.Volatile {
		l.config.Storage = jetstream.MemoryStorage
	}
	if err := l.create(ctx); err != nil {
		return nil, fmt.Errorf("log %s: %w", o.Name, err)
	}
	return l, nil
}

func (l *stream) create(ctx context.Context) error {
	_, err := l.link.jetstream().CreateStream(ctx, l.config)
	switch {
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse): // made with other options, which count
		return nil
	case noJetStream(err):
		return fmt.Errorf("%w: %w", bus.ErrNoLogs, err)
	}
	return l.link.wrap(err)
}

// noJetStream reports whether err says that the server has no JetStream.
func noJetStream(err error) bool {
	return isAny(err, jetstream.ErrJetStreamNotEnabled, jetstream.ErrJetStreamNotEnabledForAccount, nats.ErrNoResponders)
}

func (l *stream) Append(ctx context.Context, after uint64, data []byte) (uint64, error) {
	number, err := l.publish(ctx, after, data)
	if l.lost(err) {
		if err = l.create(ctx); err == nil {
			number, err = l.publish(ctx, after, data)
		}
	}
	return number, err
}

func (l *stream) publish(ctx context.Context, after uint64, data []byte) (uint64, error) {
	ack, err := l.link.jetstream().Publish(ctx, l.config.Subjects[0], data,
		jetstream.WithExpectLastSequence(after), jetstream.WithExpectStream(l.config.Name))
	switch {
	case isCode(err, jetstream.JSErrCodeStreamWrongLastSequence):
		return 0, bus.ErrConflict
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return 0, fmt.Errorf("%w: %w", bus.ErrNoStream, err)
	case err != nil:
		return 0, l.link.wrap(err)
	}
	return ack.Sequence, nil
}

// lost reports whether a volatile log went with its server.
func (l *stream) lost(err error) bool {
	return l.config.Storage == jetstream.MemoryStorage &&
		isAny(err, jetstream.ErrNoStreamResponse, jetstream.ErrStreamNotFound, bus.ErrNoResponders)
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// parallel bounds the requests of one Read on their way.
const parallel = 32

func (l *stream) Read(ctx context.Context, from uint64, n int) ([]bus.Record, error) {
	s, err := l.link.jetstream().Stream(ctx, l.config.Name)
	if l.lost(err) {
		return nil, nil
	}
	if err != nil {
		return nil, l.link.wrap(err)
	}
	state := s.CachedInfo().State
	from = max(from, state.FirstSeq, 1)
	if state.Msgs == 0 || from > state.LastSeq {
		return nil, nil
	}
	got := make([]bus.Record, min(uint64(n), state.LastSeq-from+1))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range got {
		group.Go(func() error {
			m, err := s.GetMsg(ctx, from+uint64(i))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return nil
			}
			if err == nil {
				got[i] = bus.Record{Number: m.Sequence, Data: m.Data}
			}
			return l.link.wrap(err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	out := got[:0]
	for _, r := range got {
		if r.Number != 0 {
			out = append(out, r)
		}
	}
	return out, nil
}

func (l *stream) Last(ctx context.Context) (bus.Record, error) {
	s, err := l.link.jetstream().Stream(ctx, l.config.Name)
	if l.lost(err) {
		return bus.Record{}, nil
	}
	if err != nil {
		return bus.Record{}, l.link.wrap(err)
	}
	m, err := s.GetLastMsgForSubject(ctx, l.config.Subjects[0])
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return bus.Record{}, nil
	}
	if err != nil {
		return bus.Record{}, l.link.wrap(err)
	}
	return bus.Record{Number: m.Sequence, Data: m.Data}, nil
}
