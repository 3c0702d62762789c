package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/bus/bustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func hub(*testing.T) func() bus.System { return bus.NewHub(0).Connect }

// address opens participants of a hub that has one.
func address(t *testing.T) func() bus.System {
	return func() bus.System {
		b, err := bus.Open(bus.Options{URL: "mem://" + t.Name()})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestTransportsKeepTheContract(t *testing.T) {
	for name, start := range map[string]bustest.Start[bus.System]{
		"hub":     hub,
		"address": address,
		"sharing hub": func(*testing.T) func() bus.System {
			h := bus.NewHub(0)
			return func() bus.System { return h.Share() }
		},
		"both, met far": func(*testing.T) func() bus.System {
			near, far := bus.NewHub(0), bus.NewHub(0)
			return inTurn(func() bus.System { return bus.Both(near.Share(), far.Connect()) }, far.Connect)
		},
	} {
		t.Run(name, func(t *testing.T) { bustest.System(t, start) })
	}
}

// What lasts in both is what lasts far away: those who meet near have messages only.
func TestThoseWhoMeetNearKeepTheContract(t *testing.T) {
	bustest.Bus(t, func(*testing.T) func() bus.Bus {
		near, far := bus.NewHub(0), bus.NewHub(0)
		connect := inTurn(func() bus.System { return bus.Both(near.Share(), far.Connect()) }, func() bus.System { return near.Share() })
		return func() bus.Bus { return connect() }
	})
}

func TestFaultlessDecoratorsKeepTheContract(t *testing.T) {
	bustest.Bus(t, func(t *testing.T) func() bus.Bus {
		connect := hub(t)
		return func() bus.Bus { return bus.Faults(connect(), bus.Plan{}) }
	})
	bustest.Logs(t, func(t *testing.T) func() bus.Logs {
		connect := hub(t)
		return func() bus.Logs { return bus.LogFaults(connect(), bus.LogPlan{}) }
	})
}

// inTurn calls one, then the other, and so on.
func inTurn(one, other func() bus.System) func() bus.System {
	return func() bus.System {
		defer func() { one, other = other, one }()
		return one()
	}
}

func TestQueuesAreBounded(t *testing.T) {
	bustest.Bounded(t, func(t *testing.T, pending int) bus.Bus {
		b, err := bus.Open(bus.Options{URL: "mem://" + t.Name(), Pending: pending})
		if err != nil {
			t.Fatal(err)
		}
		return b
	})
}

// A hub with an address is gone with its last participant, and another begins there.
func TestAHubWithAnAddressEndsWithItsParticipants(t *testing.T) {
	connect := address(t)
	a, b := connect(), connect()
	append1 := func(s bus.System, after uint64) error {
		l, err := s.OpenLog(soon(t), bus.LogOptions{Name: "l"})
		if err == nil {
			_, err = l.Append(soon(t), after, nil)
		}
		return err
	}
	if err := errors.Join(append1(a, 0), a.Close(), a.Close(), append1(b, 1), b.Close()); err != nil {
		t.Fatal(err)
	}
	c := connect()
	defer c.Close()
	if err := append1(c, 0); err != nil {
		t.Errorf("the log outlasted the participants: %v", err)
	}
}

// No adapter to NATS is linked here.
func TestOpenSaysWhatItHasNoTransportFor(t *testing.T) {
	for _, url := range []string{"", "host:4222", "nats://me:secret@host", "http://host"} {
		b, err := bus.Open(bus.Options{URL: url})
		if err == nil {
			b.Close()
		}
		if !errors.Is(err, bus.ErrSettings) || !strings.Contains(err.Error(), "but for mem") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestOpenRefusesSmallMessages(t *testing.T) {
	_, err := bus.Open(bus.Options{URL: "mem://" + t.Name(), MinPayload: 2 << 20})
	if !errors.Is(err, bus.ErrPayload) || !strings.Contains(err.Error(), "1048576 bytes") {
		t.Errorf("got %v", err)
	}
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

func TestLogFaultsFire(t *testing.T) {
	f := bus.LogFaults(bus.NewHub(0).Connect(), bus.LogPlan{Seed: 1, Lose: 0.2, LoseAck: 0.2})
	l, err := f.OpenLog(soon(t), bus.LogOptions{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
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
