package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

func dialLogs(t *testing.T, o natsserver.Options) func() bus.Logs {
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return func() bus.Logs {
		b, err := bus.Dial(bus.Options{URL: s.URL(), Name: "test"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
}

// logContract runs test with two participants of each adapter, for logs on
// disk and in memory.
func logContract(t *testing.T, test func(t *testing.T, a, b bus.Logs, o bus.LogOptions)) {
	hub := func(*testing.T) func() bus.Logs {
		h := bus.NewHub(0)
		return func() bus.Logs { return h.Connect().(bus.Logs) }
	}
	for name, start := range map[string]func(t *testing.T) func() bus.Logs{
		"hub": hub,
		"faultless decorator": func(t *testing.T) func() bus.Logs {
			connect := hub(t)
			return func() bus.Logs { return bus.LogFaults(connect(), bus.LogPlan{}) }
		},
		"nats": func(t *testing.T) func() bus.Logs { return dialLogs(t, natsserver.Options{StoreDir: t.TempDir()}) },
	} {
		for _, volatile := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, volatile %v", name, volatile), func(t *testing.T) {
				connect := start(t)
				test(t, connect(), connect(), bus.LogOptions{Name: "a-log", Subject: "a.log", Volatile: volatile})
			})
		}
	}
}

func openLog(t *testing.T, l bus.Logs, o bus.LogOptions) bus.Log {
	t.Helper()
	log, err := l.OpenLog(soon(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestLogsKeepRecordsInOrder(t *testing.T) {
	logContract(t, func(t *testing.T, a, b bus.Logs, o bus.LogOptions) {
		x, y := openLog(t, a, o), openLog(t, b, o)
		ctx := soon(t)
		if r, err := y.Last(ctx); err != nil || r.Number != 0 || r.Data != nil {
			t.Fatalf("an empty log ends with %v, %v", r, err)
		}
		if r, err := y.Read(ctx, 1, 10); err != nil || len(r) != 0 {
			t.Fatalf("an empty log has %v, %v", r, err)
		}
		data := make([]byte, 1)
		for i := range 100 {
			data[0] = byte(i)
			n, err := x.Append(ctx, uint64(i), data)
			if err != nil || n != uint64(i+1) {
				t.Fatalf("record %d: %d, %v", i+1, n, err)
			}
		}
		last, err := y.Last(ctx)
		if err != nil || last.Number != 100 || last.Data[0] != 99 {
			t.Fatalf("the last is %v, %v", last, err)
		}
		for _, c := range []struct{ from, n, first, len int }{{1, 1000, 1, 100}, {0, 5, 1, 5}, {51, 20, 51, 20}, {100, 5, 100, 1}, {101, 5, 0, 0}} {
			got, err := y.Read(ctx, uint64(c.from), c.n)
			if err != nil || len(got) != c.len {
				t.Fatalf("read %d from %d: %d, %v", c.n, c.from, len(got), err)
			}
			for i, r := range got {
				if want := c.first + i; r.Number != uint64(want) || r.Data[0] != byte(want-1) {
					t.Fatalf("record %d is %v", want, r)
				}
			}
		}
	})
}

// Of any number of writers that append behind the same record, one does.
func TestLogsFence(t *testing.T) {
	logContract(t, func(t *testing.T, a, b bus.Logs, o bus.LogOptions) {
		logs := []bus.Log{openLog(t, a, o), openLog(t, b, o)}
		for after := range uint64(20) {
			errs := make([]error, 6)
			var group sync.WaitGroup
			for i := range errs {
				group.Go(func() {
					_, errs[i] = logs[i%2].Append(soon(t), after, []byte{byte(i)})
				})
			}
			group.Wait()
			won := 0
			for i, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, bus.ErrConflict):
					t.Fatalf("writer %d: %v", i, err)
				}
			}
			if won != 1 {
				t.Fatalf("%d records behind number %d", won, after)
			}
		}
		for _, after := range []uint64{0, 19, 21} {
			if _, err := logs[0].Append(soon(t), after, nil); !errors.Is(err, bus.ErrConflict) {
				t.Errorf("append behind %d of 20: %v", after, err)
			}
		}
	})
}

func TestLogsDropTheOldest(t *testing.T) {
	logContract(t, func(t *testing.T, a, b bus.Logs, o bus.LogOptions) {
		o.Keep = 1
		x, y := openLog(t, a, o), openLog(t, b, o)
		for i := range uint64(5) {
			if _, err := x.Append(soon(t), i, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := y.Read(soon(t), 1, 10)
		if err != nil || len(got) != 1 || got[0].Number != 5 || got[0].Data[0] != 4 {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestLogsHearContext(t *testing.T) {
	logContract(t, func(t *testing.T, a, _ bus.Logs, o bus.LogOptions) {
		l := openLog(t, a, o)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := l.Append(ctx, 0, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("append: %v", err)
		}
		if _, err := l.Last(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("last: %v", err)
		}
		if _, err := l.Read(ctx, 1, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("read: %v", err)
		}
	})
}

func TestServersWithoutJetStreamKeepNoLogs(t *testing.T) {
	connect := dialLogs(t, natsserver.Options{})
	if _, err := connect().OpenLog(soon(t), bus.LogOptions{Name: "a", Subject: "a"}); !errors.Is(err, bus.ErrNoLogs) {
		t.Errorf("got %v", err)
	}
}

// A restarted server has what was acknowledged, but for volatile logs, which begin anew.
func TestLogsOutlastTheServer(t *testing.T) {
	for _, volatile := range []bool{false, true} {
		dir := t.TempDir()
		for i := range uint64(3) {
			want := i
			if volatile {
				want = 0
			}
			t.Run(fmt.Sprintf("volatile %v, start %d", volatile, i), func(t *testing.T) {
				l := openLog(t, dialLogs(t, natsserver.Options{StoreDir: dir})(), bus.LogOptions{Name: "a", Subject: "a", Volatile: volatile})
				last, err := l.Last(soon(t))
				if err != nil || last.Number != want {
					t.Fatalf("the log ends with %v, %v, want number %d", last, err, want)
				}
				if _, err := l.Append(soon(t), last.Number, []byte("x")); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// A volatile log that its server lost while it is open begins anew by itself.
func TestVolatileLogsComeBack(t *testing.T) {
	o := natsserver.Options{StoreDir: t.TempDir(), Port: 0}
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.Dial(bus.Options{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	l := openLog(t, b, bus.LogOptions{Name: "a", Subject: "a", Volatile: true})
	if _, err := l.Append(soon(t), 0, nil); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if o.Port, err = strconv.Atoi(at.Port()); err != nil {
		t.Fatal(err)
	}
	if s, err = natsserver.Start(o); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	ctx := soon(t)
	for {
		last, err := l.Last(ctx)
		if err == nil {
			if last.Number != 0 {
				t.Fatalf("the log ends with %v", last)
			}
			break
		}
		select {
		case <-time.After(50 * time.Millisecond): // the client connects again
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
	if _, err := l.Append(ctx, 1, nil); !errors.Is(err, bus.ErrConflict) {
		t.Errorf("append behind a lost record: %v", err)
	}
	if n, err := l.Append(ctx, 0, nil); err != nil || n != 1 {
		t.Errorf("append: %d, %v", n, err)
	}
}

func TestLogFaultsFire(t *testing.T) {
	f := bus.LogFaults(bus.NewHub(0).Connect().(bus.Logs), bus.LogPlan{Seed: 1, Lose: 0.2, LoseAck: 0.2})
	l := openLog(t, f, bus.LogOptions{Name: "a"})
	added, failed := uint64(0), 0
	for range 200 {
		last, err := l.Last(soon(t))
		if err != nil || last.Number < added {
			t.Fatalf("an acknowledged record is gone: %v, %v", last, err)
		}
		if n, err := l.Append(soon(t), last.Number, nil); err != nil {
			failed++
		} else {
			added = n
		}
	}
	if got := f.Fired(); got.Lost == 0 || got.Unacknowledged == 0 || got.Lost+got.Unacknowledged != failed {
		t.Errorf("%d failed, fired %+v", failed, got)
	}
}
