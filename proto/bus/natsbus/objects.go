package natsbus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// store is a store as a bucket of JetStream's object store. It travels
// on the bulk connection, so that nothing waits behind it.
type store struct {
	link  *link
	name  string
	chunk uint32 // bytes of an object in a message

	mu     sync.Mutex
	js     jetstream.JetStream // bucket was opened with it
	bucket jetstream.ObjectStore
}

// OpenObjects returns the store that a bucket of that name holds.
func (b *Bus) OpenObjects(ctx context.Context, o bus.ObjectOptions) (bus.Objects, error) {
	s := &store{link: b.bulk, name: o.Name, chunk: uint32(min(chunk, max(b.MaxPayload()-overhead, overhead))), js: b.bulk.jetstream()}
	var err error
	s.bucket, err = s.js.CreateObjectStore(ctx,
		jetstream.ObjectStoreConfig{Bucket: o.Name, Storage: jetstream.FileStorage, Replicas: max(o.Replicas, 1)})
	if errors.Is(err, jetstream.ErrBucketExists) { // made with other options, which count
		s.bucket, err = s.js.ObjectStore(ctx, o.Name)
	}
	switch {
	case noJetStream(err):
		return nil, fmt.Errorf("%w: %w", bus.ErrNoLogs, err)
	case err != nil:
		return nil, fmt.Errorf("objects %s: %w", o.Name, b.bulk.wrap(err))
	}
	return s, nil
}

// open returns the bucket over the connection at hand.
func (s *store) open(ctx context.Context) (jetstream.ObjectStore, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	js := s.link.jetstream()
	if s.js == js {
		return s.bucket, nil
	}
	bucket, err := js.ObjectStore(ctx, s.name)
	if err != nil {
		return nil, s.link.wrap(err)
	}
	s.js, s.bucket = js, bucket
	return bucket, nil
}

// chunk is how much of an object a message carries where the server takes so
// much, overhead what comes on top of it.
const (
	chunk    = 128 << 10
	overhead = 4 << 10
)

func (s *store) Put(ctx context.Context, name string, r io.Reader) error {
	bucket, err := s.open(ctx)
	if err != nil {
		return err
	}
	_, err = bucket.Put(ctx, jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: s.chunk}}, r)
	return s.link.wrap(err)
}

func (s *store) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	bucket, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := bucket.Get(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, fmt.Errorf("%w: %s", bus.ErrNoObject, name)
	}
	return r, s.link.wrap(err)
}

func (s *store) Delete(ctx context.Context, name string) error {
	bucket, err := s.open(ctx)
	if err != nil {
		return err
	}
	err = s.link.wrap(bucket.Delete(ctx, name))
	if errors.Is(err, bus.ErrFull) { // the note that an object is gone takes room too
		info, e := bucket.GetInfo(ctx, name)
		if err = s.link.wrap(e); err == nil {
			err = s.purge(ctx, "C."+info.NUID)
		}
		if err == nil {
			err = s.link.wrap(bucket.Delete(ctx, name))
		}
	}
	switch {
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return nil
	case err != nil:
		return err
	}
	// The client library would keep that note for ever, one for each name.
	return s.purge(ctx, "M."+base64.URLEncoding.EncodeToString([]byte(name)))
}

// purge removes what the stream behind the bucket has on a subject, which takes no room.
func (s *store) purge(ctx context.Context, subject string) error {
	stream, err := s.link.jetstream().Stream(ctx, "OBJ_"+s.name)
	if err != nil {
		return s.link.wrap(err)
	}
	return s.link.wrap(stream.Purge(ctx, jetstream.WithPurgeSubject("$O."+s.name+"."+subject)))
}

func (s *store) Names(ctx context.Context) ([]string, error) {
	bucket, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := bucket.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.link.wrap(err)
	}
	names := make([]string, len(infos))
	for i, o := range infos {
		names[i] = o.Name
	}
	slices.Sort(names)
	return names, nil
}
