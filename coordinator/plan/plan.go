package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/tinygrow/tinygrow/proto"
)

// Config bounds the patience of a plan. The zero value stands for the
// defaults in brackets.
type Config struct {
	// MinWorkers is the number of workers below which no block is handed out [1].
	MinWorkers int
	// LostAfter is the silence after which a worker is given up [10 s].
	LostAfter time.Duration
	// Poll is how long a pull may stay unanswered before the worker is told to
	// pull again, so that neither side waits for an answer that was lost [2 s].
	Poll time.Duration
	// Overdue is how many times the usual duration a block may take before an
	// idle worker gets a copy [3], and Grace is added to that [100 ms].
	Overdue float64
	Grace   time.Duration
	// HeavyBlock and LightBlock bound a block, in micro-shards per thread of
	// its worker [16, 4].
	HeavyBlock, LightBlock int
	// Audit is the fraction of blocks that two workers compute, and that are
	// folded when both got the same [0]. Which ones depends on step and block.
	Audit float64
}

func (c Config) withDefaults() Config {
	setDefault(&c.MinWorkers, 1)
	setDefault(&c.LostAfter, 10*time.Second)
	setDefault(&c.Poll, 2*time.Second)
	setDefault(&c.Overdue, 3)
	setDefault(&c.Grace, 100*time.Millisecond)
	setDefault(&c.HeavyBlock, 16)
	setDefault(&c.LightBlock, 4)
	return c
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Plan is the state. The zero value is not usable; see New.
type Plan struct {
	cfg     Config
	workers map[proto.WorkerID]*worker
	order   []*worker // sorted by their admission
	round   round
	paces   map[string]*pace // one for each Open.Kind
	waiting bool             // Waiting was said
	// quarantined says why voices are.
	quarantined map[voice]string
	first       proto.Key            // key with which somebody joined first
	several     bool                 // others came too
	keys        map[proto.Key]*trust // trust in the workers of each key
	veterans    bool                 // somebody gets a share of a round
	active      int                  // threads of those
	out         []Command
}

// worker is what the plan knows of a worker.
type worker struct {
	id      proto.WorkerID
	joined  Join
	threads int // threads to compute with now; 0 for a worker too many on its host
	heard   Time
	pulling bool   // a pull waits for its answer
	pulled  Time   // since then
	pull    uint64 // Seq of the last pull
	task    uint64 // number of the last task
	served  bool   // was given a block in this round
	proved  bool   // has finished a block
	held    []held // given and not folded, oldest first; at most two
	// strikes counts the rounds in a row in which others finished its block;
	// bench is the number of rounds that it is given copies only. silent says
	// that nothing was heard of it since the last strike.
	strikes, bench int
	silent         bool
	suspect        bool // takes part in a dispute
	contested      Time // another said hello by its id since then; 0: nobody did
}

// lives notes a sign of life.
func (w *worker) lives(now Time) { w.heard, w.silent = now, false }

// key is that of the holder who answers for w.
func (w *worker) key() proto.Key { return w.id.Key() }

// out reports whether a worker gets no share of a round. A pull that waits is no
// sign of life: one that stands still may have sent it before.
func (w *worker) out() bool {
	return w.bench > 0 || w.silent || w.suspect || w.threads == 0 || !w.proved
}

// held is a block in a worker's hands.
type held struct {
	block proto.Block
	task  uint64
	since Time
}

// round is the round at hand.
type round struct {
	Open
	open    bool
	free    free
	blocks  map[proto.Block]*block
	pending []proto.Block // given and not folded, or disputed, oldest first
	folded  int           // micro-shards
	tried   int           // workers
	// several says that some block is, or was, to be computed by several.
	several bool
	late    late // blocks that are worth computing by others too
}

// New returns a plan without workers and without a round.
func New(cfg Config) *Plan {
	return &Plan{cfg: cfg.withDefaults(), workers: map[proto.WorkerID]*worker{}, paces: map[string]*pace{},
		quarantined: map[voice]string{}, keys: map[proto.Key]*trust{}}
}

// Workers returns the number of admitted workers and their threads.
func (p *Plan) Workers() (workers, threads int) {
	for _, w := range p.order {
		threads += w.threads
	}
	return len(p.order), threads
}

// Step takes one event at a time that never goes back, and returns the
// commands it leads to, in the order in which to carry them out. The slice is
// valid until the next call.
func (p *Plan) Step(now Time, e Event) []Command {
	p.out = p.out[:0]
	switch e := e.(type) {
	case Join:
		p.join(now, e)
	case Leave:
		if w := p.workers[e.Worker]; w != nil {
			p.remove(w, e.Why)
		}
	case Heard:
		if w := p.workers[e.Worker]; w != nil {
			w.lives(now)
		}
	case Pull:
		p.pulled(now, e)
	case Partial:
		p.partial(now, Odd{Partial: e})
	case Odd:
		p.partial(now, e)
	case Open:
		for _, w := range p.order {
			w.bench = max(w.bench-1, 0)
		}
		p.newTrials()
		p.openRound(e)
	case Tick:
		p.tick(now)
	}
	p.finish()
	p.serve(now)
	return p.out
}

func (p *Plan) say(c Command) { p.out = append(p.out, c) }

func (p *Plan) join(now Time, e Join) {
	if why := p.Quarantined(e.Worker); why != "" {
		p.say(Drop{e.Worker, "it is in quarantine: " + why})
		return
	}
	if old := p.workers[e.Worker]; old != nil {
		p.forget(old)
	}
	p.hears(e.Worker)
	e.Threads = max(e.Threads, 1)
	w := &worker{id: e.Worker, joined: e, heard: now}
	p.workers[e.Worker] = w
	p.order = append(p.order, w)
	p.shareOut()
	p.suspect()
}

// place is a host as the workers of a key name it: those of another key may not
// take its threads by naming it too.
type place struct {
	key  proto.Key
	host string
}

func (w *worker) place() place { return place{w.key(), w.joined.Host} }

// shareOut gives every worker its threads. The threads of a host go in equal
// parts to the workers that share it, the first ones getting what is left
// over; where there are fewer threads than workers the last ones get none and
// stand by.
func (p *Plan) shareOut() {
	hosts := map[place]struct{ threads, workers int }{}
	for _, w := range p.order {
		if w.joined.Shared {
			h := hosts[w.place()]
			h.threads, h.workers = max(h.threads, w.joined.Threads), h.workers+1
			hosts[w.place()] = h
		}
	}
	given := map[place]int{}
	for _, w := range p.order {
		w.threads = w.joined.Threads
		if w.joined.Shared {
			h := hosts[w.place()]
			w.threads = h.threads / h.workers
			if given[w.place()] < h.threads%h.workers {
				w.threads++
			}
			given[w.place()]++
		}
	}
}

// remove gives a worker up.
func (p *Plan) remove(w *worker, why string) {
	p.forget(w)
	p.say(Drop{w.id, why})
}

// forget takes a worker out; its blocks that nobody else has become free.
func (p *Plan) forget(w *worker) {
	for _, h := range w.held {
		p.failed(w, h.block)
	}
	delete(p.workers, w.id)
	p.order = slices.DeleteFunc(p.order, func(x *worker) bool { return x == w })
	for _, h := range slices.Clone(w.held) {
		p.unhand(w, h.block)
	}
	p.shareOut()
}

// release makes a given block free again.
func (p *Plan) release(b proto.Block) {
	p.round.pending = slices.DeleteFunc(p.round.pending, func(x proto.Block) bool { return x == b })
	delete(p.round.blocks, b)
	p.round.free.put(b)
}

func (p *Plan) openRound(e Open) {
	if e.MicroShards == 0 {
		panic("plan: round of no micro-shards")
	}
	for _, w := range p.order {
		if len(w.held) > 0 {
			w.held = w.held[:0]
		}
		w.served = false
	}
	p.round = round{Open: e, open: true, free: free{proto.Root(e.MicroShards)}, blocks: map[proto.Block]*block{}}
	if p.paces[e.Kind] == nil {
		p.paces[e.Kind] = new(pace)
	}
}

func (p *Plan) pulled(now Time, e Pull) {
	w := p.workers[e.Worker]
	if w == nil {
		p.say(Rejoin{e.Worker, "not a member of this run: it was never admitted or was given up"})
		return
	}
	w.lives(now)
	if e.Seq <= w.pull {
		return // an old pull that was delayed
	}
	w.pull, w.pulling, w.pulled = e.Seq, true, now
	for i := range w.held {
		if w.held[i].task > e.Last { // its answer was lost
			p.again(now, w, i, "the answer to its last pull was lost")
			return
		}
	}
}

func (p *Plan) tick(now Time) {
	for _, w := range slices.Clone(p.order) {
		if now-w.heard > p.cfg.LostAfter {
			p.remove(w, fmt.Sprintf("silent for %s", (now-w.heard).Round(time.Millisecond)))
		} else if w.pulling && now-w.pulled > p.cfg.Poll {
			w.pulling = false
			p.say(Wait{w.id, "nothing to do yet"})
		}
	}
}
