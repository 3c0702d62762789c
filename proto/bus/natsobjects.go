package bus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// natsObjects is a store as a bucket of JetStream's object store. It travels
// on the bulk connection, so that nothing waits behind it.
type natsObjects struct {
	js     jetstream.JetStream
	bucket jetstream.ObjectStore
	name   string
	chunk  uint32 // bytes of an object in a message
}

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
	return natsObjects{js, bucket, o.Name, uint32(min(chunk, max(b.MaxPayload()-overhead, overhead)))}, nil
}

// chunk is how much of an object a message carries where the server takes so
// much, overhead what comes on top of it.
const (
	chunk    = 128 << 10
	overhead = 4 << 10
)

func (s natsObjects) Put(ctx context.Context, name string, r io.Reader) error {
	_, err := s.bucket.Put(ctx, jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: s.chunk}}, r)
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
	err := wrap(s.bucket.Delete(ctx, name))
	if errors.Is(err, ErrFull) { // the note that an object is gone takes room too
		info, e := s.bucket.GetInfo(ctx, name)
		if err = wrap(e); err == nil {
			err = s.purge(ctx, "C."+info.NUID)
		}
		if err == nil {
			err = wrap(s.bucket.Delete(ctx, name))
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
func (s natsObjects) purge(ctx context.Context, subject string) error {
	stream, err := s.js.Stream(ctx, "OBJ_"+s.name)
	if err != nil {
		return wrap(err)
	}
	return wrap(stream.Purge(ctx, jetstream.WithPurgeSubject("$O."+s.name+"."+subject)))
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
