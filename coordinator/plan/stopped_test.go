package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// fleet is workers of one thread on a clock of their own. Each computes one
// block and holds at most one more; messages take no time.
type fleet struct {
	p       *Plan
	now     Time
	shard   Time // a micro-shard takes
	hands   []*hand
	number  proto.Round
	done    bool // the round is complete
	dropped []proto.WorkerID
}

// hand is a worker of a fleet.
type hand struct {
	id        proto.WorkerID
	stopped   bool // for ever
	pulls     uint64
	task      uint64
	computing proto.Block
	ends      Time // of computing; 0: idle
	next      proto.Block
	ready     bool // next is a block
	pulling   bool
}

func newFleet(shard Time, ids ...proto.WorkerID) *fleet {
	f := &fleet{p: New(Config{}), shard: shard}
	for _, id := range ids {
		w := &hand{id: id}
		f.hands = append(f.hands, w)
		f.step(Join{Worker: id, Threads: 1})
		f.pull(w)
	}
	return f
}

func (f *fleet) step(e Event) {
	for _, c := range slices.Clone(f.p.Step(f.now, e)) {
		switch c := c.(type) {
		case Assign:
			w := f.hand(c.Worker)
			w.pulling, w.task = false, c.Task
			if w.stopped {
				continue
			}
			if w.ends == 0 {
				f.begin(w, c.Block)
				f.pull(w)
			} else {
				w.next, w.ready = c.Block, true
			}
		case Wait:
			w := f.hand(c.Worker)
			w.pulling = false
			f.pull(w)
		case Complete:
			f.done = true
		case Drop:
			f.dropped = append(f.dropped, c.Worker)
		}
	}
}

func (f *fleet) hand(id proto.WorkerID) *hand {
	return f.hands[slices.IndexFunc(f.hands, func(w *hand) bool { return w.id == id })]
}

func (f *fleet) pull(w *hand) {
	if w.stopped || w.pulling || w.ready {
		return
	}
	w.pulls++
	w.pulling = true
	f.step(Pull{w.id, w.pulls, w.task})
}

func (f *fleet) begin(w *hand, b proto.Block) {
	w.computing, w.ends = b, f.now+Time(b.Len())*f.shard
}

// finish is the end of a block.
func (f *fleet) finish(w *hand) {
	b := w.computing
	w.ends = 0
	if w.ready {
		w.ready = false
		f.begin(w, w.next)
		f.pull(w)
	}
	f.step(Partial{w.id, f.number, b, 1})
}

// round runs a round and returns how long it took. A worker stops in it, at
// once, if it is named.
func (f *fleet) round(shards uint32, stops proto.WorkerID) Time {
	const tick = 50 * time.Millisecond
	f.number++
	f.done = false
	began := f.now
	f.step(Open{Round: f.number, MicroShards: shards, Kind: "gradient"})
	for !f.done {
		if stops != "" {
			f.hand(stops).stopped = true
		}
		var first *hand
		for _, w := range f.hands {
			if !w.stopped && w.ends > 0 && (first == nil || w.ends < first.ends) {
				first = w
			}
		}
		if at := (f.now/tick + 1) * tick; first == nil || first.ends > at {
			f.now = at
			f.step(Tick{})
			continue
		}
		f.now = first.ends
		f.finish(first)
	}
	for _, w := range f.hands { // what is still computed is of no use
		w.ends, w.ready = 0, false
		f.pull(w)
	}
	return f.now - began
}

// Of four workers one stands still for ever, in the middle of a block. One
// round waits for it. All others take a third longer, which is its share, before
// it is given up and after.
func TestAStoppedWorkerCostsItsShare(t *testing.T) {
	const shards, shard = 64, 10 * time.Millisecond
	f := newFleet(shard, "a", "b", "c", "d")
	usual := Time(shards/4) * shard
	for range 10 {
		if took := f.round(shards, ""); took != usual {
			t.Fatalf("a round of four took %s, want %s", took, usual)
		}
	}
	stopped := f.now
	var waited, others []Time
	for range 200 {
		took, stops := Time(0), proto.WorkerID("")
		if f.now == stopped {
			stops = "d"
		}
		if took = f.round(shards, stops); took > 2*usual {
			waited = append(waited, took)
		} else {
			others = append(others, took)
		}
	}
	var sum Time
	for _, took := range others {
		sum += took
	}
	mean, share := sum/Time(len(others)), usual*4/3
	t.Logf("rounds of %s; with one stopped %s, the longest %s, and %s in which it was waited for; given up: %v",
		usual, mean, slices.Max(others), waited, f.dropped)
	if len(waited) != 1 {
		t.Errorf("%d rounds waited for the stopped worker: %s", len(waited), waited)
	}
	for _, took := range waited { // overdue after three times the usual and a grace; then another computes it
		if most := 4*usual + 200*time.Millisecond; took > most {
			t.Errorf("a round took %s, want at most %s", took, most)
		}
	}
	if mean > share+shard || slices.Max(others) > share+2*shard {
		t.Errorf("rounds took %s, at most %s; the share of three workers is %s", mean, slices.Max(others), share)
	}
	if !slices.Equal(f.dropped, []proto.WorkerID{"d"}) {
		t.Errorf("given up: %v", f.dropped)
	}
}
