package ui

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// Live is what only the coordinator of a run knows: workers, phases of a step, and
// what it waits for. It is told by the run's goroutine and read by a Server.
type Live struct {
	mu      sync.Mutex
	now     func() time.Time
	dir     string
	status  Status
	workers map[proto.WorkerID]*member
	gone    []WorkerStatus // workers that left, the newest last
	told    coordinator.Timing
	folded  map[proto.WorkerID]share // shares in the round at hand
	ended   map[proto.WorkerID]share // shares in the round that ended last
	version uint64
}

// share is what of a round a worker computed.
type share struct{ blocks, shards int }

// Status is what a page shows of a run at work.
type Status struct {
	Steps   uint64             `json:"steps"`  // steps of the whole run, as far as is known
	Left    float64            `json:"left_s"` // seconds until its end; 0: not known yet
	Waiting string             `json:"waiting,omitempty"`
	Timing  coordinator.Timing `json:"timing"`
	Workers []WorkerStatus     `json:"workers"`
	News    []News             `json:"news"`
}

// WorkerStatus is how a worker does.
type WorkerStatus struct {
	ID      proto.WorkerID `json:"id"`
	Host    string         `json:"host"`
	Threads int            `json:"threads"`
	Program string         `json:"program"`
	// State is computing, idle, left or quarantine; Why says more of the last two.
	State string `json:"state"`
	Why   string `json:"why,omitempty"`
	// Blocks counts the partials of it that were used, Bytes the numbers in those
	// of gradients; BlocksPerS and SamplesPerS are of the last five seconds.
	Blocks      uint64  `json:"blocks"`
	Bytes       uint64  `json:"bytes"`
	BlocksPerS  float64 `json:"blocks_per_s"`
	SamplesPerS float64 `json:"samples_per_s"`
	// Lag is for how long it has had the oldest of the blocks in its hands.
	Lag float64 `json:"lag_s"`
}

// News is a sentence about a run's workers or troubles.
type News struct {
	At   string `json:"at"` // time of day
	Text string `json:"text"`
}

// Bounds of what a Live keeps.
const (
	maxNews = 50
	maxGone = 16
	// paceSeconds is over how many seconds a worker's pace is measured.
	paceSeconds = 5
)

// member is a worker that is here.
type member struct {
	WorkerStatus
	held    map[proto.Block]time.Time
	blocks  window
	samples window
}

// window counts by seconds over the last ones.
type window struct {
	counts [paceSeconds + 1]float64
	second int64
}

// add counts n at a second.
func (w *window) add(second int64, n float64) {
	w.turn(second)
	w.counts[second%int64(len(w.counts))] += n
}

// turn forgets what is too long ago.
func (w *window) turn(second int64) {
	for s := max(w.second+1, second-paceSeconds); s <= second; s++ {
		w.counts[s%int64(len(w.counts))] = 0
	}
	w.second = max(w.second, second)
}

// rate returns the count a second over the last whole seconds.
func (w *window) rate(second int64) float64 {
	w.turn(second)
	sum := 0.0
	for s := second - paceSeconds; s < second; s++ {
		if s >= 0 {
			sum += w.counts[s%int64(len(w.counts))]
		}
	}
	return float64(sum / paceSeconds)
}

// NewLive returns a Live that knows nothing yet.
func NewLive() *Live {
	return &Live{now: time.Now, workers: map[proto.WorkerID]*member{},
		folded: map[proto.WorkerID]share{}, ended: map[proto.WorkerID]share{}}
}

// Events returns e with callbacks that tell l as well. Those of e are called first.
func (l *Live) Events(e coordinator.Events) coordinator.Events {
	e = e.WithDefaults()
	before := e
	e.Started = func(s coordinator.Started) { before.Started(s); l.started(s) }
	e.Step = func(s trainer.StepRecord, p coordinator.Pace) { before.Step(s, p); l.step(s, p) }
	e.Joined = func(m coordinator.Member) { before.Joined(m); l.joined(m) }
	e.Refused = func(m coordinator.Member, why string) {
		before.Refused(m, why)
		l.tell(fmt.Sprintf("worker %s on %s was refused: %s", m.Worker, m.Host, why))
	}
	e.Left = func(w proto.WorkerID, why string) {
		before.Left(w, why)
		l.tell(fmt.Sprintf("worker %s left: %s", w, why))
	}
	e.Waiting = func(why string) { before.Waiting(why); l.wait(why); l.tell("waiting: " + why) }
	e.Resumed = func(why string) { before.Resumed(why); l.wait(""); l.tell("going on: " + why) }
	e.Alarm = func(text string) { before.Alarm(text); l.tell("alarm: " + text) }
	e.Trouble = func(text string) { before.Trouble(text); l.tell("trouble: " + text) }
	e.Reducers = func(text string) { before.Reducers(text); l.tell(text) }
	e.Decided = func(c plan.Command) { before.Decided(c); l.decided(c) }
	return e
}

// change runs f with the lock held and notes that something changed.
func (l *Live) change(f func(now time.Time)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l.now())
	l.version++
}

func (l *Live) started(s coordinator.Started) {
	l.change(func(time.Time) { l.dir, l.status.Steps = s.Dir, s.Steps })
}

func (l *Live) wait(why string) { l.change(func(time.Time) { l.status.Waiting = why }) }

func (l *Live) tell(text string) {
	l.change(func(now time.Time) {
		l.status.News = append(l.status.News, News{now.Format(time.TimeOnly), text})
		l.status.News = l.status.News[max(0, len(l.status.News)-maxNews):]
	})
}

func (l *Live) joined(m coordinator.Member) {
	l.change(func(time.Time) {
		l.workers[m.Worker] = &member{WorkerStatus: WorkerStatus{ID: m.Worker, Host: m.Host, Threads: m.Threads, Program: m.Program},
			held: map[proto.Block]time.Time{}}
	})
}

// step takes a step: the partials that were folded in it have equal sizes.
func (l *Live) step(s trainer.StepRecord, p coordinator.Pace) {
	l.change(func(now time.Time) {
		l.status.Steps, l.status.Left, l.status.Timing = p.Steps, p.Left.Seconds(), p.Timing
		l.status.Waiting = ""
		bytes := 0.0
		if n := p.Timing.Partials - l.told.Partials; n > 0 {
			bytes = float64(p.Timing.PartialBytes-l.told.PartialBytes) / float64(n)
		}
		l.told = p.Timing
		shards := 0
		for _, part := range l.ended {
			shards += part.shards
		}
		for id, part := range l.ended {
			if w := l.workers[id]; w != nil {
				w.samples.add(now.Unix(), float64(float64(s.Samples)*float64(part.shards))/float64(max(shards, 1)))
				w.Bytes += uint64(bytes) * uint64(part.blocks)
			}
		}
		clear(l.ended)
	})
}

// decided takes a decision of the plan.
func (l *Live) decided(c plan.Command) {
	switch c := c.(type) {
	case plan.Assign:
		l.change(func(now time.Time) {
			if w := l.workers[c.Worker]; w != nil {
				w.held[c.Block] = now
			}
		})
	case plan.Fold:
		l.change(func(now time.Time) {
			shards := int(c.Block.Hi - c.Block.Lo)
			part := l.folded[c.Worker]
			l.folded[c.Worker] = share{part.blocks + 1, part.shards + shards}
			if w := l.workers[c.Worker]; w != nil {
				w.Blocks++
				w.blocks.add(now.Unix(), 1)
				delete(w.held, c.Block)
			}
		})
	case plan.Ignore:
		l.release(c.Worker, c.Block)
	case plan.Doubt:
		l.release(c.Worker, c.Block)
	case plan.Complete:
		l.change(func(time.Time) {
			l.folded, l.ended = l.ended, l.folded
			clear(l.folded)
			for _, w := range l.workers {
				clear(w.held)
			}
		})
	case plan.Redo:
		l.change(func(time.Time) { clear(l.folded) })
	case plan.Quarantine:
		l.leave(c.Worker, "quarantine", reason(c.Why))
	case plan.Drop:
		l.leave(c.Worker, "left", reason(c.Why))
	}
}

func (l *Live) release(id proto.WorkerID, b proto.Block) {
	l.change(func(time.Time) {
		if w := l.workers[id]; w != nil {
			delete(w.held, b)
		}
	})
}

// reason says why a worker went.
type reason string

// leave notes that a worker went.
func (l *Live) leave(id proto.WorkerID, state string, why reason) {
	l.change(func(time.Time) {
		w := l.workers[id]
		if w == nil {
			return
		}
		delete(l.workers, id)
		w.State, w.Why = state, string(why)
		l.gone = slices.DeleteFunc(l.gone, func(g WorkerStatus) bool { return g.ID == id })
		l.gone = append(l.gone, w.WorkerStatus)
		l.gone = l.gone[max(0, len(l.gone)-maxGone):]
	})
}

// Status returns how the run stands, and a number that changes with it.
func (l *Live) Status() (Status, uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := l.status
	s.News = append([]News{}, s.News...)
	s.Workers = []WorkerStatus{}
	for _, w := range l.workers {
		one := w.WorkerStatus
		one.State = "idle"
		for _, since := range w.held {
			one.State = "computing"
			one.Lag = max(one.Lag, now.Sub(since).Seconds())
		}
		one.BlocksPerS, one.SamplesPerS = w.blocks.rate(now.Unix()), w.samples.rate(now.Unix())
		s.Workers = append(s.Workers, one)
	}
	slices.SortFunc(s.Workers, func(a, b WorkerStatus) int { return cmp.Compare(a.ID, b.ID) })
	s.Workers = append(s.Workers, l.gone...)
	return s, l.version
}

// Dir returns the run's directory, empty before the run started.
func (l *Live) Dir() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dir
}
