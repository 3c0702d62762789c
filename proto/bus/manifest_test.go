package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// FuzzManifest reads an object whose manifest and chunks are whatever somebody
// put into the store: what comes out is what the digest vouches for.
func FuzzManifest(f *testing.F) {
	sum := sha256.New()
	sum.Write([]byte("some bytes"))
	manifest, err := json.Marshal(jetstream.ObjectInfo{ObjectMeta: jetstream.ObjectMeta{Name: "x"}, NUID: "n", Size: 10, Chunks: 2, Digest: jetstream.GetObjectDigestValue(sum)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(manifest, []byte("some "), []byte("bytes"), "1")
	f.Add(manifest, []byte{}, []byte("some bytes"), "18446744073709551615")
	f.Add([]byte(`{"size":18446744073709551615,"nuid":"n"}`), []byte("some"), []byte{}, "7")
	f.Fuzz(func(t *testing.T, manifest, one, two []byte, number string) {
		asked := 0
		get := func(map[string]any) (*nats.Msg, error) {
			switch asked++; asked {
			case 1:
				return &nats.Msg{Data: manifest}, nil
			case 2:
				return &nats.Msg{Header: nats.Header{"Nats-Sequence": {number}}, Data: one}, nil
			case 3:
				n, _ := strconv.ParseUint(number, 10, 64)
				return &nats.Msg{Header: nats.Header{"Nats-Sequence": {strconv.FormatUint(n+1, 10)}}, Data: two}, nil
			}
			return nil, ErrNoObject
		}
		r, size, err := openReader("store", "x", get)
		if err != nil {
			return
		}
		if size < 0 {
			t.Fatalf("%d bytes", size)
		}
		got, err := io.ReadAll(r)
		if err != nil {
			return
		}
		want, err := jetstream.DecodeObjectDigest(r.info.Digest)
		if sum := sha256.Sum256(got); err != nil || !bytes.Equal(sum[:], want) || int64(len(got)) != size {
			t.Fatalf("%d bytes of %d with another digest, %v", len(got), size, err)
		}
	})
}
