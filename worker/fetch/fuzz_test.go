package fetch

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/forge"
)

// oracle answers every request the same.
type oracle struct {
	bus.Bus
	answer []byte
}

func (o *oracle) Request(context.Context, string, []byte) ([]byte, error) { return o.answer, nil }

// FuzzAnswer takes what may come instead of an offer of a data set, and of a
// piece of its file.
func FuzzAnswer(f *testing.F) {
	head, digest := proto.Head{Run: "r", Term: 1}, strings.Repeat("ab", 32)
	for _, m := range []proto.Message{
		&proto.DataOffer{Head: head, Set: proto.DataSet{Name: "cifar10", Digest: digest, Bytes: 9}, File: proto.FileRef{Key: "k", Size: 4}},
		&proto.DataOffer{Head: head, Set: proto.DataSet{Name: "../x", Digest: "../y", Bytes: 1 << 40}},
		&proto.Refusal{Head: head, Why: proto.NoData, Text: "none\x1b[2J\n"},
		&proto.Refusal{Head: head, Why: proto.NotYet},
		&proto.FileChunk{Head: head, Key: "k", Chunk: proto.Chunk{Size: 4, Data: []byte{1, 2}}},
		&proto.FileChunk{Head: head, Key: "k", Gone: true},
	} {
		body, err := forge.Body(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Client{Config: Default(), Run: "r", Key: "k"}.withDefaults()
		b := &oracle{answer: forge.Seal(data)}
		offer, err := c.once(context.Background(), b, &proto.DataRequest{Head: proto.Head{Run: "r"}})
		if err == nil {
			err = c.accept(offer.Set)
			if d := offer.Set; err == nil && (strings.ContainsAny(d.Name+d.Digest, "/.\x00") || d.Bytes > c.limit()) {
				t.Errorf("took %+v", d)
			}
		}
		if text := shown(err); proto.Printable(text) != text {
			t.Errorf("%q cannot be shown", err)
		}
		if m, err := c.pieceOnce(context.Background(), b, nil); err == nil && int64(len(m.Data)) > m.Size {
			t.Errorf("a piece of %d bytes of %d", len(m.Data), m.Size)
		}
	})
}

// shown is an error as one line.
func shown(err error) string { return strings.ReplaceAll(fmt.Sprint(err), "\n", "; ") }
