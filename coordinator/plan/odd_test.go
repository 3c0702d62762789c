package plan

import (
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

func oddOne(w proto.WorkerID, b proto.Block, digest uint64, wrong, doubt string) Odd {
	return Odd{Partial{w, 2, b, digest}, wrong, doubt}
}

// opened brings a script to a round of two blocks, which a and b have.
func opened(t *testing.T, workers ...proto.WorkerID) *script {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, workers...)
	s.step(Open{Round: 2, MicroShards: 2, Kind: "gradient"})
	return s
}

// Sums that cannot be are proof against their sender: nobody else is asked, and
// the block goes to somebody else.
func TestSumsThatCannotBeAreBlamedOnTheirSender(t *testing.T) {
	s := opened(t, "a", "b", "c")
	why := "its sums of block [0,1) of round 2 cannot be: too many samples"
	s.want(oddOne("a", node(0, 1), 1, "too many samples", "and too large"),
		"wrong a [0,1): too many samples", "ignore a [0,1): it cannot be",
		"quarantine a: "+why, "drop a: it is in quarantine: "+why,
		"assign c [0,1) task 2: its share of the round")
	s.step(Partial{"b", 2, node(1, 2), 1})
	s.want(Partial{"c", 2, node(0, 1), 1}, "fold c [0,1): first partial of its block", "complete 2: all 2 micro-shards are in")
}

// Sums that hardly can be count when somebody else got the same.
func TestDoubtedSumsCountWhenTheyAreConfirmed(t *testing.T) {
	s := opened(t, "a", "b", "c")
	s.want(oddOne("a", node(0, 1), 1, "", "no number"), "doubt a [0,1): no number",
		"ignore a [0,1): it is folded when a second worker got the same",
		"assign c [0,1) task 2: to be computed by two")
	s.want(oddOne("c", node(0, 1), 1, "", "no number"), "fold c [0,1): the same as that of a")
	s.want(Partial{"b", 2, node(1, 2), 1}, "fold b [1,2): first partial of its block", "complete 2: all 2 micro-shards are in")
}

// Where the second one got others a third decides, and the first goes.
func TestDoubtedSumsAreRefutedByTwoOthers(t *testing.T) {
	s := opened(t, "a", "b", "c")
	s.step(oddOne("a", node(0, 1), 1, "", "no number"))
	s.step(Partial{"b", 2, node(1, 2), 1})
	s.step(s.pull("b"))
	s.want(Partial{"c", 2, node(0, 1), 2}, "alarm a and c differ on [0,1)"+differ, "ignore c [0,1): it is not decided which one is right",
		"assign b [0,1) task 3: to decide between a, c")
	s.want(Partial{"b", 2, node(0, 1), 2}, "fold b [0,1): two workers got the same",
		"quarantine a: "+lied, "drop a: it is in quarantine: "+lied, "complete 2: all 2 micro-shards are in")
}

// A doubt that nobody can settle holds up nothing, also when who could settle it goes.
func TestADoubtThatNobodyCanSettle(t *testing.T) {
	s := opened(t, "a")
	s.want(oddOne("a", node(0, 2), 1, "", "no number"), "fold a [0,2): first partial of its block", "complete 2: all 2 micro-shards are in")

	s = opened(t, "a", "b")
	s.step(oddOne("a", node(0, 1), 1, "", "no number"))
	s.step(Partial{"b", 2, node(1, 2), 1})
	s.step(Leave{Worker: "b"})
	s.step(s.pull("a"))
	s.want(oddOne("a", node(0, 1), 1, "", "no number"), "fold a [0,1): first partial of its block", "complete 2: all 2 micro-shards are in")
}

// Another id of the same key settles no doubt about it.
func TestADoubtIsSettledByAnotherKey(t *testing.T) {
	s := newScript(t, Config{LostAfter: time.Minute, Poll: time.Minute})
	warm(s, ka, kb, lx)
	s.step(Open{Round: 2, MicroShards: 1, Kind: "gradient"})
	s.step(s.pull(kb))
	s.want(oddOne(ka, node(0, 1), 1, "", "no number"), "doubt K.a [0,1): no number",
		"ignore K.a [0,1): it is folded when a second worker got the same",
		"assign L.x [0,1) task 2: to be computed by two")
}
