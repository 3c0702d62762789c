package coordinator

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// unlogged is what a simulation has in place of a commit log: nothing counts
// terms, and several runs go by one id.
type unlogged struct {
	terms   map[int]proto.Term // that the directories know, by run
	disks   map[int]*saved
	results map[int]string
	anew    bool // the first coordinator that crashes is followed by one of another run
	pending int  // coordinators that are about to begin
}

// simRuns is how many runs go by the one id: a run, one of another seed and one
// of another width.
const simRuns = 3

// variant returns what run number run trains.
func variant(run int) (trainer.Settings, *nn.Graph) {
	set, g := simSettings(), simGraph()
	switch run {
	case 1:
		set.Train.Seed = 2
	case 2:
		g.Nodes[1].Out = 3
	}
	return set, g
}

// begin lets a coordinator begin a run, or resume it from its directory.
func (u *unlogged) begin(s *simulation, run int) {
	s.started++
	u.terms[run]++
	start := proto.Start(fmt.Sprint("s", s.started))
	head := proto.Head{Run: "sim", Term: u.terms[run], Start: start}
	c := &simLeader{simulation: s, run: run, term: head.Term}
	c.rivals = newRivals(Job{Run: "sim"}, start, c.tell)
	c.rivals.self.Since = int64(s.now)
	c.core = &core{head: head, train: u.trainer(c), port: c, plan: plan.New(s.planConfig())}
	s.leaders = append(s.leaders, c)
	c.shares()
	c.claim(claims)
}

// trainer restores what the run's directory has.
func (u *unlogged) trainer(c *simLeader) *trainer.Trainer {
	set, g := variant(c.run)
	from := u.disks[c.run]
	if from == nil {
		t, err := trainer.New(set, nn.Init(g, set.Train.Seed))
		c.must(err)
		return t
	}
	return c.restore(set, *from)
}

// claim asks so many times whether another coordinator leads, then leads.
func (c *simLeader) claim(times int) {
	if times > 0 {
		c.rivals.say()
		c.after(100*time.Millisecond, func() {
			if !c.dead {
				c.do(func() error { c.claim(times - 1); return nil })
			}
		})
		return
	}
	c.rivals.leads(c.core.head)
	c.do(func() error { return c.core.begin(c.now) })
	c.tick()
	c.news()
}

// claims reports whether the coordinator does not speak to workers yet.
func (c *simLeader) claims() bool { return c.rivals != nil && c.rivals.self.Claims }

// news tells of the coordinator once a second.
func (c *simLeader) news() {
	c.after(time.Second, func() {
		if !c.dead {
			c.do(func() error { c.rivals.say(); return nil })
			c.news()
		}
	})
}

// tell carries news to all coordinators, through faults.
func (c *simLeader) tell(n *proto.News) {
	s, news := c.simulation, *n
	if s.now < c.cut || s.chance("news lost", 0.05) {
		return
	}
	d := s.ms(5)
	if s.chance("news late", 0.05) {
		d = s.ms(3000)
	}
	s.after(d, func() {
		for _, to := range append([]*simLeader{}, s.leaders...) {
			if s.now >= to.cut {
				to.do(func() error {
					answer, err := to.rivals.hear(&news)
					if answer {
						to.rivals.say()
					}
					return err
				})
			}
		}
	})
}

// hears reports whether the coordinator takes a message for its own.
func (c *simLeader) hears(h proto.Head) bool {
	if c.broken == "identity" {
		return c.core.head.Run == h.Run && c.core.head.Term == h.Term
	}
	return c.core.head.Same(h)
}

// succeed lets a coordinator resume a run that lost its own, or another run
// begin under its id.
func (u *unlogged) succeed(s *simulation, run int, after time.Duration) {
	if u.anew {
		u.anew = false
		run = 1 + s.rand.IntN(simRuns-1)
		s.fired["id used again"]++
	}
	u.pending++
	s.after(after, func() {
		u.pending--
		u.begin(s, run)
	})
}

// fault lets a coordinator stand still, or be cut off.
func (u *unlogged) fault(s *simulation, c *simLeader) {
	switch {
	case s.chance("coordinator paused", 0.05):
		c.paused = s.now + s.ms(3000)
	case s.chance("coordinator cut off", 0.05):
		c.cut = s.now + s.ms(3000)
	}
}

// simulateUnlogged simulates a schedule without a commit log. The coordinator of
// run 0 is killed somewhere and another run gets its id, or, in a duel, all
// runs begin about at once. It returns what those led to that came to their end.
func simulateUnlogged(seed uint64, runs []int, anew bool, table map[string]proto.Sums, broken string, fired map[string]int) map[int]string {
	u := &unlogged{terms: map[int]proto.Term{}, disks: map[int]*saved{}, results: map[int]string{}, anew: anew}
	s := &simulation{rand: rand.New(rand.NewPCG(seed, 11)), table: table, fired: fired, broken: broken, unlogged: u, net: simNet{simSettings(), simGraph()}}
	s.crew(seed)
	if anew {
		s.after(500*time.Millisecond+s.ms(1000), func() {
			if u.anew {
				s.leaders[0].die()
				u.succeed(s, 0, s.ms(100))
			}
		})
	}
	for i, run := range runs {
		u.pending++
		s.after(time.Duration(i)*s.ms(1500), func() {
			u.pending--
			u.begin(s, run)
		})
	}
	for s.now < time.Hour && (len(s.leaders) > 0 || u.pending > 0 || len(u.results) == 0) {
		if len(s.leaders) == 0 && u.pending == 0 {
			// One gave way to the last words of one that crashed: somebody starts it again.
			fired["started again"]++
			u.begin(s, runs[s.rand.IntN(len(runs))])
		}
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
		for _, c := range append([]*simLeader{}, s.leaders...) {
			if c.core.finished() {
				u.results[c.run] = c.result()
				c.die()
			}
		}
	}
	return u.results
}

// alone is what each run leads to by itself, undisturbed by others.
func alone(table map[string]proto.Sums) (want [simRuns]string) {
	for run := range want {
		want[run] = simulateUnlogged(0, []int{run}, false, table, "", map[string]int{})[run]
	}
	return want
}

// Without a commit log a run that gets the id of one whose coordinator was
// killed, while the workers live on, ends in its own bits; and of runs that begin
// under one id at once each that comes to its end has its own bits, and one does.
func TestRunsOfOneIDWithoutALog(t *testing.T) {
	n := schedules(t, 400, 100)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := alone(table)
	for run, result := range want {
		if !strings.Contains(result, `"decision":"grow"`) || run > 0 && result == want[0] {
			t.Fatalf("run %d: %s", run, result)
		}
	}
	for seed := uint64(1); seed < uint64(n); seed++ {
		for name, got := range map[string]map[int]string{
			"an id used again": simulateUnlogged(seed, []int{0}, true, table, "", fired),
			"a duel":           simulateUnlogged(seed, []int{0, 1, 2}, false, table, "", fired),
		} {
			if len(got) == 0 {
				t.Fatalf("%s, seed %d: no run came to its end", name, seed)
			}
			for run, result := range got {
				if result != want[run] {
					t.Fatalf("%s, seed %d, run %d:\n%s\nwant\n%s", name, seed, run, result, want[run])
				}
			}
		}
	}
	for _, what := range []string{"id used again", "gave way", "news lost", "news late", "coordinator paused", "coordinator cut off",
		"crash after assign", "crash before commit"} {
		if fired[what] == 0 {
			t.Errorf("%q never happened", what)
		}
	}
	js, err := json.Marshal(fired)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d schedules, all with the bits of each run alone, an id used again and a duel in each; faults %s", n, js)
}

// Workers and coordinators that tell each other by run and term alone, and sums
// that do not name their weights, end in wrong bits.
func TestSimulationCatchesStartsThatAreTakenForEachOther(t *testing.T) {
	table := map[string]proto.Sums{}
	want := alone(table)
	for name, runs := range map[string][]int{"an id used again": {0}, "a duel": {0, 1, 2}} {
		caught, seed := false, uint64(0)
		for seed < 60 && !caught {
			seed++
			caught = func() (caught bool) {
				defer func() { caught = caught || recover() != nil }()
				got := simulateUnlogged(seed, runs, len(runs) == 1, map[string]proto.Sums{}, "identity", map[string]int{})
				for run, result := range got {
					caught = caught || result != want[run]
				}
				return caught || len(got) == 0
			}()
		}
		if !caught {
			t.Errorf("%s: the planted bug was not caught", name)
		} else {
			t.Logf("%s: the planted bug was caught by seed %d", name, seed)
		}
	}
}
