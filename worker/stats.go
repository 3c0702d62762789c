package worker

import (
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/cputime"
)

// Stats says what a worker did in the gradient rounds of its run, all but the
// first one it saw, and where its time went. It is measured and decides nothing.
type Stats struct {
	Worker  proto.WorkerID `json:"worker"`
	Threads int            `json:"threads"`
	StandIn bool           `json:"stand_in,omitempty"` // it computed nothing
	Blocks  int            `json:"blocks"`
	Samples uint64         `json:"samples"`
	CPUS    float64        `json:"cpu_s"` // this process took them
	// Up and Down are the bytes of sums and weights on their way, chunk by
	// chunk with what surrounds them; nothing for what is handed over in memory.
	Up   uint64 `json:"bytes_up"`
	Down uint64 `json:"bytes_down"`
	// Versions is how many versions of the weights Down is of, first and last
	// left out. A worker that stood by has nothing but these and CPUS.
	Versions int `json:"versions"`
	// Seconds of the computing goroutine.
	Idle    float64 `json:"idle_s"`    // no task
	Weights float64 `json:"weights_s"` // waiting for them, and compiling
	Compute float64 `json:"compute_s"`
	Encode  float64 `json:"encode_s"` // sending is part of it
}

// recorder measures a worker.
type recorder struct {
	stats   Stats
	first   proto.Step
	started bool
	counts  bool      // the task at hand
	since   time.Time // the last note
	cpu     time.Duration

	mu       sync.Mutex // guards what follows, which the bus's goroutine notes
	key      string
	versions int
	down     uint64 // since the second version came
	downCPU  time.Duration
}

// begin is told a task before it is prepared. What passed since the task before is idle time.
func (r *recorder) begin(t *proto.Task) {
	now, cpu := time.Now(), cputime.Used()
	gradient := t.Spec.Kind == proto.Gradient || t.Spec.Kind == proto.Local
	if gradient && !r.started {
		r.mu.Lock()
		r.first, r.started, r.stats.CPUS = t.Spec.Step, true, 0
		r.mu.Unlock()
	}
	if r.counts {
		r.stats.Idle += now.Sub(r.since).Seconds()
		r.stats.CPUS += (cpu - r.cpu).Seconds()
	}
	r.counts = gradient && t.Spec.Step != r.first
	r.since, r.cpu = now, cpu
}

// arrived is told of n bytes of a version of the weights.
func (r *recorder) arrived(key string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if key != r.key {
		r.key = key
		switch r.versions++; {
		case r.versions == 2:
			r.downCPU = cputime.Used()
		case r.versions > 2:
			r.stats.Versions, r.stats.Down = r.versions-2, r.down
			if !r.started {
				r.stats.CPUS = (cputime.Used() - r.downCPU).Seconds()
			}
		}
	}
	if r.versions > 1 {
		r.down += uint64(n)
	}
}

// note adds the time since the last note to a phase of the task at hand.
func (r *recorder) note(phase *float64) {
	now := time.Now()
	if r.counts {
		*phase += now.Sub(r.since).Seconds()
	}
	r.since = now
}

// sent counts bytes of sums.
func (r *recorder) sent(n int) {
	if r.counts {
		r.stats.Up += uint64(n)
	}
}

// end is told of a block that is done and sent.
func (r *recorder) end(t *proto.Task) {
	if !r.counts {
		return
	}
	r.stats.Blocks++
	lo, _ := t.Spec.Range(t.Block.Lo)
	_, hi := t.Spec.Range(t.Block.Hi - 1)
	r.stats.Samples += hi - lo
}

// now returns what was measured so far.
func (r *recorder) now(c Config) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Worker, s.Threads, s.StandIn = c.ID, c.Threads, c.StandIn > 0
	return s
}

// close returns what was measured.
func (r *recorder) close(c Config) Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts { // what came after the last task is its own
		r.stats.CPUS += (cputime.Used() - r.cpu).Seconds()
		r.counts = false
	}
	r.stats.Worker, r.stats.Threads, r.stats.StandIn = c.ID, c.Threads, c.StandIn > 0
	return r.stats
}
