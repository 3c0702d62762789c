package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Workers of the key K and of others, as the coordinator calls them.
const (
	ka, kb, kc proto.WorkerID = "K.a", "K.b", "K.c"
	lx, my     proto.WorkerID = "L.x", "M.y"
)

// audited brings a script to where all blocks are audited, and every worker has
// finished a block of a round before. The round at hand is of one block.
func audited(t *testing.T, workers ...proto.WorkerID) *script {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute, Audit: 1})
	for _, w := range workers {
		s.step(Join{Worker: w, Threads: 1, Host: string(w)})
		s.p.workers[w].proved = true
		s.step(s.pull(w))
	}
	s.step(Open{Round: 2, MicroShards: 1, Kind: "gradient"})
	return s
}

// holding names the workers that have a block.
func (s *script) holding() string {
	var ids []string
	for _, w := range s.p.order {
		if len(w.held) > 0 {
			ids = append(ids, string(w.id))
		}
	}
	return strings.Join(ids, " ")
}

// Two ids of one key are one voice: an audit wants another key's sums, whatever
// they send unasked, and a third key decides. Then all of the key are out.
func TestTwoIDsOfAKeyOutvoteNobody(t *testing.T) {
	s := audited(t, ka, kb, kc, lx, my)
	if got := s.holding(); got != "K.a L.x" {
		t.Fatalf("the audited block is at %s", got)
	}
	s.want(Partial{ka, 2, node(0, 1), 1}, "ignore K.a [0,1): it is folded when a second worker got the same")
	s.want(Partial{kb, 2, node(0, 1), 1}, "ignore K.b [0,1): sent twice")
	s.want(Partial{lx, 2, node(0, 1), 2},
		"alarm K.a and L.x differ on [0,1)"+differ,
		"ignore L.x [0,1): it is not decided which one is right",
		"assign M.y [0,1) task 1: to decide between K.a, L.x")
	s.want(Partial{kc, 2, node(0, 1), 1}, "ignore K.c [0,1): sent twice")
	all := fmt.Sprintf("it is in quarantine: %s (worker K.a; all of key K go with it)", lied)
	s.want(Partial{my, 2, node(0, 1), 2}, "fold M.y [0,1): two workers got the same",
		"quarantine K.a: "+lied, "drop K.a: "+all, "drop K.b: "+all, "drop K.c: "+all,
		"complete 2: all 1 micro-shards are in")
	for _, id := range []proto.WorkerID{ka, kb, kc, "K.new"} {
		if s.p.Quarantined(id) == "" {
			t.Errorf("%s is not in quarantine", id)
		}
	}
	for _, id := range []proto.WorkerID{lx, my, "L.K"} {
		if why := s.p.Quarantined(id); why != "" {
			t.Errorf("%s is in quarantine: %s", id, why)
		}
	}
}

// Who drives the workers of other keys out has one voice still.
func TestSeveralKeysStaySeveral(t *testing.T) {
	s := audited(t, ka, kb, lx)
	s.step(Partial{ka, 2, node(0, 1), 1})
	s.step(Partial{lx, 2, node(0, 1), 2})
	s.step(Leave{Worker: lx, Why: "driven out"})
	if n := s.p.voices(); n != 1 {
		t.Errorf("%d voices", n)
	}
	s.want(Partial{kb, 2, node(0, 1), 1}, "ignore K.b [0,1): sent twice")
	s.step(s.pull(kb))
	if why := s.p.Quarantined(lx); why != "" || len(s.p.quarantined) > 0 || s.holding() != "" {
		t.Errorf("%q; the block is at %q", why, s.holding())
	}
}

// What a key says twice and differently is proof against all of it.
func TestAKeyThatContradictsItself(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, ka, kb, lx)
	s.step(Open{Round: 2, MicroShards: 3, Kind: "gradient"})
	s.want(Partial{ka, 2, node(0, 1), 1}, "fold K.a [0,1): first partial of its block")
	why := "workers K.a and K.b of one key got different sums of the same block [0,1) of round 2"
	all := fmt.Sprintf("it is in quarantine: %s (worker K.b; all of key K go with it)", why)
	s.want(Partial{kb, 2, node(0, 1), 2}, "alarm K.a and K.b differ on [0,1): "+why, "ignore K.b [0,1): its worker contradicts itself",
		"quarantine K.b: "+why, "drop K.a: "+all, "drop K.b: "+all, "redo 2: sums of K.b are in it")
}

// Where all workers have one key their ids are voices: they find broken machines.
func TestWorkersOfOneKeyFindEachOthersFaults(t *testing.T) {
	s := audited(t, ka, kb, kc)
	s.step(Partial{ka, 2, node(0, 1), 1})
	s.step(Partial{kb, 2, node(0, 1), 2})
	s.step(Partial{kc, 2, node(0, 1), 2})
	if s.p.Quarantined(ka) == "" || s.p.Quarantined(kb) != "" || s.p.Quarantined(kc) != "" {
		t.Errorf("in quarantine: %v", s.p.quarantined)
	}
}
