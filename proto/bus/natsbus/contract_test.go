package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/bustest"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); code == 0 && err != nil && ours(err.Error()) {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// ours reports whether a goroutine that goleak found is of another kind than this: nats.go 1.55 starts
// one for each object that is put, which takes the channel of the connection's states once it runs. If
// the object is there or has failed before that, the channel is nil by then, and it waits for ever. One that
// still listens, since its publisher was not cleaned up, has a channel, and counts.
func ours(leaks string) bool {
	const late = " in state chan receive (nil chan), with github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect "
	found := strings.Split(leaks, "[Goroutine ")[1:]
	return len(found) == 0 || slices.ContainsFunc(found, func(g string) bool { return !strings.Contains(g, late) })
}

// Only the one kind of goroutine is let be.
func TestLeaksOfOursCount(t *testing.T) {
	const (
		head   = "found unexpected goroutines:\n"
		reads  = "with github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect on top"
		late   = "[Goroutine 5 in state chan receive (nil chan), " + reads
		listen = "[Goroutine 6 in state chan receive, " + reads
	)
	for leaks, want := range map[string]bool{head + late: false, head + late + "\n" + late: false, head + listen: true,
		head + late + "\n" + listen: true, "something else": true} {
		if got := ours(leaks); got != want {
			t.Errorf("%q: %v", leaks, got)
		}
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// connector starts a server and returns how participants come to it.
func connector(t *testing.T, o natsserver.Options) func() bus.System {
	s, err := natsserver.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return func() bus.System {
		b, err := bus.Open(bus.Options{URL: s.URL(), Name: "test", Bulk: func(s string) bool { return s == "bulk" }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		return b
	}
}

func TestContract(t *testing.T) {
	bustest.System(t, func(t *testing.T) func() bus.System { return connector(t, natsserver.Options{StoreDir: t.TempDir()}) })
}

func TestQueuesAreBounded(t *testing.T) {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	bustest.Bounded(t, func(t *testing.T, pending int) bus.Bus {
		b, err := bus.Open(bus.Options{URL: s.URL(), Pending: pending})
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

func TestDialSaysWhenNobodyAnswers(t *testing.T) {
	_, err := bus.Open(bus.Options{URL: "nats://127.0.0.1:1", DialTimeout: time.Second})
	if !errors.Is(err, bus.ErrUnreachable) || !strings.Contains(err.Error(), "is it running there") {
		t.Errorf("dial: %v", err)
	}
}

func TestNATSComesBackAfterARestartOfTheServer(t *testing.T) {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var port int
	if _, err := fmt.Sscanf(s.URL(), "nats://127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	b, err := bus.Open(bus.Options{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := b.Subscribe("ask", func(m *bus.Message) { m.Respond(m.Data) }); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if s, err = natsserver.Start(natsserver.Options{Port: port}); err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	deadline := soon(t)
	for {
		ctx, cancel := context.WithTimeout(deadline, time.Second)
		got, err := b.Request(ctx, "ask", []byte("x"))
		cancel()
		if err == nil && string(got) == "x" {
			return
		}
		if deadline.Err() != nil {
			t.Fatalf("not back: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func BenchmarkGradientOverNATS(b *testing.B) {
	s, err := natsserver.Start(natsserver.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Stop()
	dial := func() bus.Bus {
		c, err := bus.Open(bus.Options{URL: s.URL(), Bulk: func(string) bool { return true }})
		if err != nil {
			b.Fatal(err)
		}
		return c
	}
	from, to := dial(), dial()
	defer from.Close()
	defer to.Close()
	const size, chunk = 7_400_000, 512 << 10
	arrived, left := make(chan struct{}), size
	if _, err := to.Subscribe("g", func(m *bus.Message) {
		if left -= len(m.Data); left == 0 {
			left = size
			arrived <- struct{}{}
		}
	}); err != nil {
		b.Fatal(err)
	}
	data := make([]byte, chunk)
	b.SetBytes(size)
	for b.Loop() {
		for at := 0; at < size; at += chunk {
			if err := from.Publish("g", data[:min(chunk, size-at)]); err != nil {
				b.Fatal(err)
			}
		}
		<-arrived
	}
}

func TestServersWithoutJetStreamKeepNoLogs(t *testing.T) {
	connect := connector(t, natsserver.Options{})
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
				l := openLog(t, connector(t, natsserver.Options{StoreDir: dir})(),
					bus.LogOptions{Name: "a", Subject: "a", Volatile: volatile})
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
	b, err := bus.Open(bus.Options{URL: s.URL()})
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

func TestServersWithoutJetStreamKeepNoObjects(t *testing.T) {
	b := connector(t, natsserver.Options{})()
	if _, err := b.OpenObjects(soon(t), bus.ObjectOptions{Name: "a"}); !errors.Is(err, bus.ErrNoLogs) {
		t.Errorf("got %v", err)
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
