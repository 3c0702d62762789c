package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/natsserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// adapters are all that must keep the contract; connect returns participants
// of one system.
var adapters = map[string]func(t *testing.T) (connect func() bus.Bus){
	"hub": func(*testing.T) func() bus.Bus {
		h := bus.NewHub(0)
		return h.Connect
	},
	"sharing hub": func(*testing.T) func() bus.Bus {
		h := bus.NewHub(0)
		return func() bus.Bus { return h.Share() }
	},
	"both, met near": func(*testing.T) func() bus.Bus {
		near, far := bus.NewHub(0), bus.NewHub(0)
		return inTurn(func() bus.Bus { return bus.Both(near.Share(), far.Connect()) }, func() bus.Bus { return near.Share() })
	},
	"both, met far": func(*testing.T) func() bus.Bus {
		near, far := bus.NewHub(0), bus.NewHub(0)
		return inTurn(func() bus.Bus { return bus.Both(near.Share(), far.Connect()) }, far.Connect)
	},
	"faultless decorator": func(*testing.T) func() bus.Bus {
		h := bus.NewHub(0)
		return func() bus.Bus { return bus.Faults(h.Connect(), bus.Plan{}) }
	},
	"nats": func(t *testing.T) func() bus.Bus {
		s, err := natsserver.Start(natsserver.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.Stop)
		return func() bus.Bus {
			b, err := bus.Dial(bus.Options{URL: s.URL(), Name: "test", Bulk: func(s string) bool { return s == "bulk" }})
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
	},
}

// inTurn calls one, then the other, and so on.
func inTurn(one, other func() bus.Bus) func() bus.Bus {
	return func() bus.Bus {
		defer func() { one, other = other, one }()
		return one()
	}
}

// contract runs test with two participants of each adapter.
func contract(t *testing.T, test func(t *testing.T, a, b bus.Bus)) {
	for name, start := range adapters {
		t.Run(name, func(t *testing.T) {
			connect := start(t)
			a, b := connect(), connect()
			t.Cleanup(func() { a.Close(); b.Close() })
			test(t, a, b)
		})
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestMessagesArriveInOrderAndWhole(t *testing.T) {
	contract(t, func(t *testing.T, a, b bus.Bus) {
		const n = 200
		got := make(chan []byte, n)
		if _, err := b.Subscribe("bulk", func(m *bus.Message) { got <- m.Data }); err != nil {
			t.Fatal(err)
		}
		data := make([]byte, 10_000)
		for i := range n {
			data[0] = byte(i)
			if err := a.Publish("bulk", data); err != nil {
				t.Fatal(err)
			}
			data[0] = 255 // the bus must not keep data
		}
		if err := a.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			select {
			case d := <-got:
				if d[0] != byte(i) || len(d) != len(data) {
					t.Fatalf("message %d is number %d of %d bytes", i, d[0], len(d))
				}
			case <-soon(t).Done():
				t.Fatalf("message %d did not come", i)
			}
		}
	})
}

func TestSubscriptionsMatchSubjects(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		match            bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.*", "a.c", true}, {"a.*", "a.c.d", false},
		{"a.*.d", "a.c.d", true}, {"a.>", "a.c.d", true}, {"a.>", "a", false}, {"a.b", "a.b.c", false},
	} {
		contract(t, func(t *testing.T, a, b bus.Bus) {
			got := make(chan string, 4)
			if _, err := b.Subscribe(c.pattern, func(m *bus.Message) { got <- m.Subject }); err != nil {
				t.Fatal(err)
			}
			if _, err := b.Subscribe("end", func(m *bus.Message) { got <- m.Subject }); err != nil {
				t.Fatal(err)
			}
			for _, s := range []string{c.subject, "end"} {
				if err := a.Publish(s, nil); err != nil {
					t.Fatal(err)
				}
				if err := a.Flush(soon(t)); err != nil {
					t.Fatal(err)
				}
			}
			seen := false
			for {
				select {
				case s := <-got:
					seen = seen || s == c.subject
					if !seen && (c.match || s != "end") {
						continue
					}
				case <-soon(t).Done():
					t.Fatal("nothing came")
				}
				break
			}
			if seen != c.match {
				t.Errorf("%q matches %q: %v, want %v", c.pattern, c.subject, seen, c.match)
			}
		})
	}
}

func TestRequestsAreAnsweredAlsoLater(t *testing.T) {
	contract(t, func(t *testing.T, a, b bus.Bus) {
		var held []*bus.Message
		if _, err := b.Subscribe("ask", func(m *bus.Message) {
			if held = append(held, m); len(held) == 2 {
				for _, m := range held { // both at once, from the handler of the second
					if err := m.Respond(append([]byte("re:"), m.Data...)); err != nil {
						t.Error(err)
					}
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				got, err := a.Request(soon(t), "ask", fmt.Appendf(nil, "%d", i))
				if want := fmt.Appendf(nil, "re:%d", i); err != nil || !bytes.Equal(got, want) {
					t.Errorf("answer %q, %v; want %q", got, err, want)
				}
			})
		}
		wg.Wait()
	})
}

func TestRequestFailsWithoutAnAnswer(t *testing.T) {
	contract(t, func(t *testing.T, a, b bus.Bus) {
		if _, err := a.Request(soon(t), "nobody", nil); !errors.Is(err, bus.ErrNoResponders) {
			t.Errorf("nobody listens: %v", err)
		}
		if _, err := b.Subscribe("silent", func(*bus.Message) {}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := a.Request(ctx, "silent", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("no answer: %v", err)
		}
	})
}

func TestPlainMessagesCannotBeAnswered(t *testing.T) {
	contract(t, func(t *testing.T, a, b bus.Bus) {
		got := make(chan error, 1)
		if _, err := b.Subscribe("plain", func(m *bus.Message) { got <- m.Respond(nil) }); err != nil {
			t.Fatal(err)
		}
		if err := a.Publish("plain", nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-got:
			if !errors.Is(err, bus.ErrNoReply) {
				t.Errorf("answering a plain message: %v", err)
			}
		case <-soon(t).Done():
			t.Fatal("nothing came")
		}
	})
}

func TestTooLargeMessagesAreRefused(t *testing.T) {
	contract(t, func(t *testing.T, a, _ bus.Bus) {
		if err := a.Publish("x", make([]byte, a.MaxPayload()+1)); err == nil {
			t.Error("a message over the limit was taken")
		}
		if err := a.Publish("x", make([]byte, a.MaxPayload())); err != nil {
			t.Errorf("a message at the limit: %v", err)
		}
	})
}

func TestClosedBusesSayso(t *testing.T) {
	contract(t, func(t *testing.T, a, b bus.Bus) {
		got := make(chan struct{}, 1)
		sub, err := b.Subscribe("x", func(*bus.Message) { got <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Flush(soon(t)); err != nil {
			t.Fatal(err)
		}
		if err := a.Publish("x", nil); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if err := a.Publish("x", nil); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("publish on a closed bus: %v", err)
		}
		if _, err := a.Subscribe("x", func(*bus.Message) {}); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("subscribe on a closed bus: %v", err)
		}
		if _, err := a.Request(soon(t), "x", nil); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("request on a closed bus: %v", err)
		}
		if len(got) > 0 {
			t.Error("a closed subscription got a message")
		}
	})
}

func TestFaultsFireAndAreCounted(t *testing.T) {
	h := bus.NewHub(0)
	a, b := bus.Faults(h.Connect(), bus.Plan{Seed: 1, Lose: .1, Repeat: .1, Reorder: .1, Damage: .1, Truncate: .1}), h.Connect()
	defer a.Close()
	defer b.Close()
	const n = 1000
	var got atomic.Int64
	if _, err := b.Subscribe("x", func(*bus.Message) { got.Add(1) }); err != nil {
		t.Fatal(err)
	}
	for range n {
		if err := a.Publish("x", []byte("some message")); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Flush(soon(t)); err != nil {
		t.Fatal(err)
	}
	f := a.Fired()
	for _, count := range []int{f.Lost, f.Repeated, f.Reordered, f.Damaged, f.Truncated} {
		if count < n/50 {
			t.Errorf("a fault hardly fired: %+v", f)
		}
	}
	deadline := soon(t)
	for want := n - f.Lost + f.Repeated; got.Load() != int64(want); {
		if deadline.Err() != nil {
			t.Fatalf("%d messages arrived, want %d", got.Load(), want)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestDialSaysWhenNobodyAnswers(t *testing.T) {
	_, err := bus.Dial(bus.Options{URL: "nats://127.0.0.1:1", DialTimeout: time.Second})
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
	b, err := bus.Dial(bus.Options{URL: s.URL()})
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
		c, err := bus.Dial(bus.Options{URL: s.URL(), Bulk: func(string) bool { return true }})
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

// A participant that shares hands over values in order with what it publishes,
// and learns who is left for bytes.
func TestSharingHandsOverValues(t *testing.T) {
	near, far := bus.NewHub(0), bus.NewHub(0)
	a, b, plain, remote := bus.Both(near.Share(), far.Connect()), near.Share(), near.Connect(), far.Connect()
	got := make(chan string, 16)
	listen := func(name string, to bus.Bus) {
		_, err := to.Subscribe("x.*", func(m *bus.Message) {
			if m.Value != nil {
				got <- fmt.Sprintf("%s: value %v", name, m.Value)
			} else {
				got <- fmt.Sprintf("%s: bytes %s", name, m.Data)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			select {
			case g := <-got:
				if g != w {
					t.Errorf("got %q, want %q", g, w)
				}
			case <-soon(t).Done():
				t.Fatalf("no %q", w)
			}
		}
	}
	calls := 0
	value := func() any { calls++; return calls }
	listen("b", b)
	if err := a.Publish("x.1", []byte("one")); err != nil {
		t.Fatal(err)
	}
	if rest := b.Hand("x.2", value); rest != nil {
		t.Errorf("a hub with sharing participants alone has a rest: %v", rest)
	}
	expect("b: bytes one", "b: value 1")
	rest := a.Hand("x.3", value)
	expect("b: value 2")
	listen("remote", remote)
	if err := rest.Publish("x.3", []byte("three")); err != nil {
		t.Fatal(err)
	}
	expect("remote: bytes three")
	listen("plain", plain)
	rest = a.Hand("x.4", value)
	expect("b: value 3")
	if err := rest.Publish("x.4", []byte("four")); err != nil {
		t.Fatal(err)
	}
	last := []string{<-got, <-got}
	slices.Sort(last)
	if last[0] != "plain: bytes four" || last[1] != "remote: bytes four" {
		t.Errorf("got %q", last)
	}
	if rest := b.Hand("y", value); rest != nil || calls != 3 {
		t.Errorf("nobody listens: rest %v, %d calls", rest, calls)
	}
	for _, x := range []bus.Bus{a, b, plain, remote} {
		x.Close()
	}
	if rest := b.Hand("x.5", value); rest != nil || calls != 3 {
		t.Errorf("closed: rest %v, %d calls", rest, calls)
	}
}
