package forecast

import (
	"fmt"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/proto"
)

// simulation is a run in which time is counted and nothing computed.
type simulation struct {
	Config
	clock
	net     *network
	plan    *plan.Plan
	fold    *proto.Fold[struct{}]
	cores   *pool // nil: every host has its own
	home    int   // host of the coordinator
	workers []*worker
	byID    map[proto.WorkerID]*worker
	hosts   []int // of the workers, in order
	owners  []*owner

	// Goroutines of the coordinator: of the run, of messages that come, and of weights.
	run, bus, send *lane

	round    proto.Round
	adds     int             // additions since the last look
	arriving map[arrival]int // parts of partials that are still to come
	updating int             // owners that have not updated
	marks    []mark          // the rounds so far
}

// arrival is a partial on its way.
type arrival struct {
	worker *worker
	block  proto.Block
	round  proto.Round
}

// owner has a range of the parameters.
type owner struct {
	host    int
	values  int   // of its range
	hull    int   // that it updates
	edges   []int // values that each owner needs of its sums
	lacking int   // bytes of others' sums, and its own, that it waits for before it updates
	run     *lane // adds and updates
	bus     *lane
	send    *lane
}

// mark is a round: when it was opened, the last worker that took part began and ended to
// compute, all was added, and the next round was opened.
type mark struct{ opened, began, computed, complete, next time.Duration }

// Run forecasts. Its error is one of the configuration.
func Run(c Config) (Result, error) {
	if c.Steps == 0 {
		c.Steps = 5
		if c.Cluster.Hosts*c.Cluster.Workers >= 1000 {
			c.Steps = 1
		}
	}
	if err := c.Validate(); err != nil {
		return Result{}, err
	}
	s := newSimulation(c)
	for _, w := range s.workers {
		s.step(plan.Join{Worker: w.id, Nonce: "n", Threads: w.threads, Host: fmt.Sprint(w.host)})
	}
	for _, w := range s.workers {
		s.pull(w)
	}
	s.in(time.Millisecond+2*c.Cluster.RTT, s.open)
	s.tick()
	rounds := c.Steps + 1
	var before usage
	s.clock.run(func() bool {
		if len(s.marks) == 2 && before.at == 0 {
			before = s.used() // the first round teaches the plan how long blocks take
		}
		return len(s.marks) > rounds
	})
	return s.result(before), nil
}

func newSimulation(c Config) *simulation {
	s := &simulation{Config: c, byID: map[proto.WorkerID]*worker{}, arriving: map[arrival]int{}}
	k, l := c.Cluster, c.Layout
	if k.Shared > 0 {
		s.cores = &pool{clock: &s.clock, idle: k.Shared}
	}
	s.net = newNetwork(&s.clock, k, c.Costs, s.cores)
	// Nobody is lost here, and nobody has to be told to ask again.
	s.plan = plan.New(plan.Config{MinWorkers: 1, LostAfter: 1000 * time.Hour, Poll: 1000 * time.Hour})
	s.run, s.bus, s.send = s.lane(), s.lane(), s.lane()
	first := 0
	if k.Apart {
		first = 1
	}
	each, threads := k.Workers, k.Threads
	if l.Combine {
		each, threads = 1, k.Workers*k.Threads
	}
	for host := range k.Hosts {
		for range each {
			w := &worker{id: proto.WorkerID(fmt.Sprintf("w%05d", len(s.workers))), host: first + host, threads: threads,
				bus: s.lane(), own: s.lane(), hand: map[inHand]bool{}}
			s.workers, s.byID[w.id], s.hosts = append(s.workers, w), w, append(s.hosts, w.host)
		}
	}
	if l.Reducers > 0 {
		ranges := reduce.Cut{Params: c.Job.Params, Owners: l.Reducers, Undivided: c.Job.Undivided, Half: l.Bytes == 2}.Ranges()
		for i := range ranges.Cuts {
			o := &owner{host: first + i*k.Hosts/len(ranges.Cuts), values: ranges.Own(i).Len(), hull: ranges.Hulls[i].Len(), run: s.lane(),
				bus: s.lane(), send: s.lane()}
			for to := range ranges.Cuts {
				n := max(0, ranges.Shared(i, to).Len())
				if to == i {
					n = 0
				}
				o.edges = append(o.edges, n)
			}
			s.owners = append(s.owners, o)
		}
	}
	return s
}

func (s *simulation) lane() *lane { return &lane{clock: &s.clock, pool: s.cores} }

// tick lets the plan look at the time.
func (s *simulation) tick() {
	s.in(100*time.Millisecond, func() {
		s.step(plan.Tick{})
		s.tick()
	})
}

// small is the size of messages without tensors.
const small = 512

// open begins the next round. Weights of the owners are on their way already.
func (s *simulation) open() {
	if n := len(s.marks); n > 0 {
		s.marks[n-1].next = s.now
	}
	s.round++
	s.marks = append(s.marks, mark{opened: s.now})
	s.fold = proto.NewFold(uint32(s.units()), func(struct{}, struct{}) struct{} { s.adds++; return struct{}{} })
	if s.owners == nil || s.round == 1 {
		s.broadcast(source{s.home, s.send, s.weights(), s.round})
	}
	s.step(s.opened())
}

// opened is the event of the round that begins.
func (s *simulation) opened() plan.Open {
	o := plan.Open{Round: s.round, MicroShards: uint32(s.units()), Step: proto.Step(s.round - 1), Kind: string(proto.Gradient)}
	if s.Layout.Every > 1 {
		o.Shards, o.Steps = uint32(s.shards()), uint32(s.Layout.Every)
	}
	return o
}

// source is who broadcasts how many bytes of the weights of a round.
type source struct {
	host  int
	send  *lane
	bytes int
	round proto.Round
}

// broadcast sends weights to all workers, chunk by chunk.
func (s *simulation) broadcast(from source) {
	for left := from.bytes; left > 0; left -= proto.MaxChunk {
		n := min(left, proto.MaxChunk)
		from.send.do(s.cost(s.Costs.EncodeNS, n), func() {
			s.net.publish(from.host, n, s.hosts, func(i int) {
				w := s.workers[i]
				w.bus.do(s.cost(s.Costs.DecodeNS, n), func() { s.receives(w, from.round, n) })
			})
		})
	}
}

// cost is n times so many nanoseconds.
func (s *simulation) cost(each float64, n int) time.Duration { return time.Duration(each * float64(n)) }

// spread is what n times so many nanoseconds take on all processors of a host.
func (s *simulation) spread(each float64, n int) time.Duration {
	return s.cost(each, n) / time.Duration(s.Cluster.cores())
}

func (s *simulation) serving() time.Duration { return s.cost(1e3*s.Costs.ServeUS, 1) }

// step tells the plan an event and does what it says.
func (s *simulation) step(e plan.Event) {
	for _, c := range slices.Clone(s.plan.Step(s.now, e)) {
		switch c := c.(type) {
		case plan.Assign:
			w := s.byID[c.Worker]
			s.tell(s.home, w.host, func() { s.assigned(w, task{c.Round, c.Block, c.Task}) })
		case plan.Fold:
			before := s.adds
			if err := s.fold.Put(c.Block, struct{}{}); err != nil {
				panic("forecast: " + err.Error()) // the plan gives out nodes of the tree alone
			}
			s.adding(s.adds - before)
		case plan.Complete:
			s.complete()
		}
	}
}

// tell brings a short message from one host to another, by way of servers.
func (s *simulation) tell(from, to int, then func()) {
	s.net.publish(from, small, []int{to}, func(int) { then() })
}

// adding adds so many pairs of sums, where they are.
func (s *simulation) adding(n int) {
	if n == 0 {
		return
	}
	if s.owners == nil {
		s.run.do(s.spread(s.Costs.SumNS, n*s.Job.Params), nil)
		return
	}
	for _, o := range s.owners { // who is told which block to add by the coordinator
		s.tell(s.home, o.host, func() { o.run.do(s.spread(s.Costs.SumNS, n*o.values), nil) })
	}
}

// complete updates the weights and opens the next round.
func (s *simulation) complete() {
	if s.owners == nil {
		s.run.do(0, func() { s.marks[len(s.marks)-1].complete = s.now })
		s.run.do(s.spread(s.Costs.UpdateNS, s.Job.Params), s.open)
		return
	}
	s.marks[len(s.marks)-1].complete = s.now
	s.updating = len(s.owners)
	for to, o := range s.owners {
		o.lacking = 1 // to be told
		for _, from := range s.owners {
			o.lacking += 4 * from.edges[to]
		}
	}
	for _, o := range s.owners {
		s.tell(s.home, o.host, func() {
			o.run.do(0, func() { // behind its sums
				for to, n := range o.edges {
					s.edge(o, s.owners[to], 4*n)
				}
				s.came(o, 1)
			})
		})
	}
}

// edge sends sums that another owner needs for its update.
func (s *simulation) edge(o, to *owner, bytes int) {
	for left := bytes; left > 0; left -= proto.MaxChunk {
		n := min(left, proto.MaxChunk)
		o.send.do(s.cost(s.Costs.EncodeNS, n), func() {
			s.net.publish(o.host, n, []int{to.host}, func(int) {
				to.bus.do(s.cost(s.Costs.DecodeNS, n), func() { s.came(to, n) })
			})
		})
	}
}

// came is told what an owner waited for; it updates once it has all.
func (s *simulation) came(o *owner, n int) {
	if o.lacking -= n; o.lacking > 0 {
		return
	}
	next := s.round + 1
	o.run.do(s.spread(s.Costs.UpdateNS, o.hull), func() {
		bytes := s.Layout.Bytes * o.values
		if o == s.owners[len(s.owners)-1] {
			bytes += s.Layout.Bytes * s.Job.Buffers
		}
		s.broadcast(source{o.host, o.send, bytes, next})
		s.tell(o.host, s.home, func() { s.run.do(s.serving(), s.updated) })
	})
}

// updated is told of each owner that has updated its range.
func (s *simulation) updated() {
	if s.updating--; s.updating == 0 {
		s.open()
	}
}
