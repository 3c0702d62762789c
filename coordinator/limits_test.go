package coordinator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// However often the holder of a key is turned away, or comes and goes, the log
// gets so many lines a minute, and one that says how many were left out. Others
// have their own.
func TestLinesAboutAKeyAreBounded(t *testing.T) {
	s := besiege(t)(t)
	told := map[proto.Key]int{}
	var trouble []string
	s.events.Refused = func(m Member, _ string) { told[m.Worker.Key()]++ }
	s.events.Left = func(w proto.WorkerID, _ string) { told[w.Key()]++ }
	s.events.Trouble = func(text string) { trouble = append(trouble, text) }
	say := func(in input) {
		in.message = new(bus.Message)
		if err := s.take(in); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		w := proto.Key("loud").Worker(proto.WorkerID(fmt.Sprint("w", i)))
		say(input{hello: &proto.Hello{Head: s.head(), Worker: w, Nonce: "n", Threads: 1, Data: "other"}})
		say(input{beat: &proto.Heartbeat{Head: s.head(), Worker: "a", Nonce: "n", Leave: i == 0, Text: "bye"}})
	}
	say(input{hello: &proto.Hello{Head: s.head(), Worker: "calm.w", Nonce: "n", Threads: 1, Data: "other"}})
	if told["loud"] != maxLines || told["calm"] != 1 || told[proto.Anybody] != 1 {
		t.Errorf("lines: %v", told)
	}
	s.sumUp(s.now() + period)
	if len(trouble) != 1 || !strings.Contains(trouble[0], fmt.Sprint(500-maxLines)) {
		t.Errorf("%q", trouble)
	}
}

// No number of honest workers that a key may have reaches its limits with what
// they say unasked, at any silence that is allowed.
func TestHonestWorkersStayWithinTheirLimits(t *testing.T) {
	for _, lost := range []time.Duration{100 * time.Millisecond, 10 * time.Second, time.Hour} {
		c := Default().Cluster
		c.LostAfter = lost
		for _, k := range []proto.Key{"key", proto.Anybody} {
			l, n := c.control(k), float64(c.ids(k))
			if beats := n * 4 / lost.Seconds(); l.rate < beats+n { // and one more thing a second each
				t.Errorf("lost_after %s: %s may say %.1f a second, its %.0f workers give %.1f signs of life", lost, k, l.rate, n, beats)
			}
			if l.burst < 3*n || float64(l.depth) < 3*n { // a hello, a pull and a sign of life each, at once
				t.Errorf("%s may say %.0f at once, %d may wait, of %.0f workers", k, l.burst, l.depth, n)
			}
			if b := c.bulk(k); b.depth < 4*c.ids(k) { // a worker asks for four pieces at a time
				t.Errorf("%d requests for pieces may wait of %d workers", b.depth, c.ids(k))
			}
		}
	}
}
