package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// natsObjects is a store as a bucket of JetStream's object store. It travels
// on the bulk connection, so that nothing waits behind it.
type natsObjects struct{ bucket jetstream.ObjectStore }

// OpenObjects returns the store that a bucket of that name holds.
func (b *NATS) OpenObjects(ctx context.Context, o ObjectOptions) (Objects, error) {
	js, err := jetstream.New(b.bulk)
	if err != nil {
		return nil, wrap(err)
	}
	bucket, err := js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: o.Name, Storage: jetstream.FileStorage, Replicas: max(o.Replicas, 1)})
	if errors.Is(err, jetstream.ErrBucketExists) { // made with other options, which count
		bucket, err = js.ObjectStore(ctx, o.Name)
	}
	switch {
	case noJetStream(err):
		return nil, fmt.Errorf("%w: %w", ErrNoLogs, err)
	case err != nil:
		return nil, fmt.Errorf("objects %s: %w", o.Name, wrap(err))
	}
	return natsObjects{bucket}, nil
}

func (s natsObjects) Put(ctx context.Context, name string, r io.Reader) error {
	_, err := s.bucket.Put(ctx, jetstream.ObjectMeta{Name: name}, r)
	return wrap(err)
}

func (s natsObjects) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := s.bucket.Get(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, fmt.Errorf("%w: %s", ErrNoObject, name)
	}
	return r, wrap(err)
}

func (s natsObjects) Delete(ctx context.Context, name string) error {
	err := s.bucket.Delete(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil
	}
	return wrap(err)
}

func (s natsObjects) Names(ctx context.Context) ([]string, error) {
	infos, err := s.bucket.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, wrap(err)
	}
	names := make([]string, len(infos))
	for i, o := range infos {
		names[i] = o.Name
	}
	slices.Sort(names)
	return names, nil
}
