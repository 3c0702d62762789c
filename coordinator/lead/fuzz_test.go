package lead_test

import (
	"context"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// FuzzRead reads a commit log of two records, of which the second is whatever
// the fields and the bytes make of it, and takes the run up from there.
func FuzzRead(f *testing.F) {
	f.Add("step", uint64(1), uint64(7), uint64(1), uint64(0), "d", "", []byte(nil))
	f.Add("checkpoint", uint64(3), uint64(7), uint64(2), uint64(1), "d", "o", []byte(nil))
	f.Add("growth", uint64(2), uint64(0), uint64(9), uint64(99), "", "", []byte{1})
	f.Add("end", uint64(18446744073709551615), uint64(18446744073709551615), uint64(1), uint64(18446744073709551615), "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, kind string, term, step, origin, from uint64, digest, object string, raw []byte) {
		h := bus.NewHub(0)
		b := h.Connect()
		defer b.Close()
		ctx := context.Background()
		log, err := b.OpenLog(ctx, bus.LogOptions{Name: "tg-log-r", Subject: proto.RunID("r").LogSubject()})
		if err != nil {
			t.Fatal(err)
		}
		first, err := proto.Marshal(&proto.Commit{Head: proto.Head{Run: "r", Term: 1}, Kind: proto.TermCommit, Origin: 1})
		if err != nil {
			t.Fatal(err)
		}
		if raw == nil {
			if raw, err = proto.Marshal(&proto.Commit{Head: proto.Head{Run: "r", Term: proto.Term(term)}, Kind: proto.CommitKind(kind),
				Step:   proto.Step(step),
				Origin: proto.Term(origin), From: from, Digest: digest, Object: object}); err != nil {
				return
			}
		}
		for i, data := range [][]byte{first, raw} {
			if _, err := log.Append(ctx, uint64(i), data); err != nil {
				t.Fatal(err)
			}
		}
		past, err := lead.Read(ctx, log, "r")
		if err != nil {
			return
		}
		if past.Last != 2 || past.Origin > past.Term {
			t.Fatalf("%+v", past)
		}
		ledger := lead.NewLedger(past, lead.Self{Head: proto.Head{Run: "r", Term: past.Term + 1}, Holder: "me"}, false)
		_ = ledger.Commit(proto.StepCommit, lead.State{Step: proto.Step(step), Digest: "other"})
		for {
			after, c, ok := ledger.Next()
			if !ok {
				break
			}
			if after < 2 || c.Term != past.Term+1 {
				t.Fatalf("%+v is to go behind record %d", c, after)
			}
			ledger.Acked()
		}
	})
}
