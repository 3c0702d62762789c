package bus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// natsReader reads an object chunk by chunk with direct gets. Unlike the
// consumers of the client library these need the right to one subject only,
// and a lost answer costs one chunk.
type natsReader struct {
	// get returns the stored message that a query describes.
	get    func(query map[string]any) (*nats.Msg, error)
	store  string
	info   jetstream.ObjectInfo
	next   uint64 // number in the stream from which the next chunk is looked for
	got    int64
	rest   []byte
	digest hash.Hash
}

// ReadObject reads an object of a bucket of JetStream's object store.
func (b *NATS) ReadObject(ctx context.Context, store, name string) (io.ReadCloser, int64, error) {
	r, size, err := openReader(store, name, func(query map[string]any) (*nats.Msg, error) { return b.stored(ctx, store, query) })
	if err != nil {
		return nil, 0, err
	}
	return r, size, nil
}

// openReader reads the manifest of an object.
func openReader(store, name string, get func(query map[string]any) (*nats.Msg, error)) (*natsReader, int64, error) {
	r := &natsReader{get: get, store: store, next: 1, digest: sha256.New()}
	m, err := r.get(map[string]any{"last_by_subj": "$O." + store + ".M." + base64.URLEncoding.EncodeToString([]byte(name))})
	if err == nil {
		err = json.Unmarshal(m.Data, &r.info)
	}
	switch {
	case errors.Is(err, ErrNoObject) || err == nil && r.info.Deleted:
		return nil, 0, fmt.Errorf("%w: %s", ErrNoObject, name)
	case err == nil && r.info.Size > math.MaxInt64:
		err = fmt.Errorf("its manifest tells of %d bytes", r.info.Size)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("object %s: %w", name, err)
	}
	return r, int64(r.info.Size), nil
}

// patience bounds the wait for one chunk before it is asked for again.
const patience = 10 * time.Second

// stored returns the stored message that query describes, asking until it is
// answered: the connection may be lost and come back.
func (b *NATS) stored(ctx context.Context, store string, query map[string]any) (*nats.Msg, error) {
	request, err := json.Marshal(query)
	if err != nil {
		return nil, err
	}
	for {
		asking, cancel := context.WithTimeout(ctx, patience)
		m, err := b.bulk.current().RequestWithContext(asking, "$JS.API.DIRECT.GET.OBJ_"+store, request)
		cancel()
		switch {
		case errors.Is(err, nats.ErrNoResponders):
			return nil, ErrNoObject
		case errors.Is(b.bulk.wrap(err), ErrClosed):
			return nil, ErrClosed
		case err == nil:
			return m, status(m)
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), b.bulk.wrap(err))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// status returns what the server objects to.
func status(m *nats.Msg) error {
	switch code := m.Header.Get("Status"); code {
	case "":
		return nil
	case "404":
		return ErrNoObject
	default:
		return fmt.Errorf("nats: %s %s", code, m.Header.Get("Description"))
	}
}

func (r *natsReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.got == int64(r.info.Size) {
			return 0, r.end()
		}
		m, err := r.get(map[string]any{"seq": r.next, "next_by_subj": "$O." + r.store + ".C." + r.info.NUID})
		if err != nil {
			return 0, fmt.Errorf("object %s at byte %d: %w", r.info.Name, r.got, err)
		}
		number, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
		if err != nil || number < r.next || len(m.Data) == 0 || int64(len(m.Data)) > int64(r.info.Size)-r.got {
			return 0, fmt.Errorf("object %s at byte %d: the server answers with what does not belong there", r.info.Name, r.got)
		}
		r.next, r.rest = number+1, m.Data
		r.got += int64(len(m.Data))
		r.digest.Write(m.Data)
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// end returns io.EOF when what was read is what was put.
func (r *natsReader) end() error {
	want, err := jetstream.DecodeObjectDigest(r.info.Digest)
	if err != nil || !bytes.Equal(want, r.digest.Sum(nil)) {
		return fmt.Errorf("object %s is damaged: %w", r.info.Name, jetstream.ErrDigestMismatch)
	}
	return io.EOF
}

func (r *natsReader) Close() error { return nil }
