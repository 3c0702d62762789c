package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

const (
	differ = ": the same block gave two different sums, so one of these workers computes wrongly; a third is to decide"
	lied   = "its sums of block [0,1) of round 2 are not those that two other workers got"
)

// disputed brings a script to where a's partial of [0,1) is folded, b's is
// another one, and c has the other block.
func disputed(t *testing.T) *script {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, "a", "b", "c")
	s.want(Open{Round: 2, MicroShards: 2, Kind: "gradient"},
		"assign a [0,1) task 2: its share of the round",
		"assign b [1,2) task 2: its share of the round")
	s.after(time.Second)
	s.want(Partial{"b", 2, node(1, 2), 7}, "fold b [1,2): first partial of its block")
	s.after(3 * time.Second)
	s.want(Tick{}, "assign c [0,1) task 2: overdue at a")
	s.want(s.pull("b"))
	return s
}

// A duplicate that differs ends nothing: a third worker decides. Here the first
// one was right, and what is folded stays.
func TestAThirdCopyDecidesForTheFirst(t *testing.T) {
	s := disputed(t)
	s.want(Partial{"c", 2, node(0, 1), 1}, "fold c [0,1): first partial of its block", "complete 2: all 2 micro-shards are in")
	s.want(s.pull("a"))
	s.want(Partial{"a", 2, node(0, 1), 2}, // the round waited for the log
		"alarm c and a differ on [0,1)"+differ,
		"ignore a [0,1): it is not decided which one is right",
		"assign b [0,1) task 3: to decide between c, a")
	s.want(Partial{"b", 2, node(0, 1), 1},
		"ignore b [0,1): two workers agree",
		"quarantine a: "+lied, "drop a: it is in quarantine: "+lied,
		"complete 2: all 2 micro-shards are in")
	s.want(Partial{"a", 2, node(0, 1), 2}, "ignore a [0,1): its worker is in quarantine")
	s.want(Join{Worker: "a", Threads: 1}, "drop a: it is in quarantine: "+lied)
	s.want(s.pull("a"), "rejoin a: not a member of this run: it was never admitted or was given up")
	if got := s.p.Quarantined("a"); got != lied {
		t.Errorf("quarantined: %q", got)
	}
}

// Here the first one was wrong: its sums are in the total, so the round begins anew.
func TestAThirdCopyDecidesAgainstTheFirst(t *testing.T) {
	s := disputed(t)
	s.step(Partial{"c", 2, node(0, 1), 1})
	s.step(s.pull("a"))
	s.step(s.pull("c"))
	s.step(Partial{"a", 2, node(0, 1), 2})
	s.want(s.pull("b"))
	s.want(Partial{"b", 2, node(0, 1), 2},
		"ignore b [0,1): two workers agree",
		"quarantine c: "+lied, "drop c: it is in quarantine: "+lied,
		"redo 2: sums of c are in it",
		"assign b [0,2) task 4: its share of the round") // a was late, and sits out
	s.want(Partial{"b", 2, node(0, 2), 9}, "fold b [0,2): first partial of its block", "complete 2: all 2 micro-shards are in")
}

// Those who take part in a dispute get no shares before it is decided.
func TestSuspectsGetNothing(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute, HeavyBlock: 1})
	warm(s, "a", "b")
	s.step(Open{Round: 2, MicroShards: 5, Kind: "gradient"})
	s.after(5 * time.Second)
	s.want(s.pull("b"), "assign b [4,5) task 3: to have the next one ready; there is enough for all")
	s.want(Partial{"b", 2, node(1, 2), 3}, "fold b [1,2): first partial of its block")
	s.p.round.blocks[node(1, 2)].by = "gone" // it was folded by one that left
	s.p.round.blocks[node(1, 2)].claims = []claim{{"gone", 3}}
	s.want(Partial{"b", 2, node(1, 2), 4},
		"alarm gone and b differ on [1,2)"+differ, "ignore b [1,2): it is not decided which one is right")
	s.want(Partial{"b", 2, node(4, 5), 3}, "ignore b [4,5): nobody holds this block")
	s.want(s.pull("b"))
	s.want(s.pull("a"), "assign a [1,2) task 3: to decide between gone, b")
	s.want(Partial{"a", 2, node(1, 2), 3}, "ignore a [1,2): two workers agree",
		"quarantine b: its sums of block [1,2) of round 2 are not those that two other workers got",
		"drop b: it is in quarantine: its sums of block [1,2) of round 2 are not those that two other workers got")
}

// With two workers nobody can tell which is wrong: somebody may join, and if
// nobody does the run ends. Nothing is folded meanwhile.
func TestTwoWorkersCannotDecide(t *testing.T) {
	s := newScript(t, Config{LostAfter: 10 * time.Second, Poll: time.Minute})
	warm(s, "a", "b")
	s.step(Open{Round: 2, MicroShards: 1, Kind: "gradient"})
	s.after(5 * time.Second)
	s.want(Tick{}, "assign b [0,1) task 2: overdue at a")
	s.want(Partial{"b", 2, node(0, 1), 1}, "fold b [0,1): first partial of its block", "complete 2: all 1 micro-shards are in")
	s.want(Partial{"a", 2, node(0, 1), 2},
		"alarm b and a differ on [0,1)"+differ,
		"ignore a [0,1): it is not decided which one is right",
		"waiting: b, a got different sums of block [0,1), and nobody else is here to decide")
	s.step(Heard{"a"})
	s.step(Heard{"b"})
	s.after(9 * time.Second)
	s.want(Tick{})
	s.step(Heard{"a"})
	s.step(Heard{"b"})
	s.after(2 * time.Second)
	s.want(Tick{}, "undecided b, a on [0,1): no third worker is here to decide")
	s.want(Join{Worker: "c", Threads: 1}, "resumed: somebody is here to decide about block [0,1)")
	s.want(s.pull("c"), "assign c [0,1) task 1: to decide between b, a")
	s.want(Partial{"c", 2, node(0, 1), 3}, "ignore c [0,1): it is not decided which one is right",
		"waiting: b, a, c got different sums of block [0,1), and nobody else is here to decide")
}

// A worker that sends two sums of one block is wrong whatever others got.
func TestAWorkerThatContradictsItself(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, "a", "b")
	s.step(Open{Round: 2, MicroShards: 2, Kind: "gradient"})
	s.want(Partial{"a", 2, node(0, 1), 1}, "fold a [0,1): first partial of its block")
	why := "worker a got two different sums of the same block [0,1) of round 2"
	s.want(Partial{"a", 2, node(0, 1), 2}, "alarm a and a differ on [0,1): "+why, "ignore a [0,1): its worker contradicts itself",
		"quarantine a: "+why, "drop a: it is in quarantine: "+why, "redo 2: sums of a are in it")
	s.want(s.pull("b"), "assign b [0,2) task 3: its share of the round")
}

// An audited block is folded when two workers on different hosts got the same.
func TestAuditedBlocksNeedTwo(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute, Audit: 1})
	for w, host := range map[proto.WorkerID]string{"a": "x", "b": "x", "c": "y"} {
		s.step(Join{Worker: w, Threads: 1, Host: host})
	}
	s.step(Open{Round: 1, MicroShards: 1, Kind: "gradient"})
	s.want(s.pull("a"), "assign a [0,1) task 1: its share of the round")
	s.want(s.pull("b"))
	s.want(s.pull("c"), "assign c [0,1) task 1: to be computed by two")
	s.want(Partial{"c", 1, node(0, 1), 1}, "ignore c [0,1): it is folded when a second worker got the same")
	s.want(Partial{"a", 1, node(0, 1), 1}, "fold a [0,1): the same as that of c", "complete 1: all 1 micro-shards are in")
	s.step(s.pull("a"))
	s.step(s.pull("c"))

	s.step(Open{Round: 2, MicroShards: 1, Kind: "gradient"})
	s.step(Tick{})
	held := func() (ids []proto.WorkerID) {
		for _, w := range s.p.order {
			if len(w.held) > 0 {
				ids = append(ids, w.id)
			}
		}
		return ids
	}
	two := held()
	if len(two) != 2 {
		t.Fatalf("%v have the block", two)
	}
	s.step(Partial{two[0], 2, node(0, 1), 1})
	s.step(Partial{two[1], 2, node(0, 1), 2})
	third := held()
	if len(third) != 1 {
		t.Fatalf("%v are to decide", third)
	}
	s.want(Partial{third[0], 2, node(0, 1), 1}, fmt.Sprintf("fold %s [0,1): two workers got the same", third[0]),
		fmt.Sprintf("quarantine %s: %s", two[1], lied), fmt.Sprintf("drop %s: it is in quarantine: %s", two[1], lied),
		"complete 2: all 1 micro-shards are in")
}

// An audit whose second worker goes is called off when nobody else is there.
func TestAnAuditOfOneIsCalledOff(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute, Audit: 1})
	s.step(Join{Worker: "a", Threads: 1})
	s.step(Join{Worker: "b", Threads: 1})
	s.step(Open{Round: 1, MicroShards: 1, Kind: "gradient"})
	s.want(s.pull("a"), "assign a [0,1) task 1: its share of the round")
	s.want(s.pull("b"), "assign b [0,1) task 1: to be computed by two")
	s.want(Partial{"a", 1, node(0, 1), 1}, "ignore a [0,1): it is folded when a second worker got the same")
	s.want(s.pull("a"))
	s.want(Leave{"b", "gone"}, "drop b: gone", "assign a [0,1) task 2: its share of what is left")
	s.want(Partial{"a", 1, node(0, 1), 1}, "fold a [0,1): first partial of its block", "complete 1: all 1 micro-shards are in")
}

// Which blocks are audited depends on step and block, and is about the fraction asked for.
func TestAuditsAFraction(t *testing.T) {
	p := New(Config{Audit: 0.1})
	p.Step(0, Join{Worker: "a"})
	p.Step(0, Join{Worker: "b"})
	n := 0
	for step := range 1000 {
		p.round.Step = proto.Step(step)
		for i := range uint32(10) {
			if p.audits(node(i, i+1)) {
				n++
			}
		}
	}
	if n < 900 || n > 1100 {
		t.Errorf("%d of 10000 blocks", n)
	}
}

// In any schedule with one worker that computes wrongly at times every round
// ends and nobody else is put into quarantine. If all blocks are audited only
// right sums are folded.
func TestAnyScheduleFindsTheWrongWorker(t *testing.T) {
	for _, audit := range []float64{1, 0.3, 0} {
		found, redone := 0, 0
		for seed := range uint64(400) {
			wrong := proto.WorkerID(fmt.Sprint("w", seed%5))
			r := rand.New(rand.NewPCG(seed, 3))
			s := &schedule{t: t, r: r, seed: seed, names: []proto.WorkerID{"w0", "w1", "w2", "w3", "w4"}, stay: true,
				p: New(Config{LostAfter: 3 * time.Second, Poll: time.Second, HeavyBlock: 1 + r.IntN(8), Audit: audit, MinWorkers: 3}),
				digest: func(w proto.WorkerID) uint64 {
					if w == wrong && r.IntN(3) == 0 {
						return 2 + r.Uint64N(2)
					}
					return 1
				}}
			s.run()
			redone += s.redone
			for _, w := range s.names {
				switch why := s.p.Quarantined(w); {
				case why != "" && w != wrong:
					t.Fatalf("audit %v, seed %d: %s is in quarantine: %s", audit, seed, w, why)
				case why != "":
					found++
				}
			}
		}
		t.Logf("audit %v: found in %d of 400 schedules, %d rounds began anew", audit, found, redone)
		if least := map[float64]int{1: 390, 0.3: 200, 0: 20}[audit]; found < least {
			t.Errorf("audit %v: found in %d of 400 schedules", audit, found)
		}
		if anew := redone > 0; anew != (audit < 1) { // sums that two vouch for stay
			t.Errorf("audit %v: %d rounds began anew", audit, redone)
		}
	}
}
