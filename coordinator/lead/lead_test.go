package lead_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const silence = 3 * time.Second

func open(t *testing.T, b bus.Bus) *lead.Lead {
	t.Helper()
	l, err := lead.Open(t.Context(), b.(lead.System), lead.Options{Run: "r", Silence: silence})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// begin is what a coordinator does when it takes the run up.
func begin(t *testing.T, l *lead.Lead) *lead.Ledger {
	t.Helper()
	past, err := l.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ledger := lead.NewLedger(past, lead.Self{Head: proto.Head{Run: "r", Term: past.Term + 1}, Holder: l.Holder()}, past.Term == 0)
	commit(t, l, ledger, proto.TermCommit, lead.State{})
	return ledger
}

func commit(t *testing.T, l *lead.Lead, ledger *lead.Ledger, kind proto.CommitKind, s lead.State) {
	t.Helper()
	if err := ledger.Commit(kind, s); err != nil {
		t.Fatal(err)
	}
	if err := flush(t, l, ledger); err != nil {
		t.Fatal(err)
	}
}

func flush(t *testing.T, l *lead.Lead, ledger *lead.Ledger) error {
	for {
		after, c, ok := ledger.Next()
		if !ok {
			return nil
		}
		if err := l.Append(t.Context(), after, c, func(error) {}); err != nil {
			return err
		}
		ledger.Acked()
	}
}

func TestTheFirstLeadsAtOnceAndTheSecondIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		a, b := open(t, h.Connect()), open(t, h.Connect())
		start := time.Now()
		if err := a.Acquire(t.Context(), nil); err != nil || time.Since(start) > 0 {
			t.Fatalf("%v after %s", err, time.Since(start))
		}
		begin(t, a)
		if err := b.Acquire(t.Context(), nil); !errors.Is(err, lead.ErrHeld) || !strings.Contains(err.Error(), a.Holder()) {
			t.Errorf("got %v", err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if err := b.Acquire(t.Context(), nil); err != nil || time.Since(start) > 0 {
			t.Errorf("behind a goodbye: %v after %s", err, time.Since(start))
		}
		b.Close()
	})
}

// A standby takes over when the holder is silent for as long as agreed, not before.
func TestAStandbyTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		cut := h.Connect()
		a, b := open(t, cut), open(t, h.Connect())
		if err := a.Acquire(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		begin(t, a)
		var died time.Time
		told := 0
		go func() {
			time.Sleep(time.Minute)
			died = time.Now()
			cut.Close()
		}()
		if err := b.Acquire(t.Context(), func(who string) {
			if told++; who != a.Holder() && who != "" {
				t.Errorf("told of %q", who)
			}
		}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(died); died.IsZero() || took < silence*4/5 || took > silence*6/5 {
			t.Errorf("took over after %s", took)
		}
		if told < 10 {
			t.Errorf("told %d times", told)
		}
		a.Close()
		b.Close()
	})
}

// A holder that comes back learns from the lease that it is not one any more,
// and its goodbye does not free the other's lease.
func TestALostLeaseIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		flaky := &switched{System: h.Connect()}
		a, err := lead.Open(t.Context(), flaky, lead.Options{Run: "r", Silence: silence})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Acquire(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		begin(t, a)
		flaky.off.Store(true)
		b := open(t, h.Connect())
		if err := b.Acquire(t.Context(), func(string) {}); err != nil {
			t.Fatal(err)
		}
		begin(t, b)
		flaky.off.Store(false)
		if err := <-a.Lost(); !errors.Is(err, lead.ErrFenced) || !strings.Contains(err.Error(), b.Holder()) {
			t.Errorf("got %v", err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if err := open(t, h.Connect()).Acquire(t.Context(), nil); !errors.Is(err, lead.ErrHeld) {
			t.Errorf("a third one: %v", err)
		}
		b.Close()
	})
}

// faulty are logs that fail, beside objects that do not.
type faulty struct {
	bus.Logs
	bus.ObjectStores
}

// switched are logs that can be out of reach.
type switched struct {
	lead.System
	off atomic.Bool
}

type switchedLog struct {
	bus.Log
	s *switched
}

func (s *switched) OpenLog(ctx context.Context, o bus.LogOptions) (bus.Log, error) {
	l, err := s.System.OpenLog(ctx, o)
	return switchedLog{l, s}, err
}

var errOff = errors.New("out of reach")

func (l switchedLog) Append(ctx context.Context, after uint64, data []byte) (uint64, error) {
	if l.s.off.Load() {
		return 0, errOff
	}
	return l.Log.Append(ctx, after, data)
}

func (l switchedLog) Last(ctx context.Context) (bus.Record, error) {
	if l.s.off.Load() {
		return bus.Record{}, errOff
	}
	return l.Log.Last(ctx)
}

// Appending behind another's record is the end, whatever the lease says.
func TestTheLogFences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		a, b := open(t, h.Connect()), open(t, h.Connect())
		first := begin(t, a)
		commit(t, a, first, proto.StepCommit, lead.State{Step: 1, Digest: "one"})
		begin(t, b)
		if err := first.Commit(proto.StepCommit, lead.State{Step: 2, Digest: "two"}); err != nil {
			t.Fatal(err)
		}
		if err := flush(t, a, first); !errors.Is(err, lead.ErrFenced) || !strings.Contains(err.Error(), b.Holder()) ||
			!strings.Contains(err.Error(), "term 2") {
			t.Errorf("got %v", err)
		}
	})
}

// Lost records and lost acknowledgements are made good; each record stands there once.
func TestAppendOutlastsFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		b := h.Connect()
		f := bus.LogFaults(b, bus.LogPlan{Seed: 3, Lose: 0.3, LoseAck: 0.3})
		a, err := lead.Open(t.Context(), faulty{f, b}, lead.Options{Run: "r", Silence: silence})
		if err != nil {
			t.Fatal(err)
		}
		ledger := begin(t, a)
		for i := range proto.Step(100) {
			commit(t, a, ledger, proto.StepCommit, lead.State{Step: i + 1})
		}
		past, err := a.History(t.Context())
		if err != nil || past.Last != 101 || len(past.Records) != 101 {
			t.Fatalf("%d records to number %d, %v", len(past.Records), past.Last, err)
		}
		for i, r := range past.Records[1:] {
			if r.Step != proto.Step(i+1) {
				t.Errorf("record %d is of step %d", i, r.Step)
			}
		}
		if got := f.Fired(); got.Lost == 0 || got.Unacknowledged == 0 {
			t.Errorf("fired %+v", got)
		}
	})
}

// A successor compares what it makes again with the log, and adds only what is new.
func TestALedgerReplays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		a := open(t, h.Connect())
		first := begin(t, a)
		for i := range proto.Step(6) {
			commit(t, a, first, proto.StepCommit, lead.State{Step: i + 1, Digest: string(rune('a' + i))})
			if i == 3 {
				mark := first.Mark()
				commit(t, a, first, proto.GrowthCommit, lead.State{Step: 4, Digest: "G"})
				first.Stored(lead.State{Step: 4, Digest: "d"}, "the-object", mark)
				if err := flush(t, a, first); err != nil {
					t.Fatal(err)
				}
			}
		}
		past, err := a.History(t.Context())
		if err != nil || past.Checkpoint == nil || past.Checkpoint.Object != "the-object" || past.Term != 1 || past.Origin != 1 {
			t.Fatalf("%+v, %v", past, err)
		}
		next := func() *lead.Ledger {
			return lead.NewLedger(past, lead.Self{Head: proto.Head{Run: "r", Term: 2}, Holder: "b"}, false)
		}
		l := next()
		for _, c := range []struct {
			kind  proto.CommitKind
			state lead.State
		}{{proto.GrowthCommit, lead.State{Step: 4, Digest: "G"}}, {proto.StepCommit, lead.State{Step: 5, Digest: "e"}},
			{proto.StepCommit, lead.State{Step: 6, Digest: "f"}}} {
			if err := l.Commit(c.kind, c.state); err != nil || !l.Clear() {
				t.Fatalf("%+v: %v, clear %v", c, err, l.Clear())
			}
		}
		if err := l.Commit(proto.StepCommit, lead.State{Step: 7, Digest: "g"}); err != nil || l.Clear() {
			t.Fatalf("a new step: %v, clear %v", err, l.Clear())
		}
		if after, c, ok := l.Next(); !ok || after != past.Last || c.Step != 7 || c.Term != 2 {
			t.Errorf("behind %d: %+v", after, c)
		}
		for name, c := range map[string]lead.State{"step": {Step: 5, Digest: "x"}, "last": {Step: 6, Digest: "e"}} {
			if err := next().Commit(proto.StepCommit, c); !errors.Is(err, lead.ErrOtherBits) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A step whose record was lost with its writer, while the disk knew the step,
// stands behind a later one when it is made up for. A checkpoint of it keeps the
// later one in sight.
func TestACheckpointKeepsLaterStepsInSight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, bus.NewHub(0).Connect())
		first := begin(t, a)
		commit(t, a, first, proto.StepCommit, lead.State{Step: 1, Digest: "a"})
		second := begin(t, a) // from a disk with step 2
		commit(t, a, second, proto.StepCommit, lead.State{Step: 3, Digest: "c"})
		commit(t, a, second, proto.GrowthCommit, lead.State{Step: 3, Digest: "C"})
		third := begin(t, a) // from the start
		commit(t, a, third, proto.StepCommit, lead.State{Step: 1, Digest: "a"})
		commit(t, a, third, proto.StepCommit, lead.State{Step: 2, Digest: "b"})
		mark := third.Mark()
		commit(t, a, third, proto.StepCommit, lead.State{Step: 3, Digest: "c"})
		third.Stored(lead.State{Step: 2, Digest: "b"}, "the-object", mark)
		if err := flush(t, a, third); err != nil {
			t.Fatal(err)
		}
		fourth := begin(t, a)
		if err := fourth.Commit(proto.StepCommit, lead.State{Step: 3, Digest: "x"}); !errors.Is(err, lead.ErrOtherBits) {
			t.Errorf("other bits of step 3: %v", err)
		}
		for kind, digest := range map[proto.CommitKind]string{proto.StepCommit: "c", proto.GrowthCommit: "C"} {
			if err := fourth.Commit(kind, lead.State{Step: 3, Digest: digest}); err != nil || !fourth.Clear() {
				t.Errorf("%s of step 3: %v, clear %v", kind, err, fourth.Clear())
			}
		}
	})
}

// A run that begins anew under an old id does not look back.
func TestAFreshRunForgetsAnEarlierOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := bus.NewHub(0)
		a := open(t, h.Connect())
		first := begin(t, a)
		commit(t, a, first, proto.StepCommit, lead.State{Step: 1, Digest: "old"})
		past, err := a.History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second := lead.NewLedger(past, lead.Self{Head: proto.Head{Run: "r", Term: 2}, Holder: "b"}, true)
		commit(t, a, second, proto.TermCommit, lead.State{})
		commit(t, a, second, proto.StepCommit, lead.State{Step: 1, Digest: "new"})
		if past, err = a.History(t.Context()); err != nil || past.Origin != 2 || len(past.Records) != 2 || past.Records[1].Digest != "new" {
			t.Errorf("%+v, %v", past, err)
		}
	})
}

// A log that is shorter than it was is not gone on with.
func TestAShortLogIsToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := open(t, bus.NewHub(0).Connect())
		err := a.Append(t.Context(), 7, &proto.Commit{Head: proto.Head{Run: "r", Term: 1}, Kind: proto.StepCommit}, func(error) {})
		if !errors.Is(err, lead.ErrShort) {
			t.Errorf("got %v", err)
		}
	})
}

// underway are logs that hold every second record back once: it is refused as
// if another stood there, which cannot be read yet.
type underway struct {
	lead.System
	held int
}

type underwayLog struct {
	bus.Log
	u *underway
}

func (u *underway) OpenLog(ctx context.Context, o bus.LogOptions) (bus.Log, error) {
	l, err := u.System.OpenLog(ctx, o)
	if o.Volatile {
		return l, err
	}
	return underwayLog{l, u}, err
}

func (l underwayLog) Append(ctx context.Context, after uint64, data []byte) (uint64, error) {
	if l.u.held++; l.u.held%2 == 0 {
		return 0, bus.ErrConflict
	}
	return l.Log.Append(ctx, after, data)
}

// A record that is still on its way between servers is neither lost nor another's.
func TestARecordOnItsWayIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := &underway{System: bus.NewHub(0).Connect()}
		a, err := lead.Open(t.Context(), u, lead.Options{Run: "r", Silence: silence})
		if err != nil {
			t.Fatal(err)
		}
		ledger := begin(t, a)
		for i := range proto.Step(10) {
			commit(t, a, ledger, proto.StepCommit, lead.State{Step: i + 1})
		}
		past, err := a.History(t.Context())
		if err != nil || len(past.Records) != 11 || u.held < 20 {
			t.Errorf("%d records after %d tries, %v", len(past.Records), u.held, err)
		}
	})
}

// A successor that begins from a state of before the stored checkpoint, as its disk may have, does
// not add the event again that the checkpoint is behind, at the same step; one of which nobody knows it adds.
func TestAnEventBeforeTheCheckpointIsNotAddedAgain(t *testing.T) {
	past := lead.History{Last: 9, Term: 1, Origin: 1, From: 9, Checkpoint: &proto.Commit{Kind: proto.CheckpointCommit, Step: 4, Generation: 1}}
	l := lead.NewLedger(past, lead.Self{Head: proto.Head{Run: "r", Term: 2}}, false)
	for _, c := range []struct {
		kind  proto.CommitKind
		state lead.State
		fresh bool
	}{
		{proto.TermCommit, lead.State{Step: 3}, true},
		{proto.StepCommit, lead.State{Step: 4}, false},
		{proto.GrowthCommit, lead.State{Step: 4, Generation: 1}, false},
		{proto.GrowthCommit, lead.State{Step: 4, Generation: 1}, true}, // nothing grew: it may lie behind
		{proto.GrowthCommit, lead.State{Step: 4, Generation: 2}, true},
		{proto.StepCommit, lead.State{Step: 5, Generation: 2}, true},
	} {
		if err := l.Commit(c.kind, c.state); err != nil || l.Clear() == c.fresh {
			t.Fatalf("%+v: %v, clear %v", c, err, l.Clear())
		}
		for !l.Clear() {
			if _, _, ok := l.Next(); !ok {
				t.Fatal("a record is not handed out")
			}
			l.Acked()
		}
	}
}
