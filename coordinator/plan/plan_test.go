package plan

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// script feeds a plan and writes what it says, one line each.
type script struct {
	t     *testing.T
	p     *Plan
	now   Time
	pulls map[proto.WorkerID]uint64
	tasks map[proto.WorkerID]uint64
}

func newScript(t *testing.T, cfg Config) *script {
	return &script{t, New(cfg), 0, map[proto.WorkerID]uint64{}, map[proto.WorkerID]uint64{}}
}

func (s *script) step(e Event) string {
	var out []string
	for _, c := range s.p.Step(s.now, e) {
		out = append(out, fmt.Sprint(c))
		if a, ok := c.(Assign); ok {
			s.tasks[a.Worker] = a.Task
		}
	}
	return strings.Join(out, "\n")
}

func (s *script) want(e Event, lines ...string) {
	s.t.Helper()
	if got, want := s.step(e), strings.Join(lines, "\n"); got != want {
		s.t.Fatalf("at %s, %T%+v\n got:\n%s\nwant:\n%s", s.now, e, e, got, want)
	}
}

func (s *script) pull(w proto.WorkerID) Pull {
	s.pulls[w]++
	return Pull{w, s.pulls[w], s.tasks[w]}
}

func (s *script) after(d time.Duration) { s.now += d }

func node(lo, hi uint32) proto.Block { return proto.Block{Lo: lo, Hi: hi} }

func TestEqualWorkersGetEqualShares(t *testing.T) {
	s := newScript(t, Config{})
	for _, w := range []proto.WorkerID{"a", "b"} {
		s.want(Join{Worker: w, Threads: 1})
		s.want(s.pull(w))
	}
	s.want(Open{Round: 1, MicroShards: 16, Kind: "gradient"},
		"assign a [0,8) task 1: its share of the round",
		"assign b [8,16) task 1: its share of the round")
	s.after(time.Second)
	s.want(s.pull("a"))
	s.want(Partial{"a", 1, node(0, 8), 7}, "fold a [0,8): first partial of its block")
	s.want(Partial{"a", 1, node(0, 8), 7}, "ignore a [0,8): sent twice")
	s.want(Partial{"b", 1, node(8, 16), 9}, "fold b [8,16): first partial of its block", "complete 1: all 16 micro-shards are in")
}

func TestSharesFollowThreads(t *testing.T) {
	s := newScript(t, Config{})
	s.want(Join{Worker: "big", Threads: 3})
	s.want(Join{Worker: "small", Threads: 1})
	s.want(Open{Round: 1, MicroShards: 16})
	s.want(s.pull("small"), "assign small [0,4) task 1: its share of the round")
	s.want(s.pull("big"), "assign big [8,16) task 1: its share of the round")
	s.want(s.pull("big"), "assign big [4,6) task 2: to have the next one ready; there is enough for all")
}

func TestOneThreadPerMicroShardAtLeast(t *testing.T) {
	s := newScript(t, Config{})
	for _, w := range []proto.WorkerID{"a", "b", "c"} {
		s.want(Join{Worker: w, Threads: 2})
	}
	s.want(Open{Round: 1, MicroShards: 4})
	s.want(s.pull("a"), "assign a [0,2) task 1: its share of the round")
	s.want(s.pull("b"), "assign b [2,4) task 1: its share of the round")
	s.want(s.pull("c"))
}

// warm runs one round in which a block of one micro-shard takes a second.
func warm(s *script, workers ...proto.WorkerID) {
	for _, w := range workers {
		s.step(Join{Worker: w, Threads: 1})
		s.step(s.pull(w))
	}
	s.step(Open{Round: 1, MicroShards: uint32(len(workers)), Kind: "gradient"})
	s.after(time.Second)
	for i, w := range workers {
		s.step(Partial{w, 1, node(uint32(i), uint32(i)+1), 1})
		s.step(s.pull(w))
	}
}

func TestIdleWorkerCopiesAnOverdueBlockAndTheFirstPartialWins(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, "a", "b")
	s.want(Open{Round: 2, MicroShards: 2, Kind: "gradient"},
		"assign a [0,1) task 2: its share of the round",
		"assign b [1,2) task 2: its share of the round")
	s.after(time.Second)
	s.want(Partial{"a", 2, node(0, 1), 1}, "fold a [0,1): first partial of its block")
	s.want(s.pull("a"))
	s.after(2 * time.Second)
	s.want(Tick{})
	s.after(200 * time.Millisecond)
	s.want(Tick{}, "assign a [1,2) task 3: overdue at b")
	s.want(Tick{})
	s.after(time.Second)
	s.want(Partial{"a", 2, node(1, 2), 5}, "fold a [1,2): first partial of its block", "complete 2: all 2 micro-shards are in")
	s.want(Partial{"b", 2, node(1, 2), 5}, "ignore b [1,2): a was first")
	s.want(s.pull("a"))
	s.want(s.pull("b"))
	s.want(Open{Round: 3, MicroShards: 2, Kind: "gradient"}, // b sits out a round
		"assign a [0,2) task 4: its share of the round")
	s.want(Partial{"a", 3, node(0, 2), 1}, "fold a [0,2): first partial of its block", "complete 3: all 2 micro-shards are in")
	s.want(s.pull("a"))
	s.want(Open{Round: 4, MicroShards: 2, Kind: "gradient"},
		"assign a [0,1) task 5: its share of the round",
		"assign b [1,2) task 3: its share of the round")
}

func TestBlocksOfALostWorkerAreGivenToOthers(t *testing.T) {
	s := newScript(t, Config{LostAfter: 5 * time.Second, Poll: time.Minute})
	s.want(Join{Worker: "a", Threads: 1})
	s.want(Join{Worker: "b", Threads: 1})
	s.want(s.pull("a"))
	s.want(s.pull("b"))
	s.want(Open{Round: 1, MicroShards: 8},
		"assign a [0,4) task 1: its share of the round",
		"assign b [4,8) task 1: its share of the round")
	s.after(5 * time.Second)
	s.want(Heard{"b"})
	s.want(s.pull("b"))
	s.after(time.Second)
	s.want(Tick{}, "drop a: silent for 6s", "assign b [0,2) task 2: to have the next one ready; there is enough for all")
	s.want(s.pull("a"), "rejoin a: not a member of this run: it was never admitted or was given up")
	s.want(Partial{"a", 1, node(0, 4), 1}, "ignore a [0,4): nobody holds this block")
	s.want(Partial{"b", 1, node(4, 8), 1}, "fold b [4,8): first partial of its block")
	s.want(s.pull("b"), "assign b [2,3) task 3: to have the next one ready; there is enough for all")
}

func TestABlockBehindAnotherIsCopiedByAnIdleWorker(t *testing.T) {
	s := newScript(t, Config{})
	s.want(Join{Worker: "slow", Threads: 1})
	s.want(Open{Round: 1, MicroShards: 4})
	s.want(s.pull("slow"), "assign slow [0,4) task 1: its share of the round")
	s = newScript(t, Config{HeavyBlock: 1})
	s.want(Join{Worker: "slow", Threads: 1})
	s.want(Open{Round: 1, MicroShards: 2})
	s.want(s.pull("slow"), "assign slow [0,1) task 1: its share of the round")
	s.want(s.pull("slow"), "assign slow [1,2) task 2: to have the next one ready; there is enough for all")
	s.want(Join{Worker: "new", Threads: 1})
	s.want(s.pull("new"))
	s.after(time.Second)
	s.want(Tick{}, "assign new [1,2) task 1: it waits behind another block of slow")
}

func TestALostAnswerIsSentAgain(t *testing.T) {
	s := newScript(t, Config{})
	s.want(Join{Worker: "a", Threads: 1})
	s.want(Open{Round: 1, MicroShards: 2})
	s.want(Pull{"a", 1, 0}, "assign a [0,2) task 1: its share of the round")
	s.want(Pull{"a", 1, 0}) // the bus may deliver twice
	s.want(Pull{"a", 2, 0}, "assign a [0,2) task 2: the answer to its last pull was lost")
	s.want(Pull{"a", 3, 2})
	s.want(Partial{"a", 1, node(0, 2), 3}, "fold a [0,2): first partial of its block", "complete 1: all 2 micro-shards are in")
}

func TestALostPartialIsAskedForAgain(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, "a")
	s.want(Open{Round: 2, MicroShards: 1, Kind: "gradient"}, "assign a [0,1) task 2: its share of the round")
	s.want(s.pull("a"))
	s.after(4 * time.Second)
	s.want(Tick{}, "assign a [0,1) task 3: nothing of it arrived in time; send it again if it is done")
	s.want(Tick{})
}

func TestAPullIsAnsweredInTime(t *testing.T) {
	s := newScript(t, Config{})
	s.want(Join{Worker: "a", Threads: 1})
	s.want(s.pull("a"))
	s.after(2 * time.Second)
	s.want(Tick{})
	s.after(time.Second)
	s.want(Tick{}, "wait a: nothing to do yet")
	s.want(Open{Round: 1, MicroShards: 1})
	s.want(s.pull("a"), "assign a [0,1) task 1: its share of the round")
}

func TestWaitsForWorkers(t *testing.T) {
	s := newScript(t, Config{MinWorkers: 2})
	s.want(Open{Round: 1, MicroShards: 2}, "waiting: 0 of at least 2 workers are here")
	s.want(Join{Worker: "a", Threads: 1})
	s.want(s.pull("a"))
	s.want(Join{Worker: "b", Threads: 1}, "resumed: 2 workers are here", "assign a [0,1) task 1: its share of the round")
	s.want(Leave{"a", "it said goodbye"}, "drop a: it said goodbye", "waiting: 1 of at least 2 workers are here")
	s.want(Join{Worker: "c", Threads: 1}, "resumed: 2 workers are here")
	s.want(s.pull("b"), "assign b [0,1) task 1: its share of the round")
}

func TestStalePartialsAreIgnored(t *testing.T) {
	s := newScript(t, Config{})
	s.want(Partial{"a", 0, node(0, 1), 1}, "ignore a [0,1): round 0 is not the one at hand, 0")
	s.want(Open{Round: 3, MicroShards: 4}, "waiting: 0 of at least 1 workers are here")
	s.want(Partial{"a", 2, node(0, 1), 1}, "ignore a [0,1): round 2 is not the one at hand, 3")
	s.want(Partial{"a", 3, node(1, 3), 1}, "ignore a [1,3): not a node of the tree")
	s.want(Partial{"a", 3, node(0, 1), 1}, "ignore a [0,1): nobody holds this block")
}

// Whatever workers do, every round ends with each micro-shard folded exactly
// once, no worker holds more than two blocks, and blocks given out are nodes
// that do not overlap.
func TestAnyScheduleFoldsEveryMicroShardOnce(t *testing.T) {
	for seed := range uint64(400) {
		simulate(t, seed)
	}
}

func simulate(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	s := &schedule{t: t, r: r, seed: seed, p: New(Config{LostAfter: 3 * time.Second, Poll: time.Second, HeavyBlock: 1 + r.IntN(8)}),
		names: []proto.WorkerID{"a", "b", "c", "d", "e"}[:1+r.IntN(5)], digest: func(proto.WorkerID) uint64 { return 1 }}
	s.run()
}

// schedule is made-up workers that a plan has to get its rounds from.
type schedule struct {
	t      *testing.T
	r      *rand.Rand
	seed   uint64
	p      *Plan
	names  []proto.WorkerID
	stay   bool                          // nobody leaves
	digest func(w proto.WorkerID) uint64 // of what it computes; 1 is right
	redone int
}

func (s *schedule) run() {
	t, r, p, seed, names := s.t, s.r, s.p, s.seed, s.names
	type job struct {
		at Time
		e  Event
	}
	var now Time
	var queue []job
	later := func(d time.Duration, e Event) { queue = append(queue, job{now + d, e}) }
	ms := func(n int) time.Duration { return time.Duration(r.IntN(n)+1) * time.Millisecond }
	seqs, tasks := map[proto.WorkerID]uint64{}, map[proto.WorkerID]uint64{}
	pull := func(w proto.WorkerID, d time.Duration) {
		seqs[w]++
		later(d, Pull{w, seqs[w], tasks[w]})
	}
	for _, w := range names {
		later(ms(50), Join{Worker: w, Threads: 1 + r.IntN(3)})
		pull(w, 60*time.Millisecond)
	}
	shards := make([]bool, 0)

	var round proto.Round
	open := func() {
		round++
		n := 1 + r.IntN(40)
		shards = make([]bool, n)
		later(0, Open{Round: round, MicroShards: uint32(n), Kind: "k", Light: r.IntN(2) == 0})
	}
	open()
	for range 200000 {
		if round > 6 {
			return
		}
		next := -1
		for i, j := range queue {
			if next < 0 || j.at < queue[next].at {
				next = i
			}
		}
		var e Event = Tick{}
		if next < 0 || queue[next].at > now+100*time.Millisecond {
			now += 100 * time.Millisecond
		} else {
			now = max(now, queue[next].at)
			e = queue[next].e
			queue = append(queue[:next], queue[next+1:]...)
		}
		for _, c := range p.Step(now, e) {
			switch c := c.(type) {
			case Assign:
				if !c.Block.In(uint32(len(shards))) {
					t.Fatalf("seed %d: %v", seed, c)
				}
				if r.IntN(10) == 0 { // the answer is lost, the worker pulls again later
					pull(c.Worker, ms(2000))
					continue
				}
				tasks[c.Worker] = c.Task
				pull(c.Worker, ms(5))
				switch r.IntN(12) {
				case 0: // the partial is lost
				case 1: // arrives twice and late
					d := s.digest(c.Worker)
					later(ms(4000), Partial{c.Worker, c.Round, c.Block, d})
					later(ms(4000), Partial{c.Worker, c.Round, c.Block, d})
				case 2:
					if !s.stay {
						later(ms(50), Leave{c.Worker, "left"})
						break
					}
					fallthrough
				default:
					later(ms(100), Partial{c.Worker, c.Round, c.Block, s.digest(c.Worker)})
				}
			case Redo:
				clear(shards)
				s.redone++
			case Fold:
				if d := e.(Partial).Digest; d != 1 && p.cfg.Audit >= 1 {
					t.Fatalf("seed %d: wrong sums of %s are folded: %s", seed, c.Block, c.Why)
				}
				for i := c.Block.Lo; i < c.Block.Hi; i++ {
					if shards[i] {
						t.Fatalf("seed %d: micro-shard %d folded twice", seed, i)
					}
					shards[i] = true
				}
			case Complete:
				for i, ok := range shards {
					if !ok {
						t.Fatalf("seed %d: complete without micro-shard %d", seed, i)
					}
				}
				if c.Round == round {
					open()
				}
			case Wait:
				pull(c.Worker, ms(5))
			case Drop, Rejoin:
				var w proto.WorkerID
				if d, ok := c.(Drop); ok {
					w = d.Worker
				} else {
					w = c.(Rejoin).Worker
				}
				if p.Quarantined(w) != "" {
					continue
				}
				tasks[w] = 0
				seqs[w] = 0
				later(ms(20), Join{Worker: w, Threads: 1 + r.IntN(3)})
				pull(w, ms(20)+20*time.Millisecond)
			case Alarm:
				if !s.stay {
					t.Fatalf("seed %d: %v", seed, c)
				}
			case Undecided:
				t.Fatalf("seed %d: %v", seed, c)
			}
		}
		for _, w := range p.order {
			if len(w.held) > 2 {
				t.Fatalf("seed %d: %s holds %d blocks", seed, w.id, len(w.held))
			}
		}
	}
	t.Fatalf("seed %d: round %d never ends", seed, round)
}

// Eight workers on a host of two processors use two threads in all; when one of
// the two goes, another takes its place.
func TestWorkersShareTheirHost(t *testing.T) {
	s := newScript(t, Config{})
	for i := range 8 {
		s.want(Join{named(i), "", 2, "host", true})
		s.want(s.pull(named(i)))
	}
	s.want(Join{"alone", "", 3, "other", true})
	s.want(s.pull("alone"))
	s.want(Open{Round: 1, MicroShards: 10},
		"assign w0 [0,2) task 1: its share of the round",
		"assign w1 [2,4) task 1: its share of the round",
		"assign alone [4,8) task 1: its share of the round")
	if n, threads := s.p.Workers(); n != 9 || threads != 5 {
		t.Errorf("%d workers, %d threads", n, threads)
	}
	s.want(Leave{"w1", "gone"}, "drop w1: gone", "assign w2 [2,4) task 1: its share of the round")
	s = newScript(t, Config{})
	s.want(Join{"a", "", 8, "host", true})
	s.want(Join{"b", "", 8, "host", true})
	s.want(Join{"c", "", 4, "host", false}) // told how many to use
	for w, want := range map[proto.WorkerID]int{"a": 4, "b": 4, "c": 4} {
		if got := s.p.workers[w].threads; got != want {
			t.Errorf("%s has %d threads, want %d", w, got, want)
		}
	}
}

func named(i int) proto.WorkerID { return proto.WorkerID(fmt.Sprintf("w%d", i)) }
