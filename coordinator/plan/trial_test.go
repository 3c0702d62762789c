package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

const shards, shard = 64, time.Millisecond

// hoarders lets n workers join that pull and never send.
func (f *fleet) hoarders(n int) {
	for i := range n {
		w := &hand{id: proto.WorkerID(fmt.Sprintf("hoarders.h%d", i))}
		f.hands = append(f.hands, w)
		f.step(Join{Worker: w.id, Threads: 1})
		f.pull(w)
		w.ends = 1 << 60 // of a block that it never gets done
	}
}

// hoard makes the hoarders pull again and give signs of life.
func (f *fleet) hoard() {
	for _, w := range f.hands {
		if w.ends == 1<<60 || w.id[:1] == "h" {
			w.ready, w.ends = false, 1<<60
			f.step(Heard{w.id})
			f.pull(w)
		}
	}
}

// Two hundred workers that take blocks and never send cost less than half of the rate.
func TestHoardersCostLittle(t *testing.T) {
	f := newFleet(shard, "a", "b", "c", "d")
	usual := Time(shards/4) * shard
	f.round(shards, "")
	f.hoarders(200)
	var all Time
	const rounds = 60
	for range rounds {
		f.hoard()
		all += f.round(shards, "")
	}
	t.Logf("a round takes %s with hoarders, %s without", all/rounds, usual)
	if all > 2*rounds*usual {
		t.Errorf("a round takes %s with hoarders, %s without", all/rounds, usual)
	}
}

// Hoarders that leave with what they have, and come again, cost no more.
func TestHoardersThatComeAndGoCostLittle(t *testing.T) {
	f := newFleet(shard, "a", "b", "c", "d")
	usual := Time(shards/4) * shard
	f.round(shards, "")
	f.hoarders(1)
	h := f.hands[4]
	var all Time
	const rounds = 60
	for i := range rounds {
		f.step(Leave{h.id, "bye"})
		f.step(Join{Worker: h.id, Nonce: proto.Nonce(fmt.Sprint(i)), Threads: 1 << 16})
		h.pulling, h.pulls = false, 0
		f.hoard()
		all += f.round(shards, "")
	}
	if all > 2*rounds*usual {
		t.Errorf("a round takes %s, %s without", all/rounds, usual)
	}
}

// A worker that joins a run later has its share within a few rounds.
func TestANewcomerSoonHasItsShare(t *testing.T) {
	f := newFleet(shard, "a", "b", "c")
	f.round(shards, "")
	w := &hand{id: "d"}
	f.hands = append(f.hands, w)
	f.step(Join{Worker: "d", Threads: 1})
	f.pull(w)
	f.round(shards, "")
	if took := f.round(shards, ""); took > Time(shards/4)*shard {
		t.Errorf("the second round with four takes %s", took)
	}
}

// One on trial gets a single micro-shard, however many threads it claims to
// have, and others compute that too once they are idle.
func TestATrialIsOneMicroShard(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, "a")
	s.want(Join{Worker: "b", Threads: 1 << 16})
	s.want(s.pull("b"))
	s.want(Open{Round: 2, MicroShards: 2, Kind: "gradient"},
		"assign b [0,1) task 1: one to begin with, because it has finished none yet",
		"assign a [1,2) task 2: its share of the round")
	s.after(time.Second)
	s.want(Partial{"a", 2, node(1, 2), 1}, "fold a [1,2): first partial of its block")
	s.want(s.pull("a"), "assign a [0,1) task 3: b has finished none yet")
	s.want(Partial{"a", 2, node(0, 1), 1}, "fold a [0,1): first partial of its block", "complete 2: all 2 micro-shards are in")
	s.want(s.pull("a"))
	s.want(s.pull("b"))
	s.want(Open{Round: 3, MicroShards: 2, Kind: "gradient"}, "assign a [0,2) task 4: its share of the round") // b rests
}

// A key's trials are counted together: no key is tried more often for having more ids.
func TestTrialsAreCountedByKey(t *testing.T) {
	f := newFleet(shard, "a", "b", "c", "d")
	f.round(shards, "")
	f.hoarders(50)
	given := 0
	for range 30 {
		f.hoard()
		f.round(shards, "")
		for _, w := range f.hands {
			if w.id.Key() == "hoarders" && w.task > 0 {
				given, w.task = given+1, 0
			}
		}
	}
	if given > 6 { // after 0, 2, 4, 8 and 16 rounds of rest
		t.Errorf("%d blocks were given to a key that sent none in 30 rounds", given)
	}
}

// Who names another's host gets none of its threads.
func TestThreadsOfAHostAreSharedWithinAKey(t *testing.T) {
	s := newScript(t, Config{})
	s.want(Join{Worker: "one.a", Threads: 4, Host: "h", Shared: true})
	for i := range 8 {
		s.want(Join{Worker: proto.WorkerID(fmt.Sprintf("two.m%d", i)), Threads: 4, Host: "h", Shared: true})
	}
	if w := s.p.workers["one.a"]; w.threads != 4 {
		t.Errorf("%d threads are left of 4", w.threads)
	}
}
