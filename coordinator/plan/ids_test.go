package plan

import (
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Of two processes of one id the first one has it, as long as it is alive.
func TestAnIdBelongsToOneProcess(t *testing.T) {
	p := New(Config{LostAfter: 10 * time.Second})
	var now Time
	claims := func(after time.Duration, nonce string, want Claim) {
		t.Helper()
		now += after
		if got := p.Claims(now, "w", proto.Nonce(nonce)); got != want {
			t.Fatalf("at %s %s gets %d, want %d", now, nonce, got, want)
		}
	}
	heard := func(after time.Duration) {
		now += after
		p.Step(now, Heard{"w"})
	}
	claims(0, "one", Free)
	p.Step(now, Join{Worker: "w", Nonce: "one", Threads: 1})
	claims(time.Second, "one", Free) // it joins again
	if p.Stranger("w", "one") || !p.Stranger("w", "two") || p.Stranger("x", "two") {
		t.Error("it is not told who is who")
	}

	claims(time.Second, "two", Unclear)
	heard(200 * time.Millisecond) // was on its way
	claims(200*time.Millisecond, "two", Unclear)
	heard(2 * time.Second)
	claims(0, "two", Taken)
	claims(time.Second, "two", Unclear) // asks anew
	heard(time.Minute)

	claims(time.Second, "two", Unclear) // the first one was killed
	claims(3*time.Second, "two", Unclear)
	claims(1100*time.Millisecond, "two", Free)
	p.Step(now, Join{Worker: "w", Nonce: "two", Threads: 1})
	claims(time.Second, "one", Unclear) // it was only asleep
	heard(2 * time.Second)
	claims(0, "one", Taken)
	p.Step(now, Leave{"w", "told to stop"})
	claims(0, "one", Free)
}
