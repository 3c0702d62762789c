package coordinator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/growth/prune"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// simReducing is the part of a simulation that has reducers: their owners are real.
type simReducing struct {
	reducers []*simReducer
	ranges   int // at most; 0: there are no reducers
	nonces   int
	heard    map[string]*simTold
}

// simReducer is a process that owns ranges.
type simReducer struct {
	id       proto.WorkerID
	nonce    proto.Nonce
	owner    *reduce.Owner
	head     proto.Head // of the start that it serves
	alive    bool
	paused   plan.Time
	cut      plan.Time
	answered plan.Time
	wrong    bool // computes wrongly at times
}

// simTold are weights that owners tell, as far as somebody has them.
type simTold struct {
	parts map[int64]reduce.Told
	held  held
}

const cutGrain = 8

// cutNet is small, and its chunks are smaller: it has parameters for several ranges, and an average. One
// has an optimizer of that name, or is pruned by that policy.
func cutNet(name string) simNet {
	n := simNet{simSettings(), simGraph()}
	n.graph.Node("fc1").Out = 4
	n.set.Train.GradCosine = false // no owner of a range has whole chunks of halves
	n.set.Grain, n.set.Growth.EverySteps, n.set.Train.Epochs = cutGrain, 5, 4
	n.set.Growth.Fix(func(f *growth.Fixed) { f.Follow = 1 })
	n.set.Optimizer.Births = optim.VarianceTransfer // layers that grew are updated as a whole
	switch name {
	case optim.SGD: // rates follow from what is spent, also on what rides along
		n.set.Train.MaxFLOPs, n.set.Train.Epochs = 4e5, 8
	case optim.AdamW:
		n.set.Optimizer.Name, n.set.Optimizer.LR, n.set.Optimizer.ClipNorm = name, 0.01, 0.3
	case prune.DNAL:
		n.set.Prune = prune.Default()
		n.set.Prune.Policy, n.set.Prune.At, n.set.Prune.Gates, n.set.Prune.LR = name, 0.4, 0.2, 1
	}
	return n
}

// cutLocalNet is localNet with chunks as small, so that its outer steps are shared.
func cutLocalNet() simNet {
	n := localNet()
	n.set.Grain, n.set.Train.GradCosine = cutGrain, false
	return n
}

// shares lets a coordinator have reducers.
func (c *simLeader) shares() {
	c.partials = newPartials(c.core.head)
	c.core.share = sharing{most: c.ranges, lost: 2 * time.Second, room: 1 << 20, window: 64, there: map[proto.WorkerID]*reducer{},
		strikes: map[proto.WorkerID]int{}}
}

func (s *simulation) startReducers() {
	if s.ranges == 0 {
		return
	}
	s.heard = map[string]*simTold{}
	for i := range 1 + s.rand.IntN(s.ranges+1) {
		s.startReducer(proto.WorkerID(fmt.Sprintf("r%d", i)))
	}
	if s.broken == "reducer" {
		s.reducers[0].wrong = true
	}
}

// startReducer starts a process.
func (s *simulation) startReducer(id proto.WorkerID) {
	s.nonces++
	r := &simReducer{id: id, nonce: proto.Nonce(fmt.Sprint("n", s.nonces)), alive: true}
	r.owner = reduce.NewOwner(id, r.nonce, 1<<30)
	s.reducers = append(s.reducers, r)
	s.hello(r, s.ms(20))
}

// hello is a reducer's sign of life, and asks to join.
func (s *simulation) hello(r *simReducer, in time.Duration) {
	s.after(in, func() {
		if !r.alive {
			return
		}
		s.hello(r, s.ms(400))
		if len(s.leaders) == 0 || s.now < max(r.paused, r.cut) || s.chance("hello lost", 0.02) {
			return
		}
		c := s.leaders[s.rand.IntN(len(s.leaders))] // whose answer is the first
		for _, l := range s.leaders {
			if r.head.Same(l.core.head) && (c.term <= l.term || s.now < c.cut) && s.now-r.answered < 2*time.Second {
				c = l // it keeps to the one that it serves, unless there are news of a later one
			}
		}
		if s.now < max(c.paused, c.cut) || c.claims() || c.core.ended {
			return
		}
		r.answered = s.now
		c.do(func() error {
			if c.core.takenReducer(s.now, r.id, r.nonce) {
				s.fired["id taken"]++
				return nil
			}
			if !r.head.Same(c.core.head) {
				r.head = c.core.head
				r.owner.Serves(r.head)
			}
			return c.core.admitReducer(s.now, r.id, r.nonce)
		})
	})
}

// carry carries a message of a reducer, or to one, through faults.
func (s *simulation) carry(r *simReducer, arrive func()) {
	copies := 1
	switch {
	case s.now < r.cut:
		return
	case s.chance("reducer lost a message", 0.02):
		return
	case s.chance("reducer's message repeated", 0.03):
		copies = 2
	}
	late := 0.03
	if strings.HasSuffix(s.broken, "fence") { // which only late messages get through
		late = 0.15
	}
	for range copies {
		d := s.ms(5)
		if s.chance("reducer's message late", late) {
			d = s.ms(3000)
		}
		s.after(d, arrive)
	}
}

// at lets a reducer do something as soon as it does not stand still.
func (s *simulation) at(r *simReducer, do func()) {
	switch {
	case !r.alive || s.now < r.cut:
	case s.now < r.paused:
		s.after(r.paused-s.now, func() { s.at(r, do) })
	default:
		do()
	}
}

// duty tells all reducers something.
func (c *simLeader) duty(d *proto.Duty) {
	s := c.simulation
	switch d.Do {
	case proto.Deal:
		s.maybeCrash("in a deal")
	case proto.Update:
		s.maybeCrash("in an update")
	case proto.Gather:
		s.maybeCrash("in a gather")
	}
	if s.now < c.cut {
		return
	}
	for _, r := range s.reducers {
		if r.alive {
			one := *d
			one.Update.Buffers = slices.Clone(d.Update.Buffers)
			s.carry(r, func() { s.at(r, func() { s.replied(r, r.owner.Duty(&one)) }) })
		}
	}
}

// replied carries what an owner says.
func (s *simulation) replied(r *simReducer, reply reduce.Reply) {
	if reply.Fetch != nil {
		ref, head := *reply.Fetch, r.head
		s.carry(r, func() {
			for _, c := range s.leaders {
				if c.core.head.Same(head) && s.now >= c.cut {
					for _, b := range c.lent {
						if b.ref == ref {
							s.at(r, func() {
								next, err := r.owner.Dealt(ref, b.data)
								s.must(err)
								s.replied(r, next)
							})
						}
					}
				}
			}
		})
	}
	if reply.Receipt != nil {
		m := *reply.Receipt
		s.carry(r, func() {
			s.leaderOf(m.Head, func(c *simLeader) error {
				if whole, ok := c.partials.receipt(r.id, &m); ok {
					return c.core.partial(s.now, &whole)
				}
				return nil
			})
		})
	}
	for _, e := range reply.Edges {
		m := e.Message
		m.Chunk = proto.ChunkAt(bytes.Clone(e.Data), 0, 1<<30)
		if m.Lacks {
			s.fired["edge asked for"]++
		}
		for _, to := range s.reducers {
			s.carry(r, func() {
				s.at(to, func() {
					one := m
					if to.owner.Share() == int(one.To) {
						if s.broken == "edge fence" {
							one.Round, one.Of.Deal = s.roundOf(to, one)
						}
						s.replied(to, to.owner.Edge(r.id, &one))
					}
				})
			})
		}
	}
	if reply.Report != nil {
		m := *reply.Report
		m.Chunk = proto.Chunk{Size: reply.Total, Offset: reply.From, Data: bytes.Clone(reply.Data)}
		if r.wrong && m.Do == proto.Update && len(m.Data) > 0 && s.chance("corruption", 0.1) { // and tells weights that are not the sum's
			m.Data[len(m.Data)/3] ^= 1
		}
		if s.broken == "state damaged" && (m.Do == proto.Gather || m.Do == proto.Deal) && len(m.Data) > 0 && s.chance("state damaged", 0.2) {
			m.Data[len(m.Data)/2] ^= 1
		}
		s.carry(r, func() {
			s.leaderOf(m.Head, func(c *simLeader) error {
				m := m
				if a := c.core.share.asked; s.broken == "report fence" && a != nil {
					m.Of.Deal, m.Round = c.core.share.deal, a.duty.Round
				}
				return c.core.reported(s.now, r.id, &m)
			})
		})
	}
	if reply.Report != nil && reply.Report.Do == proto.Update {
		s.fired["updates"]++
	}
	if reply.Edges != nil {
		s.fired["edges"] += len(reply.Edges)
	}
	if reply.Tell != nil && !s.chance("weights lost", 0.1) {
		s.hear(r.head, *reply.Tell)
	}
}

// leaderOf lets the coordinator of a start do something, if it is there.
func (s *simulation) leaderOf(h proto.Head, do func(c *simLeader) error) {
	for _, c := range slices.Clone(s.leaders) {
		if c.core.head.Same(h) && s.now >= c.cut {
			c.do(func() error {
				if c.core.ended {
					return nil
				}
				return do(c)
			})
		}
	}
}

// hear keeps a part of weights that was told.
func (s *simulation) hear(h proto.Head, t reduce.Told) {
	key := fmt.Sprint(h, t.Key)
	if s.heard[key] == nil {
		s.heard[key] = &simTold{parts: map[int64]reduce.Told{}}
	}
	s.heard[key].parts[t.Offset] = t
}

// toldTo returns the weights of a round that owners told; what is missing is asked of them.
func (s *simulation) toldTo(l *simLeader, r trainer.Round) (held, bool) {
	if r.Shares == nil || l.weights.key == r.Weights.Key {
		return held{}, false
	}
	key := fmt.Sprint(l.core.head, r.Weights.Key)
	t := s.heard[key]
	if t == nil {
		t = &simTold{parts: map[int64]reduce.Told{}}
		s.heard[key] = t
	}
	if t.held.model != nil {
		return t.held, true
	}
	data := make([]byte, r.Weights.Size)
	have := 0
	for _, p := range t.parts {
		have += copy(data[p.Offset:], p.Data)
	}
	for i := range r.Shares.Cuts {
		lo, _ := r.Shares.Range(i)
		if _, there := t.parts[int64(4*lo)]; there {
			continue
		}
		for _, owner := range s.reducers {
			if owner.alive && s.now >= max(owner.paused, owner.cut) {
				if c, ok := owner.owner.Blob(&proto.BlobRequest{Head: l.core.head, Key: r.Weights.Key, Offset: int64(4 * lo)}, 1<<30); ok {
					s.fired["weights asked for"]++
					have += copy(data[c.Offset:], c.Data)
					break
				}
			}
		}
	}
	var spans proto.Spans
	for at := 0; at < len(data); at += 4 * cutGrain { // chunks are short here
		spans = append(spans, proto.HashSpan(data[at:min(at+4*cutGrain, len(data))]))
	}
	if have != len(data) || spans.Digest() != r.Weights.Digest {
		return held{}, false
	}
	values := make([]float32, len(data)/4)
	copy(proto.Bytes32(values), data)
	g := l.core.train.Model().Graph
	t.held = held{l.core.head, r.Weights.Key, &nn.Model{Graph: g, Params: values[:g.NumParams()], Buffers: values[g.NumParams():]},
		r.Weights.Digest}
	return t.held, true
}

// finishCut is a worker sending sums of which owners get the gradient.
func (s *simulation) finishCut(w *simWorker, life int, spec proto.RoundSpec, b proto.Block, inputs proto.Digest, sums proto.Sums) {
	head := w.leader.core.head
	m := proto.PartialChunk{Head: head, Worker: w.id, Round: spec.Round, Block: b, Inputs: inputs}
	for i := range spec.Shares.Cuts {
		lo, hi := spec.Shares.Range(i)
		piece := &proto.Piece{PartialChunk: m, Of: proto.Of{Deal: spec.Shares.Deal, Share: uint32(i)}}
		piece.Chunk = proto.ChunkAt(bytes.Clone(proto.Bytes32(sums.F32[lo:hi])), 0, 1<<30)
		for _, r := range s.reducers {
			if !r.alive || s.now < w.cut {
				continue
			}
			s.carry(r, func() {
				s.at(r, func() {
					if r.owner.Share() != i {
						return
					}
					one := *piece
					if s.broken == "piece fence" {
						s.stale(r, &one)
					}
					s.replied(r, r.owner.Piece(w.id, &one))
				})
			})
		}
	}
	s.must(proto.SendPartial(m, proto.Sums{F64: sums.F64}, 1<<30, func(data []byte) error {
		data = bytes.Clone(data)
		s.deliver(w, life, func(c *simLeader) {
			c.do(func() error {
				if whole, ok := c.partials.receive(proto.Anybody, bytes.Clone(data)); ok && !c.core.ended {
					return c.core.partial(s.now, &whole)
				}
				return nil
			})
		})
		return nil
	}))
}

// roundOf makes an edge that comes late one of the round at hand.
func (s *simulation) roundOf(to *simReducer, m proto.Edge) (proto.Round, uint64) {
	for _, c := range s.leaders {
		if c.core.head.Same(to.head) {
			return c.core.number, c.core.share.deal
		}
	}
	return m.Round, m.Of.Deal
}

// stale makes a piece that comes late one of the round at hand.
func (s *simulation) stale(r *simReducer, p *proto.Piece) {
	for _, c := range s.leaders {
		if c.core.head.Same(p.Head) && c.core.round.Shares != nil && p.Block.In(c.core.round.MicroShards()) {
			p.Of.Deal, p.Round, p.Inputs = c.core.share.deal, c.core.number, c.inputs
		}
	}
}

func (c *simLeader) lend(b []blob) { c.lent = b }

func (c *simLeader) reducerLost(_ proto.WorkerID, steps int, _ string) {
	c.fired["reducer given up"]++
	if steps > 0 {
		c.fired["steps made again"] += steps
	}
}

func (c *simLeader) gathered() error {
	c.fired["gathered"]++
	return c.checkpoint()
}

// faultReducers does something to a reducer now and then.
func (s *simulation) faultReducers() {
	if len(s.reducers) == 0 {
		return
	}
	r := s.reducers[s.rand.IntN(len(s.reducers))]
	switch {
	case !r.alive && s.chance("reducer started", 0.5):
		s.reducers = slices.DeleteFunc(s.reducers, func(x *simReducer) bool { return x == r })
		s.startReducer(r.id)
	case r.alive && s.chance("reducer killed", 0.02):
		r.alive = false
	case r.alive && s.chance("reducer paused", 0.02):
		r.paused = s.now + s.ms(5000)
	case r.alive && s.chance("reducer cut off", 0.02):
		r.cut = s.now + s.ms(5000)
	case r.alive && len(s.reducers) < 2*s.ranges+2 && s.chance("reducers of one id", 0.02):
		if s.rand.IntN(2) == 0 {
			r.paused = s.now + s.ms(5000)
		}
		s.startReducer(r.id)
	}
}

// simulateAlone is the undisturbed run.
func simulateAlone(net simNet, table map[string]proto.Sums) string {
	return simulateOf(net, 0, table, "", map[string]int{})
}

// simulateShared is simulateOf with reducers.
func simulateShared(net simNet, ranges int, seed uint64, table map[string]proto.Sums, broken string, fired map[string]int) string {
	return simulateWith(net, simReducing{ranges: ranges}, seed, table, broken, fired)
}

// Any schedule in which reducers die, come back, stand still, are cut off and meet others of
// their id, while workers and coordinators do, ends in the bits of a run without reducers.
// TINYGROW_SIMULATIONS sets how many schedules are tried; deploy/test/simulate.py does.
func TestEveryScheduleOfReducersEndsInTheSameBits(t *testing.T) {
	n := schedules(t, 60, 12)
	fired := map[string]int{}
	nets := []simNet{cutNet(optim.SGD), cutNet(optim.AdamW), cutLocalNet(), cutNet(prune.DNAL)}
	for i, net := range nets {
		table := map[string]proto.Sums{}
		want := simulateAlone(net, table)
		if !strings.Contains(want, `"decision":"grow"`) && !strings.Contains(want, `"unit":"neurons"`) ||
			net.set.Prune.Policy == prune.DNAL && !strings.Contains(want, `"decision":"prune"`) {
			t.Fatalf("the run does not grow: %.300s", want)
		}
		for seed := i + 1; seed <= n; seed += len(nets) {
			if got := simulateShared(net, 3, uint64(seed), table, "", fired); got != want {
				t.Fatalf("network %d, seed %d:\n%.500s\nwant\n%.500s", i, seed, got, want)
			}
		}
	}
	if n >= 60 {
		for _, what := range []string{"reducer started", "reducer killed", "reducer paused", "reducer cut off", "reducers of one id", "id taken",
			"reducer lost a message", "reducer's message repeated", "reducer's message late", "weights lost", "weights asked for", "edge asked for",
			"reducer given up", "steps made again", "gathered", "crash in a deal", "crash in an update", "crash in a gather", "duel"} {
			if fired[what] == 0 {
				t.Errorf("%q never happened", what)
			}
		}
	}
	faults, err := json.Marshal(fired)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d schedules, all with the bits and the log of the undisturbed one; faults %s", n, faults)
}

// The simulation sees a missing fence between pieces of two rounds, one between edges and one
// between reports of two deals or rounds, and a reducer that tells other digests than its own.
func TestSimulationCatchesReducersBugs(t *testing.T) {
	net, table := cutNet(optim.AdamW), map[string]proto.Sums{}
	want := simulateAlone(net, table)
	for _, bug := range []string{"piece fence", "edge fence", "report fence", "reducer"} {
		caught, seed := false, uint64(0)
		for seed < 100 && !caught {
			seed++
			caught = func() (caught bool) {
				defer func() { caught = caught || recover() != nil }()
				return simulateShared(net, 3, seed, table, bug, map[string]int{}) != want
			}()
		}
		if caught {
			t.Logf("planted bug %q was caught by seed %d", bug, seed)
		} else {
			t.Errorf("planted bug %q was not caught", bug)
		}
	}
}

// A range that arrives damaged, at its owner or back, is found out, and costs no bit.
func TestDamagedStateOfARangeCostsNoBit(t *testing.T) {
	net, table, fired := cutNet(optim.SGD), map[string]proto.Sums{}, map[string]int{}
	want := simulateAlone(net, table)
	for seed := uint64(1); seed < 12; seed++ {
		if got := simulateShared(net, 3, seed, table, "state damaged", fired); got != want {
			t.Fatalf("seed %d: %.500s", seed, got)
		}
	}
	if fired["state damaged"] == 0 {
		t.Error("nothing was damaged")
	}
}
