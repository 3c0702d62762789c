package coordinator

import (
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
)

// Under any schedule a run with a worker that computes wrongly at times ends in
// the same bits, if all blocks are audited, and nobody else is put into quarantine.
func TestAWrongWorkerChangesNoBit(t *testing.T) {
	n := schedules(t, 120, 30)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := simulate(0, table, "", fired)
	clear(fired)
	for seed := range uint64(n) {
		if got := simulate(seed, table, "worker", fired); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	for _, what := range []string{"corruption", "alarm", "quarantine"} {
		if fired[what] < n/2 {
			t.Errorf("%q happened %d times in %d schedules", what, fired[what], n)
		}
	}
	js, _ := json.Marshal(fired)
	t.Logf("%d schedules, all with the bits and the log of the undisturbed one; faults %s", n, js)
}

// So it does where blocks are replicas that take steps of their own.
func TestAWrongWorkerChangesNoBitOfLocalSteps(t *testing.T) {
	n := schedules(t, 40, 10)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := simulateOf(localNet(), 0, table, "", fired)
	clear(fired)
	for seed := range uint64(n) {
		if got := simulateOf(localNet(), seed, table, "worker", fired); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	for _, what := range []string{"corruption", "alarm", "quarantine"} {
		if fired[what] < n/2 {
			t.Errorf("%q happened %d times in %d schedules", what, fired[what], n)
		}
	}
}

// So it does with two workers of one key that agree on wrong sums.
func TestTwoIDsOfAKeyChangeNoBit(t *testing.T) {
	n := schedules(t, 40, 10)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := simulate(0, table, "", fired)
	clear(fired)
	for seed := range uint64(n) {
		if got := simulate(seed, table, sybil, fired); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	for _, what := range []string{"corruption", "alarm", "quarantine"} {
		if fired[what] < n/2 {
			t.Errorf("%q happened %d times in %d schedules", what, fired[what], n)
		}
	}
}

// disagreement is a coordinator with n workers in its first round, which they
// have pulled blocks of.
type disagreement struct {
	*simulation
	core *core
	t    *testing.T
}

func newDisagreement(t *testing.T, n int) *disagreement {
	s := &simulation{rand: rand.New(rand.NewPCG(1, 1)), table: map[string]proto.Sums{}, fired: map[string]int{}, net: simNet{simSettings(), simGraph()}}
	for i := range n {
		s.workers = append(s.workers, &simWorker{id: proto.WorkerID(fmt.Sprintf("w%d", i))})
	}
	closeBus := s.useLog()
	t.Cleanup(func() { closeBus() })
	s.start()
	d := &disagreement{s, s.leaders[0].core, t}
	for !d.core.ledger.Clear() { // the log has the beginning of the term
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
	}
	for _, w := range s.workers {
		s.must(d.core.handle(s.now, plan.Join{Worker: w.id, Threads: 2}, proto.Sums{}))
	}
	for _, w := range s.workers {
		d.pull(w)
	}
	return d
}

func (d *disagreement) pull(w *simWorker) {
	w.seq++
	d.must(d.core.handle(d.now, plan.Pull{Worker: w.id, Seq: w.seq, Last: 1 << 40}, proto.Sums{}))
}

// partial hands in the sums of a block; a wrong one is off by a little.
func (d *disagreement) partial(w int, lo, hi uint32, wrong bool) error {
	b, r := proto.Block{Lo: lo, Hi: hi}, d.core.round
	sums := d.sums(d.leaders[0].weights, r, b)
	if wrong {
		sums.F32[0]++
	}
	return d.core.handle(d.now, plan.Partial{Worker: d.workers[w].id, Round: r.Round, Block: b, Digest: digestOf(sums)}, sums)
}

// finish lets all workers but one do what is left of the first step, whichever way it is cut.
func (d *disagreement) finish(wrong int) {
	for range 10 {
		for i, w := range d.workers {
			if i == wrong {
				continue
			}
			d.pull(w)
			for lo := range uint32(5) {
				for hi := lo + 1; hi <= 5; hi++ {
					if d.core.train.Step() == 0 {
						d.must(d.partial(i, lo, hi, false))
					}
				}
			}
		}
	}
}

// Two workers that got different sums of a block stop the run before either is
// used, if no third one comes.
func TestTwoWorkersThatDisagreeStopTheRun(t *testing.T) {
	d := newDisagreement(t, 2)
	before := d.core.train.Digest()
	d.must(d.partial(0, 0, 2, true)) // of 5 micro-shards w0 has [0,2), w1 [2,4)
	d.must(d.partial(1, 0, 2, false))
	var err error
	for i := 0; err == nil && i < 100; i++ {
		d.now += 100 * time.Millisecond
		for _, w := range d.workers {
			err = errors.Join(err, d.core.handle(d.now, plan.Heard{Worker: w.id}, proto.Sums{}))
		}
	}
	if !errors.Is(err, ErrDisagree) || !strings.Contains(fmt.Sprint(err), "workers w0 and w1 got different sums of block [0,2)") {
		t.Errorf("got %v", err)
	}
	if d.core.train.Digest() != before {
		t.Error("the weights changed")
	}
}

// A third worker decides. If what was folded first was wrong the round begins
// anew, and leads to the weights that it would have led to.
func TestAThirdWorkerSavesTheStep(t *testing.T) {
	undisturbed := newDisagreement(t, 1)
	undisturbed.finish(-1)
	want := undisturbed.core.train.Digest()
	for wrong := range 2 {
		d := newDisagreement(t, 3)
		d.workers[wrong].corrupt = true
		before := d.core.train.Digest()
		d.must(d.partial(0, 0, 2, wrong == 0))
		d.must(d.partial(1, 0, 2, wrong == 1))
		d.pull(d.workers[2])
		d.must(d.partial(2, 0, 2, false))
		if why := d.core.plan.Quarantined(d.workers[wrong].id); why == "" {
			t.Errorf("%s is not in quarantine", d.workers[wrong].id)
		}
		if d.core.train.Digest() != before {
			t.Fatal("the weights changed before the round was over")
		}
		if redone := d.fired["redo"] == 1; redone != (wrong == 0) {
			t.Errorf("w%d was wrong; the round began anew: %v", wrong, redone)
		}
		d.finish(wrong)
		if d.core.train.Step() != 1 || d.core.train.Digest() != want {
			t.Errorf("w%d was wrong: step %d has other weights", wrong, d.core.train.Step())
		}
	}
}
