package lead

import (
	"context"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/forge"
)

// FuzzLook looks at what may stand in the place of a lease.
func FuzzLook(f *testing.F) {
	for _, m := range []*proto.Lease{
		{Head: proto.Head{Run: "r", Start: "s"}, Holder: "h"},
		{Head: proto.Head{Run: "other", Term: 9}, Holder: "h\x1b[2J\n", Released: true},
	} {
		body, err := forge.Body(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := bus.NewHub(0).Connect()
		defer b.Close()
		ctx := context.Background()
		l, err := Open(ctx, b.(System), Options{Run: "r", Silence: 1e9})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.lease.Append(ctx, 0, forge.Seal(data)); err != nil {
			return
		}
		var w watch
		for range 2 {
			if err := l.look(ctx, &w); err == nil && (!w.looked || w.number != 1 || proto.Printable(w.holder) != w.holder) {
				t.Errorf("%+v", w)
			}
		}
	})
}
