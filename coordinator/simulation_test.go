package coordinator

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/lead"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/coordinator/trainer/naive"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// simulation runs the coordinator's core against made-up workers, a made-up
// network and a made-up clock, by a seeded schedule of faults. Everything that
// decides is real; sums come from a table that real kernels fill once, because
// they are a pure function of weights, round and block.
type simulation struct {
	rand  *rand.Rand
	now   plan.Time
	queue events
	count int // of events, to break ties in the order of their making

	table   map[string]proto.Sums // by digest of the state, round and block
	workers []*simWorker
	leaders []*simLeader // those alive; more than one at times
	started int
	hub     *bus.Hub // keeps the commit log
	log     bus.Log
	objects map[string]saved // the object store
	disk    *saved           // the run directory that some coordinators share
	crashes int
	duels   int
	fired   map[string]int
	broken  string // a planted fault
	net     simNet
	arrival float32
	*unlogged
	simReducing
}

// simLeader is a coordinator.
type simLeader struct {
	*simulation
	core    *core
	lead    *lead.Lead
	rivals  *rivals // without a commit log
	run     int
	term    proto.Term
	weights held // handed out
	inputs  proto.Digest
	journal []string
	paused  plan.Time // until then
	cut     plan.Time // off from everybody, until then
	dead    bool

	partials *partials // of rounds whose gradients reducers get
	lent     []blob
}

// simSystem is a commit log that fails at times, beside objects that are not used.
type simSystem struct {
	bus.Logs
	bus.ObjectStores
}

// saved is a checkpoint.
type saved struct {
	model    *nn.Model
	slots    []optim.Slot
	updates  uint64
	progress []byte
	riding   []float64 // what rode along
	journal  []string
}

// simWorker is what a worker does, without computing.
type simWorker struct {
	id      proto.WorkerID
	threads int
	speed   float64
	corrupt bool // computes wrongly at times
	alive   bool
	paused  plan.Time // until then
	cut     plan.Time // off from everybody, until then
	life    int       // answers to an earlier life are lost
	leader  *simLeader
	weights held // the last that it got
	seq     uint64
	last    uint64
	busy    plan.Time // until then
}

// held is a version of the weights, of the start and key that it came with.
type held struct {
	of     proto.Head
	key    string
	model  *nn.Model
	digest proto.Digest
}

// event is something that happens at a time.
type event struct {
	at plan.Time
	n  int
	do func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].n < q[j].n
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func (s *simulation) after(d time.Duration, do func()) {
	s.count++
	heap.Push(&s.queue, event{s.now + d, s.count, do})
}

func (s *simulation) ms(n int) time.Duration {
	return time.Duration(1+s.rand.IntN(n*1000)) * time.Microsecond
}

func (s *simulation) chance(what string, p float64) bool {
	if s.rand.Float64() >= p {
		return false
	}
	s.fired[what]++
	return true
}

// simNet is what is trained.
type simNet struct {
	set   trainer.Settings
	graph *nn.Graph
}

// streamNet is a residual network that grows by computation, its stream too, with
// statistics that ride along and rates by birth.
func streamNet() simNet {
	n := simNet{simSettings(), &nn.Graph{Input: nn.Shape{C: 3, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 2, Bias: true},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"fc1"}, Out: 2, Bias: true},
		{ID: "bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"fc2"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "relu", Op: nn.OpReLU, Inputs: []nn.NodeID{"bn"}},
		{ID: "fc3", Op: nn.OpLinear, Inputs: []nn.NodeID{"relu"}, Out: 2, Bias: true},
		{ID: "sum", Op: nn.OpAdd, Inputs: []nn.NodeID{"fc1", "fc3"}},
		{ID: "fc4", Op: nn.OpLinear, Inputs: []nn.NodeID{"sum"}, Out: 3, Bias: true},
	}}}
	n.set.Growth = growth.DefaultOf(growth.PolicyCompute)
	n.set.Growth.EverySteps, n.set.Growth.Until, n.set.Growth.Samples = 5, 0.9, 48
	n.set.Growth.Gate, n.set.Growth.Riding, n.set.Growth.MaxFLOPs = false, 1, 4*n.graph.FLOPs()
	n.set.Optimizer.Births = optim.VarianceTransfer
	return n
}

// localNet is the stream's, of which five replicas take steps of their own: two and, at the
// end of an epoch of five, one.
func localNet() simNet {
	n := streamNet()
	n.set.Train.MicroShard, n.set.Data.Train, n.set.Train.Epochs = 4, 200, 6
	n.set.Sync = trainer.DefaultSync()
	n.set.Sync.Every, n.set.Sync.Replicas = 2, 5
	n.set.Growth.Riding = 0.5
	return n
}

// learnedNet is a small network whose first weights are learned, and which grows then.
func learnedNet(method string) simNet {
	n := simNet{simSettings(), simGraph()}
	n.set.Train.Init.Learn, n.set.Train.Init.Iterations, n.set.Train.Init.LR = method, 6, 0.05
	n.set.Train.Init.Gamma, n.set.Train.Epochs = 0.6, 2
	return n
}

// simSettings train a small network with batch norm that grows.
func simSettings() trainer.Settings {
	c, o, g := trainer.Default(), optim.Default(), growth.DefaultOf(growth.PolicyTiny)
	c.Batch, c.MicroShard, c.Epochs, c.EvalEpochs = 40, 8, 3, 1
	g.EverySteps, g.Samples, g.Gate, g.Riding = 3, 48, false, 1
	c.GradCosine = true
	o.Average = 0.3 // so that evaluations read other weights than steps
	return trainer.Settings{Train: c, Optimizer: o, Growth: g, Data: trainer.Data{Train: 160, Test: 30}}
}

func simGraph() *nn.Graph {
	return &nn.Graph{Input: nn.Shape{C: 3, H: 1, W: 1}, Loss: nn.CrossEntropy, Nodes: []nn.Node{
		{ID: "x", Op: nn.OpInput},
		{ID: "fc1", Op: nn.OpLinear, Inputs: []nn.NodeID{"x"}, Out: 2, Bias: true},
		{ID: "bn", Op: nn.OpBatchNorm, Inputs: []nn.NodeID{"fc1"}, Eps: 1e-5, Momentum: 0.1},
		{ID: "relu", Op: nn.OpReLU, Inputs: []nn.NodeID{"bn"}},
		{ID: "fc2", Op: nn.OpLinear, Inputs: []nn.NodeID{"relu"}, Out: 3, Bias: true},
	}}
}

// sums returns a copy of the sums over a block of a round with some weights.
func (s *simulation) sums(v held, r trainer.Round, b proto.Block) proto.Sums {
	key := fmt.Sprint(v.digest, r.Graph.Digest, r.Kind, r.Order, r.Offset, r.Count, r.F64, r.Step, r.Local, b)
	if r.Request != nil {
		js, _ := json.Marshal(r.Request)
		key += string(js)
	}
	found, ok := s.table[key]
	if !ok {
		found = s.compute(v, r, b)
		s.table[key] = found
	}
	c := proto.NewSums(found.Lengths())
	copy(c.F32, found.F32)
	copy(c.F64, found.F64)
	return c
}

func (s *simulation) compute(v held, r trainer.Round, b proto.Block) proto.Sums {
	if !b.IsLeaf() {
		left, right := b.Split()
		x := s.sums(v, r, left)
		grain := cmp.Or(s.net.set.Grain, reduce.Chunk)
		naive.Add(b, &r.RoundSpec, v.model.Graph, int(grain), x, s.sums(v, r, right))
		return x
	}
	leaf := naive.Leaf{Model: v.model, Round: r.RoundSpec, Request: r.Request, Lengths: r.Lengths, Shard: uint64(b.Lo)}
	fill := func(batch *nn.Batch, lo, hi uint64) {
		batch.N = int(hi - lo)
		for i := range batch.N {
			noise := rand.New(rand.NewPCG(lo+uint64(i), uint64(len(r.Order.Stream))+r.Order.Index*7))
			label := noise.IntN(3)
			batch.Labels[i] = int32(label)
			for c := range 3 {
				v := noise.NormFloat64()
				if c == label {
					v++
				}
				batch.X[c*32+i] = float32(v)
			}
		}
	}
	if r.Kind == proto.Local {
		return leaf.Steps(r.Plan, fill)
	}
	lo, hi := r.Range(b.Lo)
	return leaf.Sums(func(batch *nn.Batch) { fill(batch, lo, hi) })
}

// coordinator's side.

// start lets a coordinator take the run up: from a checkpoint, or from the beginning.
func (s *simulation) start() {
	ctx := context.Background()
	b := s.hub.Connect().(lead.System)
	l, err := lead.Open(ctx, simSystem{bus.LogFaults(b, bus.LogPlan{Seed: s.rand.Uint64(), Lose: 0.02, LoseAck: 0.02}), b},
		lead.Options{Run: "sim", Silence: time.Second})
	s.must(err)
	past, err := l.History(ctx)
	s.must(err)
	s.started++
	c := &simLeader{simulation: s, lead: l, term: past.Term + 1}
	head := proto.Head{Run: "sim", Term: c.term, Start: proto.Start(fmt.Sprint("s", s.started))}
	c.core = &core{head: head, train: c.trainer(past), port: c,
		ledger: lead.NewLedger(past, lead.Self{Head: head, Holder: fmt.Sprint("c", s.started)}, false),
		plan:   plan.New(s.planConfig())}
	s.leaders = append(s.leaders, c)
	c.shares()
	c.do(func() error { return c.core.begin(s.now) })
	c.tick()
}

// sybil is the fault that two of five workers have one key and agree on wrong sums at times.
const sybil = "worker of two ids"

// corrupts reports whether one key of the workers computes wrongly at times.
func (s *simulation) corrupts() bool { return strings.HasPrefix(s.broken, "worker") }

func (s *simulation) planConfig() plan.Config {
	c := plan.Config{LostAfter: 2 * time.Second, Poll: 500 * time.Millisecond, Grace: 50 * time.Millisecond}
	if s.broken == "worker" || s.broken == sybil {
		c.Audit = 1
	}
	if s.corrupts() {
		c.MinWorkers = 3
	}
	return c
}

// trainer restores what the coordinator's directory or the object store has.
func (c *simLeader) trainer(past lead.History) *trainer.Trainer {
	var from *saved
	if past.Checkpoint != nil {
		x := c.objects[past.Checkpoint.Object]
		from = &x
	}
	if c.disk != nil && c.rand.IntN(2) == 0 {
		from = c.disk
	}
	if from == nil {
		t, err := trainer.New(c.net.set, nn.Init(c.net.graph, 1))
		c.must(err)
		return t
	}
	return c.restore(c.net.set, *from)
}

// restore returns the trainer of a checkpoint, and makes its journal this coordinator's.
func (c *simLeader) restore(set trainer.Settings, from saved) *trainer.Trainer {
	var at trainer.Progress
	c.must(json.Unmarshal(from.progress, &at))
	at, err := at.WithValues(from.model.Graph, from.riding)
	c.must(err)
	t, err := trainer.Restore(set, from.model.Clone(), cloneSlots(from.slots), from.updates, at)
	c.must(err)
	c.journal = slices.Clone(from.journal)
	return t
}

func cloneSlots(slots []optim.Slot) []optim.Slot {
	var out []optim.Slot
	for _, x := range slots {
		out = append(out, optim.Slot{Name: x.Name, Data: append([]float32(nil), x.Data...)})
	}
	return out
}

func (s *simulation) must(err error) {
	if err != nil {
		panic(err)
	}
}

// do lets the coordinator do something, unless it is dead; while it is paused
// that waits. It may crash doing it, or be fenced; another takes over after a while.
func (c *simLeader) do(f func() error) {
	s := c.simulation
	switch {
	case c.dead:
		return
	case s.now < c.paused:
		s.after(c.paused-s.now, func() { c.do(f) })
		return
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case crash:
			c.die()
			s.succeed(c, s.ms(1500))
		default:
			panic(r)
		}
	}()
	if err := f(); errors.Is(err, lead.ErrHeld) {
		s.fired["gave way"]++
		c.die()
	} else if errors.Is(err, lead.ErrFenced) {
		s.fired["fenced"]++
		c.die()
		s.after(s.ms(3000), func() { // it stands by; a record of a dead one that came late may have fenced it
			if len(s.leaders) == 0 {
				s.start()
			}
		})
	} else if errors.Is(err, ErrDisagree) && s.corrupts() { // nobody was there to decide; somebody resumes the run
		s.fired["refused"]++
		c.die()
		s.after(s.ms(3000), s.start)
	} else if err != nil {
		panic(err)
	}
}

// succeed lets another coordinator take up what c led.
func (s *simulation) succeed(c *simLeader, after time.Duration) {
	if s.unlogged != nil {
		s.unlogged.succeed(s, c.run, after)
		return
	}
	s.after(after, s.start)
}

func (c *simLeader) die() {
	c.dead = true
	c.leaders = slices.DeleteFunc(c.leaders, func(x *simLeader) bool { return x == c })
}

func (c *simLeader) tick() {
	c.after(50*time.Millisecond, func() {
		if !c.dead {
			c.handle(plan.Tick{}, proto.Sums{})
			c.tick()
		}
	})
}

// crash ends the coordinator at a named point.
type crash string

// handle gives an event to the core, which may crash in it.
func (c *simLeader) handle(e plan.Event, sums proto.Sums) {
	c.do(func() error {
		if c.core.ended {
			return nil
		}
		return c.core.handle(c.now, e, sums)
	})
}

func (s *simulation) maybeCrash(point string) {
	if s.crashes > 0 && s.chance("crash "+point, 0.01) {
		s.crashes--
		panic(crash(point))
	}
}

// A simLeader is its core's world.

func (c *simLeader) answer(w proto.WorkerID, t *proto.Task) {
	if c.chance("answer lost", 0.02) {
		return
	}
	s := c.simulation
	worker := s.workers[slot(w)]
	if s.now < max(c.cut, worker.cut) {
		return
	}
	life, task := worker.life, *t
	if t.Do == proto.Compute {
		c.partials.expect(w, t.Block)
	}
	s.after(s.ms(5), func() { s.told(worker, life, task, c) })
	if t.Do == proto.Compute {
		s.maybeCrash("after assign")
	}
}

func (c *simLeader) open(r roundInfo, o offer, newWeights bool) {
	c.inputs = r.inputs
	c.partials.open(r)
	if key := o.weights.ref.Key; newWeights || o.weights.data != nil && key != c.weights.key { // who misses them asks for them
		c.weights = held{c.core.head, o.weights.ref.Key, c.core.train.Weights().Model.Clone(), proto.DigestOf(o.weights.data)}
		c.maybeCrash("mid-broadcast")
	}
}

func (c *simLeader) memory(n int) []float32 { return make([]float32, n) }
func (c *simLeader) release(proto.Sums)     {}

func (c *simLeader) decided(cmd plan.Command) {
	switch cmd := cmd.(type) {
	case plan.Drop:
		c.partials.forget(cmd.Worker)
	case plan.Alarm:
		c.fired["alarm"]++
	case plan.Redo:
		c.fired["redo"]++
	case plan.Quarantine:
		c.fired["quarantine"]++
		if !c.workers[slot(cmd.Worker)].corrupt {
			panic(fmt.Sprint("the wrong worker: ", cmd))
		}
	}
}

func (c *simLeader) enters(phase) {}

// append sends a record to the log, which answers after a while; no answer is
// asked for again.
func (c *simLeader) append(after uint64, r *proto.Commit) {
	s := c.simulation
	s.after(s.ms(10), func() {
		if s.now < c.cut {
			if !c.dead {
				s.after(c.cut-s.now, func() { c.append(after, r) })
			}
			return
		}
		if s.broken == "log fence" { // a log that takes what comes
			last, err := s.log.Last(context.Background())
			s.must(err)
			after = last.Number
		}
		err := c.lead.Try(context.Background(), after, r)
		s.after(s.ms(10), func() {
			c.do(func() error {
				switch {
				case err == nil:
					return c.core.acked(s.now)
				case errors.Is(err, lead.ErrFenced):
					return err
				}
				s.fired["log silent"]++
				c.append(after, r)
				return nil
			})
		})
	})
}

func (c *simLeader) applied(a trainer.Applied) error {
	s := c.simulation
	s.maybeCrash("before commit")
	if a.Growth != nil {
		line, err := json.Marshal(a.Growth)
		if err != nil {
			return err
		}
		c.journal = append(c.journal, string(line))
	}
	if a == (trainer.Applied{}) {
		s.maybeCrash("in a growth event")
	}
	if a.Init != nil {
		s.maybeCrash("learning first weights")
	}
	if (a.Step != nil || a.Init != nil) && s.rand.IntN(4) == 0 {
		if !c.core.whole() {
			c.core.save(s.now)
		} else if err := c.checkpoint(); err != nil {
			return err
		}
	}
	s.maybeCrash("after commit")
	return nil
}

// checkpoint writes to the disk, and to the object store while the run goes on.
func (c *simLeader) checkpoint() error {
	s, t := c.simulation, c.core.train
	s.maybeCrash("in a checkpoint")
	progress, err := json.Marshal(t.Progress())
	if err != nil {
		return err
	}
	x := saved{t.Model().Clone(), cloneSlots(t.Slots()), t.Optimizer().Count(), progress, t.Progress().Values(), slices.Clone(c.journal)}
	if s.unlogged != nil {
		s.disks[c.run] = &x
		return nil
	}
	state, mark, object := c.core.state(), c.core.ledger.Mark(), fmt.Sprint(c.term, "/", t.Step())
	s.disk = &x
	s.after(s.ms(200), func() {
		c.do(func() error {
			if s.now < c.cut {
				return nil // the next one will do
			}
			s.objects[object] = x
			s.maybeCrash("in an upload")
			c.core.stored(state, object, mark)
			return nil
		})
	})
	return nil
}

func slot(w proto.WorkerID) int {
	n, _ := strconv.Atoi(string(w[strings.LastIndexByte(string(w), 'w')+1:]))
	return n
}

// The workers' side.

// join says hello until the coordinator is there.
func (s *simulation) join(w *simWorker, life int) {
	s.after(s.ms(20), func() {
		if !w.alive || w.life != life {
			return
		}
		if len(s.leaders) == 0 || s.now < max(w.paused, w.cut) {
			s.join(w, life)
			return
		}
		c := s.leaders[s.rand.IntN(len(s.leaders))] // whose answer is the first
		if s.now < max(c.paused, c.cut) || c.claims() {
			s.join(w, life)
			return
		}
		if why := c.core.plan.Quarantined(w.id); why != "" {
			s.join(w, life) // the next coordinator does not know it
			return
		}
		w.leader, w.last = c, 0
		c.partials.admit(w.id)
		c.handle(plan.Join{Worker: w.id, Threads: w.threads}, proto.Sums{})
		s.beat(w, life)
		s.pull(w, life)
	})
}

func (s *simulation) beat(w *simWorker, life int) {
	s.after(400*time.Millisecond, func() {
		if !w.alive || w.life != life {
			return
		}
		if s.now >= max(w.paused, w.cut, w.leader.cut) {
			w.leader.handle(plan.Heard{Worker: w.id}, proto.Sums{})
		}
		s.beat(w, life)
	})
}

func (s *simulation) pull(w *simWorker, life int) {
	w.seq++
	e := plan.Pull{Worker: w.id, Seq: w.seq, Last: w.last}
	s.deliver(w, life, func(c *simLeader) { c.handle(e, proto.Sums{}) })
	seq := w.seq
	s.after(time.Second, func() { // no answer: pull again
		if w.alive && w.life == life && w.seq == seq {
			s.pull(w, life)
		}
	})
}

// deliver carries a message from a worker, through faults, to all coordinators.
func (s *simulation) deliver(w *simWorker, life int, arrive func(c *simLeader)) {
	copies := 1
	switch {
	case s.now < w.cut:
		return
	case s.chance("lost", 0.02), s.chance("damaged", 0.02):
		return
	case s.chance("repeated", 0.03):
		copies = 2
	}
	leader := w.leader
	for range copies {
		d := s.ms(5)
		if s.chance("late", 0.03) {
			d = s.ms(3000)
		}
		s.after(d, func() {
			for _, c := range slices.Clone(s.leaders) {
				switch {
				case s.now < c.cut || c.claims():
				case c.hears(leader.core.head):
					arrive(c)
				case c.term >= leader.term || s.unlogged != nil:
					c.do(func() error { s.told(w, life, proto.Task{Do: proto.Rejoin}, leader); return nil })
				}
			}
		})
	}
}

// told is a worker getting the answer to its pull.
func (s *simulation) told(w *simWorker, life int, t proto.Task, from *simLeader) {
	if !w.alive || w.life != life || !w.leader.hears(from.core.head) {
		return
	}
	if s.now < w.paused {
		s.after(w.paused-s.now, func() { s.told(w, life, t, from) })
		return
	}
	switch t.Do {
	case proto.Rejoin:
		w.life++
		s.join(w, w.life)
		return
	case proto.Compute:
		w.last = max(w.last, t.Task)
		r := from.core.round
		if r.Round != t.Spec.Round {
			break // superseded
		}
		inputs, sums, ok := s.work(w, from, r, t.Block)
		if !ok {
			break // who has its weights is gone
		}
		steps := float64(max(r.Local.Steps, 1))
		w.busy = max(w.busy, s.now) + time.Duration(float64(t.Block.Len())*steps/float64(w.threads)*w.speed*float64(10*time.Millisecond))
		s.after(w.busy-s.now, func() { s.finish(w, life, from, t.Spec, t.Block, inputs, sums) })
	}
	s.pull(w, life)
}

// work is a worker computing a block with the weights of that key, which it has
// or gets, and what it says that the sums were made from.
func (s *simulation) work(w *simWorker, l *simLeader, r trainer.Round, b proto.Block) (proto.Digest, proto.Sums, bool) {
	if w.weights.key > r.Weights.Key && w.weights.of.Same(l.core.head) {
		return proto.Digest{}, proto.Sums{}, false // it takes no earlier ones than it has
	}
	other := s.ranges > 0 && w.weights.digest != r.Weights.Digest // owners here hash shorter spans than a coordinator
	if w.weights.key != r.Weights.Key || other || !l.hears(w.weights.of) {
		w.weights = l.weights
		if told, ok := s.toldTo(l, r); ok {
			w.weights = told
		} else if r.Shares != nil && l.weights.key != r.Weights.Key {
			return proto.Digest{}, proto.Sums{}, false
		}
	}
	lengths := r
	if r.Shares != nil { // sums are those of a round that nobody shares, cut
		lengths.F32 = len(w.weights.model.Params)
	}
	return r.Inputs(r.Graph.Digest, w.weights.digest, r.RoundSpec.Request.Digest), s.sums(w.weights, lengths, b), true
}

// finish is a worker sending a partial.
func (s *simulation) finish(w *simWorker, life int, l *simLeader, spec proto.RoundSpec, b proto.Block, inputs proto.Digest,
	sums proto.Sums) {
	c := l.core
	if !w.alive || w.life != life || !w.leader.hears(l.core.head) {
		return
	}
	if s.now < w.paused {
		s.after(w.paused-s.now, func() { s.finish(w, life, l, spec, b, inputs, sums) })
		return
	}
	if !l.dead && (c.number != spec.Round || c.ended) {
		return // superseded
	}
	if w.corrupt && s.broken == sybil && (uint32(inputs[0])+b.Lo)%4 == 0 && s.chance("corruption", 1) { // all who collude alike
		sums.F64[1] += 1e-3
	} else if w.corrupt && s.broken != sybil && s.chance("corruption", 0.2) {
		if len(sums.F32) > 0 {
			sums.F32[s.rand.IntN(len(sums.F32))] += 1e-3
		} else {
			sums.F64[s.rand.IntN(len(sums.F64))] += 1e-9
		}
	}
	if spec.Shares != nil {
		s.finishCut(w, life, spec, b, inputs, sums)
		return
	}
	digest := digestOf(sums)
	if s.broken == "arrival" { // a worker that sums in another order
		s.arrival += 1e-7
		for i := range sums.F32 {
			sums.F32[i] += s.arrival
		}
	}
	s.deliver(w, life, func(to *simLeader) {
		fresh := proto.NewSums(sums.Lengths())
		copy(fresh.F32, sums.F32)
		copy(fresh.F64, sums.F64)
		if s.broken != "fence" && (to.core.number != spec.Round || s.broken != "identity" && inputs != to.inputs) {
			// What partials.receive does with a chunk of another round, or of other weights.
			s.fired["not the round's"]++
			return
		}
		round := spec.Round
		if s.broken == "fence" {
			round = to.core.number
		}
		to.handle(plan.Partial{Worker: w.id, Round: round, Block: b, Digest: digest}, fresh)
	})
}

// fault does something to somebody now and then.
func (s *simulation) fault() {
	s.after(s.ms(300), func() {
		w := s.workers[s.rand.IntN(len(s.workers))]
		switch {
		case !w.alive && s.chance("join", 0.5):
			w.alive, w.life, w.busy = true, w.life+1, 0
			s.join(w, w.life)
		case w.alive && s.chance("kill", 0.1):
			w.alive = false
		case w.alive && s.chance("leave", 0.05):
			w.alive = false
			if w.leader != nil && s.now >= max(w.cut, w.leader.cut) {
				w.leader.handle(plan.Leave{Worker: w.id, Why: "told to stop"}, proto.Sums{})
			}
		case w.alive && s.chance("pause", 0.1):
			w.paused = s.now + s.ms(4000)
		case w.alive && s.chance("cut off", 0.1):
			w.cut = s.now + s.ms(4000)
		}
		s.faultReducers()
		if len(s.leaders) > 0 && s.duels > 0 {
			c := s.leaders[s.rand.IntN(len(s.leaders))]
			switch {
			case s.unlogged != nil:
				s.unlogged.fault(s, c)
			case s.chance("coordinator paused", 0.05): // long enough for a standby to take over
				s.duels--
				c.paused = s.now + s.ms(6000)
				s.after(s.ms(3000), s.start)
			case s.chance("coordinator cut off", 0.05): // the same, and it goes on by itself meanwhile
				s.duels--
				c.cut = s.now + s.ms(6000)
				s.after(s.ms(3000), s.start)
			case s.chance("duel", 0.05): // a standby thinks that it is dead, and it is not
				s.duels--
				s.after(s.ms(10), s.start)
			}
		}
		s.fault()
	})
}

// run simulates one schedule and returns what the run led to, or "" if it
// did not end.
func simulate(seed uint64, table map[string]proto.Sums, broken string, fired map[string]int) string {
	return simulateOf(simNet{simSettings(), simGraph()}, seed, table, broken, fired)
}

func simulateOf(net simNet, seed uint64, table map[string]proto.Sums, broken string, fired map[string]int) string {
	return simulateWith(net, simReducing{}, seed, table, broken, fired)
}

func simulateWith(net simNet, r simReducing, seed uint64, table map[string]proto.Sums, broken string, fired map[string]int) string {
	s := &simulation{rand: rand.New(rand.NewPCG(seed, 7)), table: table, fired: fired, broken: broken, objects: map[string]saved{}, net: net,
		simReducing: r}
	defer s.useLog()()
	s.crew(seed)
	s.after(0, s.start)
	for s.now < time.Hour {
		e := heap.Pop(&s.queue).(event)
		s.now = e.at
		e.do()
		for _, c := range s.leaders {
			if c.core.finished() {
				s.checkLog()
				return c.result()
			}
		}
	}
	return ""
}

// crew lets workers come, and faults begin.
func (s *simulation) crew(seed uint64) {
	s.crashes, s.duels = s.rand.IntN(4), s.rand.IntN(4)
	n := 1 + s.rand.IntN(5)
	if s.corrupts() {
		n = 5
	}
	for i := range n {
		s.workers = append(s.workers, &simWorker{id: proto.WorkerID(fmt.Sprintf("w%d", i)), threads: 1 + s.rand.IntN(3), speed: 0.2 +
			3*s.rand.Float64()})
	}
	s.workers[seed%uint64(n)].corrupt = s.corrupts()
	if s.broken == sybil {
		s.collude(seed)
	}
	for _, w := range s.workers {
		w.alive = true
		s.join(w, 0)
	}
	s.startReducers()
	s.fault()
}

// result is all that a run led to.
func (c *simLeader) result() string {
	t := c.core.train
	return fmt.Sprint(t.Step(), t.Generation(), t.Digest(), t.Progress().Epoch, t.Progress().LastEpoch, t.Progress().Test, t.Progress().Noise,
		strings.Join(c.journal, "\n"))
}

// collude gives two workers one key, and the others one each.
func (s *simulation) collude(seed uint64) {
	for i, w := range s.workers {
		w.corrupt = uint64(i) == seed%5 || uint64(i) == (seed+1)%5
		key := proto.Key(fmt.Sprint("K", i))
		if w.corrupt {
			key = "S"
		}
		w.id = key.Worker(w.id)
	}
}

// useLog opens the commit log.
func (s *simulation) useLog() (closeBus func() error) {
	s.hub = bus.NewHub(0)
	b := s.hub.Connect()
	var err error
	s.log, err = b.OpenLog(context.Background(), bus.LogOptions{Name: "tg-log-sim"})
	s.must(err)
	return b.Close
}

// checkLog panics unless the log tells one story: terms one after the other,
// each step and each growth event once, in order within a term. A step whose record was lost with its writer, while the disk
// kept it, may be missing.
func (s *simulation) checkLog() {
	records, err := s.log.Read(context.Background(), 1, 1<<20)
	s.must(err)
	type key struct {
		kind proto.CommitKind
		step proto.Step
	}
	seen := map[key]bool{}
	var term proto.Term
	var step proto.Step
	for _, r := range records {
		c := new(proto.Commit)
		s.must(proto.Decode(r.Data, c))
		k := key{c.Kind, c.Step}
		counts := c.Kind == proto.StepCommit || c.Kind == proto.GrowthCommit
		switch {
		case c.Kind == proto.TermCommit && c.Term <= term, c.Kind != proto.TermCommit && c.Term != term,
			counts && (seen[k] || c.Step < step),
			c.Kind == proto.EndCommit:
			panic(fmt.Sprintf("record %d of the log: %+v behind term %d, step %d", r.Number, c, term, step))
		}
		term = c.Term
		switch {
		case c.Kind == proto.TermCommit:
			step = 0
		case counts:
			seen[k], step = true, c.Step
		}
	}
}

// schedules returns how many schedules to try.
func schedules(t *testing.T, usual, short int) int {
	if v := os.Getenv("TINYGROW_SIMULATIONS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return short
	}
	return usual
}

// Any schedule of joins, kills, goodbyes, pauses, partitions, losses, damages,
// repeats, delays, crashes of the coordinator at named points, pauses of it and
// duels of two ends in the same bits and in a log that tells one story.
// TINYGROW_SIMULATIONS sets how many schedules are tried; deploy/test/simulate.py does.
func TestEveryScheduleEndsInTheSameBits(t *testing.T) {
	n := schedules(t, 600, 150)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := simulate(0, table, "", fired)
	if !strings.Contains(want, `"decision":"grow"`) || !strings.Contains(want, `"evidence":[{"site":"fc1"`) {
		t.Fatalf("the run does not grow, or statistics do not ride along: %s", want)
	}
	for seed := uint64(1); seed < uint64(n); seed++ {
		if got := simulate(seed, table, "", fired); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	for _, what := range []string{"join", "kill", "leave", "pause", "lost", "damaged", "repeated", "late", "answer lost",
		"crash after assign", "crash mid-broadcast", "crash before commit", "crash after commit", "crash in a growth event",
		"crash in a checkpoint", "crash in an upload",
		"cut off", "coordinator paused", "coordinator cut off", "duel", "fenced", "log silent"} {
		if fired[what] == 0 {
			t.Errorf("%q never happened", what)
		}
	}
	faults, err := json.Marshal(fired)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d schedules, all with the bits and the log of the undisturbed one; faults %s", n, faults)
}

// So do those of a stream that grows while statistics ride along: coordinators end in the
// middle of such an event, and in windows.
func TestEveryScheduleOfStreamsEndsInTheSameBits(t *testing.T) {
	n := schedules(t, 300, 150)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := simulateOf(streamNet(), 0, table, "", fired)
	if !strings.Contains(want, `"site":"fc1","unit":"neurons"`) || !strings.Contains(want, `"evidence":[{"site":"fc1"`) || !strings.Contains(want, `{"site":"fc2","samples":`) {
		t.Fatalf("no stream grows, or statistics do not ride along: %s", want)
	}
	for seed := uint64(1); seed < uint64(n); seed++ {
		if got := simulateOf(streamNet(), seed, table, "", fired); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	for _, what := range []string{"crash in a growth event", "crash after commit", "crash in a checkpoint", "duel", "kill"} {
		if fired[what] == 0 {
			t.Errorf("%q never happened", what)
		}
	}
}

// So do those of replicas that take steps of their own, whatever is lost with a worker, with growth
// events and statistics that ride along between outer steps.
func TestEveryScheduleOfLocalStepsEndsInTheSameBits(t *testing.T) {
	n := schedules(t, 300, 100)
	table, fired := map[string]proto.Sums{}, map[string]int{}
	want := simulateOf(localNet(), 0, table, "", fired)
	if !strings.Contains(want, `"site":"fc1","unit":"neurons"`) || !strings.Contains(want, `"evidence":[{"site":"fc1"`) ||
		!strings.HasPrefix(want, "30 ") {
		t.Fatalf("no stream grows, statistics do not ride along, or other steps: %s", want)
	}
	for seed := uint64(1); seed < uint64(n); seed++ {
		if got := simulateOf(localNet(), seed, table, "", fired); got != want {
			t.Fatalf("seed %d:\n%s\nwant\n%s", seed, got, want)
		}
	}
	for _, what := range []string{"crash in a growth event", "crash after commit", "crash in a checkpoint", "duel", "kill", "fenced"} {
		if fired[what] == 0 {
			t.Errorf("%q never happened", what)
		}
	}
}

// So do those of a network whose first weights are learned: coordinators end in the middle of that.
func TestEveryScheduleOfLearnedWeightsEndsInTheSameBits(t *testing.T) {
	n := schedules(t, 200, 60)
	for _, method := range []string{initial.GradInit, initial.NIO} {
		table, fired := map[string]proto.Sums{}, map[string]int{}
		want := simulateOf(learnedNet(method), 0, table, "", fired)
		for seed := uint64(1); seed < uint64(n); seed++ {
			if got := simulateOf(learnedNet(method), seed, table, "", fired); got != want {
				t.Fatalf("%s: seed %d:\n%s\nwant\n%s", method, seed, got, want)
			}
		}
		for _, what := range []string{"crash learning first weights", "crash in a checkpoint", "duel", "kill", "fenced"} {
			if fired[what] == 0 {
				t.Errorf("%s: %q never happened", method, what)
			}
		}
	}
}

// The simulation sees a sum that depends on the order of arrival, a missing
// fence between rounds, one between coordinators, and wrong sums that nobody looks for.
func TestSimulationCatchesPlantedBugs(t *testing.T) {
	table := map[string]proto.Sums{}
	want := simulate(0, table, "", map[string]int{})
	for _, bug := range []string{"arrival", "fence", "log fence", "worker without audits"} {
		caught, seed := false, uint64(0)
		for seed < 60 && !caught {
			seed++
			caught = func() (caught bool) {
				defer func() { caught = caught || recover() != nil }()
				return simulate(seed, map[string]proto.Sums{}, bug, map[string]int{}) != want
			}()
		}
		if caught {
			t.Logf("planted bug %q was caught by seed %d", bug, seed)
		} else {
			t.Errorf("planted bug %q was not caught", bug)
		}
	}
}
