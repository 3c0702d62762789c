package bus

import (
	"context"
	"errors"
	"sync"
)

// Both returns a participant of two systems at once: near, whose other
// participants share this process, and far, all the others. What it publishes
// goes to both, its handlers serve both, one message at a time. Logs and objects are far's.
func Both(near Sharing, far System) Sharing { return &both{near, far} }

type both struct {
	near Sharing
	far  System
}

// Publish sends data to the subscribers of both.
func (b *both) Publish(subject string, data []byte) error {
	return errors.Join(b.near.Publish(subject, data), b.far.Publish(subject, data))
}

// Hand gives values to the near, and leaves the far to rest.
func (b *both) Hand(subject string, value func() any) (rest Bus) {
	if more := b.near.Hand(subject, value); more != nil {
		return &nearAndFar{b.far, more}
	}
	return b.far
}

// nearAndFar is far, and publishes to others as well.
type nearAndFar struct {
	Bus
	near Bus
}

func (b *nearAndFar) Publish(subject string, data []byte) error {
	return errors.Join(b.near.Publish(subject, data), b.Bus.Publish(subject, data))
}

// Subscribe calls h for each message of either until the subscription is closed.
func (b *both) Subscribe(subject string, h Handler) (Subscription, error) {
	var mu sync.Mutex
	one := func(m *Message) {
		mu.Lock()
		defer mu.Unlock()
		h(m)
	}
	near, err := b.near.Subscribe(subject, one)
	if err != nil {
		return nil, err
	}
	far, err := b.far.Subscribe(subject, one)
	if err != nil {
		return nil, errors.Join(err, near.Close())
	}
	return bothSub{near, far}, nil
}

type bothSub struct{ near, far Subscription }

func (s bothSub) Close() error { return errors.Join(s.near.Close(), s.far.Close()) }
func (s bothSub) Drain() error { return errors.Join(s.near.Drain(), s.far.Drain()) }

// Request asks the near, and the far when none of them subscribes.
func (b *both) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	answer, err := b.near.Request(ctx, subject, data)
	if errors.Is(err, ErrNoResponders) {
		return b.far.Request(ctx, subject, data)
	}
	return answer, err
}

// Flush returns when what was published before has left this process.
func (b *both) Flush(ctx context.Context) error {
	return errors.Join(b.near.Flush(ctx), b.far.Flush(ctx))
}

// MaxPayload is what both can send.
func (b *both) MaxPayload() int { return min(b.near.MaxPayload(), b.far.MaxPayload()) }

// OpenLog opens a log of the far system.
func (b *both) OpenLog(ctx context.Context, o LogOptions) (Log, error) {
	return b.far.OpenLog(ctx, o)
}

// OpenObjects opens a store of the far system.
func (b *both) OpenObjects(ctx context.Context, o ObjectOptions) (Objects, error) {
	return b.far.OpenObjects(ctx, o)
}

// Close ends the participation in both.
func (b *both) Close() error { return errors.Join(b.near.Close(), b.far.Close()) }
