package plan

import (
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Workers get as many replicas as their threads compute at once, one at least, so that one that is
// killed costs the steps of these; and a replica is overdue after the time of its steps.
func TestReplicasAreGivenOutAsThreadsComputeThem(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Hour})
	s.want(Join{Worker: "a", Threads: 1})
	s.want(s.pull("a"))
	s.want(Join{Worker: "b", Threads: 4})
	s.want(s.pull("b"))
	s.want(Open{Round: 1, MicroShards: 8, Kind: "local", Shards: 2, Steps: 10},
		"assign a [0,1) task 1: its share of the round",
		"assign b [2,4) task 1: its share of the round")
	s.after(20 * time.Second) // a second for each micro-shard and step
	s.want(Partial{Worker: "a", Round: 1, Block: node(0, 1), Digest: 1}, "fold a [0,1): first partial of its block")
	s.want(s.pull("a"), "assign a [1,2) task 2: its share of what is left")
	if limit := s.p.limit(node(1, 2), 1); limit != 3*20*time.Second+s.p.cfg.Grace {
		t.Errorf("a replica is overdue after %s", limit)
	}
	// The last round of an epoch is shorter, and so is what it may take.
	s.p.round.Steps = 3
	if limit := s.p.limit(node(1, 2), 1); limit != 3*6*time.Second+s.p.cfg.Grace {
		t.Errorf("a replica of 3 steps is overdue after %s", limit)
	}
	if n := s.p.round.waves(proto.Block{Lo: 0, Hi: 4}, 4); n != 6 {
		t.Errorf("4 replicas are %d micro-shards for a thread of 4", n)
	}
}
