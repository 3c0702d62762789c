package forecast

import (
	"time"

	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/proto"
)

// worker computes blocks and waits for weights.
type worker struct {
	id       proto.WorkerID
	host     int
	threads  int
	bus, own *lane // weights that come; encoding of what goes

	seq, last uint64
	tasks     []task
	hand      map[inHand]bool // tasks that it has and that are not sent yet
	at        *job            // being computed
	version   proto.Round     // whose weights are coming, or there
	got       int             // bytes of them
	spent     time.Duration
	started   bool // has compiled the network
}

// startup is the time of a worker's first task before it computes: the network is compiled,
// and memory taken. It is in the first round alone, which is not counted; but the plan
// learns from it how long blocks may take, as it does in runs.
const startup = 500 * time.Millisecond

// task is a block to compute.
type task struct {
	round  proto.Round
	block  proto.Block
	number uint64
}

// job is a block that is being computed, unless its worker has turned to another.
type job struct {
	task
	began      time.Duration
	left, busy int // micro-shards that nobody has begun, and those begun
}

// pull asks the coordinator for work.
func (s *simulation) pull(w *worker) {
	w.seq++
	seq, last := w.seq, w.last
	s.tell(w.host, s.home, func() {
		s.run.do(s.serving(), func() { s.step(plan.Pull{Worker: w.id, Seq: seq, Last: last}) })
	})
}

// inHand is a block of a round.
type inHand struct {
	round proto.Round
	block proto.Block
}

// retry is after how long a worker asks again that was given what it has (worker.Config.Retry).
const retry = 200 * time.Millisecond

// assigned is the answer to a pull. What is computed of an earlier round is of no use now,
// and a block that is in hand already is no news.
func (s *simulation) assigned(w *worker, t task) {
	w.last = max(w.last, t.number)
	if w.hand[inHand{t.round, t.block}] {
		s.in(retry, func() { s.pull(w) })
		return
	}
	w.hand[inHand{t.round, t.block}] = true
	w.tasks = append(w.tasks, t)
	if w.at != nil && w.at.round < t.round {
		delete(w.hand, inHand{w.at.round, w.at.block})
		w.at = nil
	}
	s.pull(w)
	s.begin(w)
}

// receives is told of bytes of the weights of a round.
func (s *simulation) receives(w *worker, r proto.Round, n int) {
	if r > w.version {
		w.version, w.got = r, 0
	}
	if r == w.version {
		w.got += n
	}
	s.begin(w)
}

// begin computes the next task whose weights are there.
func (s *simulation) begin(w *worker) {
	for w.at == nil && len(w.tasks) > 0 {
		t := w.tasks[0]
		if t.round == s.round && (w.version < t.round || w.got < s.weights()) {
			return
		}
		if w.tasks = w.tasks[1:]; t.round == s.round {
			s.compute(w, t)
		} else {
			delete(w.hand, inHand{t.round, t.block})
		}
	}
}

// unit is the time of one thread for a micro-shard, or of all for the steps of a replica.
func (s *simulation) unit() time.Duration {
	shard := s.cost(1e6*s.Costs.MicroShardMS, 1)
	if !s.Costs.StandIn {
		shard += s.cost(s.Costs.SumNS, s.Job.Params)
	}
	return shard
}

// shards is the number of micro-shards of a replica's step.
func (s *simulation) shards() int {
	samples := (s.Job.Batch + s.Layout.Replicas - 1) / s.Layout.Replicas
	return (samples + s.Job.MicroShard - 1) / s.Job.MicroShard
}

// replicas is the time of a worker for all local steps of so many replicas, whose
// micro-shards its threads compute at once.
func (s *simulation) replicas(w *worker, n int) time.Duration {
	waves := (n*s.shards() + w.threads - 1) / w.threads
	step := time.Duration(waves)*s.unit() + s.cost(s.Costs.UpdateNS, n*s.Job.Params)/time.Duration(w.threads)
	return time.Duration(s.Layout.Every) * step
}

func (s *simulation) compute(w *worker, t task) {
	j := &job{task: t, began: s.now, left: int(t.block.Len())}
	w.at = j
	round := len(s.marks) - 1
	ended := func() {
		if w.at != j {
			return
		}
		if m := &s.marks[round]; s.now > m.computed {
			m.began, m.computed = j.began, s.now
		}
		s.partial(w, j)
	}
	if !w.started {
		w.started = true
		s.in(startup, func() { s.compute(w, t) })
		return
	}
	if s.cores != nil && !s.Costs.StandIn && s.Layout.Every == 1 {
		for range min(w.threads, j.left) {
			s.thread(w, j, ended)
		}
		return
	}
	d := time.Duration((j.left+w.threads-1)/w.threads) * s.unit()
	if s.Layout.Every > 1 {
		d = s.replicas(w, j.left)
	}
	w.spent += d
	s.in(d, ended)
}

// thread computes one micro-shard after the other on processors that others share.
func (s *simulation) thread(w *worker, j *job, ended func()) {
	if j.left == 0 || w.at != j {
		if j.busy == 0 && j.left == 0 {
			ended()
		}
		return
	}
	j.left--
	j.busy++
	w.spent += s.unit() / time.Duration(w.threads)
	s.cores.submit(work{left: s.unit(), later: true, done: func() {
		j.busy--
		s.thread(w, j, ended)
	}})
}

// partial sends the sums of a block: those by parameter to their owners, the rest to the
// coordinator. The worker computes on when all is encoded.
func (s *simulation) partial(w *worker, j *job) {
	a := arrival{w, j.block, j.round}
	if s.owners == nil {
		s.arriving[a] = s.sums() + s.rest()
		s.ship(w, a, shipment{s.home, s.bus, s.sums() + s.rest(), true})
	} else {
		s.arriving[a] = s.sums() + s.rest()
		for _, o := range s.owners {
			s.ship(w, a, shipment{o.host, o.bus, s.Layout.Bytes * o.values, false})
		}
		s.ship(w, a, shipment{s.home, s.bus, max(s.rest(), 1), true})
		s.arriving[a] += max(s.rest(), 1) - s.rest()
	}
	w.own.do(0, func() {
		delete(w.hand, inHand{j.round, j.block})
		if w.at == j {
			w.at = nil
			s.begin(w)
		}
	})
}

// shipment is bytes for a host, and who takes them there.
type shipment struct {
	to    int
	bus   *lane
	bytes int
	home  bool // the coordinator takes them, and else hears of them
}

func (s *simulation) ship(w *worker, a arrival, to shipment) {
	for left := to.bytes; left > 0; left -= proto.MaxChunk {
		n := min(left, proto.MaxChunk)
		w.own.do(s.cost(s.Costs.EncodeNS, n), func() {
			s.net.publish(w.host, n, []int{to.to}, func(int) {
				to.bus.do(s.cost(s.Costs.DecodeNS, n), func() {
					if to.home {
						s.arrived(a, n)
						return
					}
					s.tell(to.to, s.home, func() { s.arrived(a, n) })
				})
			})
		})
	}
}

// arrived is told of bytes of a partial, wherever they are.
func (s *simulation) arrived(a arrival, n int) {
	if s.arriving[a] -= n; s.arriving[a] > 0 {
		return
	}
	delete(s.arriving, a)
	s.run.do(s.serving(), func() {
		s.step(plan.Partial{Worker: a.worker.id, Round: a.round, Block: a.block, Digest: 1})
	})
}
