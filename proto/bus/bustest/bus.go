package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Bus runs what every bus must keep with two participants of systems of its own.
func Bus(t *testing.T, start Start[bus.Bus]) {
	tests := map[string]func(t *testing.T, a, b bus.Bus){
		"messages arrive in order and whole":       messagesArriveInOrderAndWhole,
		"requests are answered, also later":        requestsAreAnsweredAlsoLater,
		"requests fail without an answer":          requestsFailWithoutAnAnswer,
		"plain messages cannot be answered":        plainMessagesCannotBeAnswered,
		"too large messages are refused":           tooLargeMessagesAreRefused,
		"drained subscriptions hear what has come": drainedSubscriptionsHearWhatHasCome,
		"closed buses say so":                      closedBusesSaySo,
	}
	for _, c := range matches {
		tests[fmt.Sprintf("%s matches %s %v", c.pattern, c.subject, c.match)] = c.test
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			connect := start(t)
			a, b := connect(), connect()
			t.Cleanup(func() { a.Close(); b.Close() })
			test(t, a, b)
		})
	}
}

// match is whether a subscription gets the messages of a subject.
type match struct {
	pattern, subject string
	match            bool
}

var matches = []match{
	{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"a.*", "a.c", true}, {"a.*", "a.c.d", false},
	{"a.*.d", "a.c.d", true}, {"a.>", "a.c.d", true}, {"a.>", "a", false}, {"a.b", "a.b.c", false},
}

func (c match) test(t *testing.T, a, b bus.Bus) {
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
}

func messagesArriveInOrderAndWhole(t *testing.T, a, b bus.Bus) {
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
}

func requestsAreAnsweredAlsoLater(t *testing.T, a, b bus.Bus) {
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
}

func requestsFailWithoutAnAnswer(t *testing.T, a, b bus.Bus) {
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
}

func plainMessagesCannotBeAnswered(t *testing.T, a, b bus.Bus) {
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
}

func tooLargeMessagesAreRefused(t *testing.T, a, _ bus.Bus) {
	if err := a.Publish("x", make([]byte, a.MaxPayload()+1)); err == nil {
		t.Error("a message over the limit was taken")
	}
	if err := a.Publish("x", make([]byte, a.MaxPayload())); err != nil {
		t.Errorf("a message at the limit: %v", err)
	}
}

func closedBusesSaySo(t *testing.T, a, b bus.Bus) {
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
}

// A subscription that is drained hears nothing new, but all that has come.
func drainedSubscriptionsHearWhatHasCome(t *testing.T, a, b bus.Bus) {
	hold, heard, all := make(chan struct{}), make(chan string, 100), make(chan string, 100)
	sub, err := b.Subscribe("x", func(m *bus.Message) { <-hold; heard <- string(m.Data) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Subscribe("x", func(m *bus.Message) { all <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	hear := func(from <-chan string) string {
		t.Helper()
		select {
		case text := <-from:
			return text
		case <-soon(t).Done():
			t.Fatal("nothing came")
			return ""
		}
	}
	say := func(text string) {
		t.Helper()
		if err := errors.Join(a.Publish("x", []byte(text)), a.Flush(soon(t))); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		say("before")
	}
	for range 20 { // once these have come, the others' have too
		hear(all)
	}
	if err := errors.Join(sub.Drain(), b.Flush(soon(t))); err != nil {
		t.Fatal(err)
	}
	say("after")
	hear(all)
	close(hold)
	for range 20 {
		if got := hear(heard); got != "before" {
			t.Error(got)
		}
	}
	if len(heard) > 0 {
		t.Errorf("heard %q after it was drained", <-heard)
	}
	if err := sub.Close(); err != nil {
		t.Error(err)
	}
}

// Bounded runs what a bus must do whose handlers may fall so many bytes behind:
// what comes on top is dropped and counted, and later messages arrive again.
func Bounded(t *testing.T, open func(t *testing.T, pending int) bus.Bus) {
	const size, fit, n = 1000, 10, 50
	b := open(t, size*fit)
	t.Cleanup(func() { b.Close() })
	began, free, got := make(chan struct{}, n+2), make(chan struct{}), make(chan byte, n+2)
	if _, err := b.Subscribe("x", func(m *bus.Message) {
		began <- struct{}{}
		<-free
		got <- m.Data[0]
	}); err != nil {
		t.Fatal(err)
	}
	publish := func(number int) {
		t.Helper()
		data := make([]byte, size)
		data[0] = byte(number)
		if err := errors.Join(b.Publish("x", data), b.Flush(soon(t))); err != nil {
			t.Fatal(err)
		}
	}
	await := func(c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-soon(t).Done():
			t.Fatal("no message came")
		}
	}
	publish(0)
	await(began)
	for i := range n {
		publish(i + 1)
	}
	close(free)
	for range fit - 1 {
		await(began)
	}
	if dropped := b.(interface{ Dropped() uint64 }).Dropped(); dropped == 0 {
		t.Error("no drop was counted")
	}
	publish(n + 1)
	for last, count := -1, 1; ; count++ {
		select {
		case number := <-got:
			if int(number) <= last || count > fit+2 {
				t.Fatalf("message %d came behind %d, as number %d", number, last, count)
			}
			if last = int(number); last == n+1 {
				return
			}
		case <-soon(t).Done():
			t.Fatalf("%d messages came, then no more", count)
		}
	}
}
