package coordinator

import (
	"sync/atomic"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/tensor/cputime"
)

// Timing says where the time of the gradient rounds went, all but the first
// one of this process. It is measured and decides nothing.
type Timing struct {
	Steps   int     `json:"steps"`
	Samples int     `json:"samples"`
	WallS   float64 `json:"wall_s"`
	CPUS    float64 `json:"cpu_s"` // processor time of this process
	// Partials is how many partials were folded, PartialBytes the bytes of the numbers in
	// them as they travel, WeightBytes those in the weights that each worker got.
	Partials     int    `json:"partials"`
	PartialBytes uint64 `json:"partial_bytes"`
	WeightBytes  uint64 `json:"weight_bytes"`
	// Threads is how many threads of workers were there in the last round.
	Threads int `json:"threads"`
	Phases  `json:"phases"`
}

// Phases are seconds of the run's own goroutine, but for the last two.
type Phases struct {
	Wait   float64 `json:"wait_s"`   // waiting for messages
	Serve  float64 `json:"serve_s"`  // pulls, signs of life, plan, records, checkpoints
	Reduce float64 `json:"reduce_s"` // additions to the sum
	Update float64 `json:"update_s"` // optimizer, running statistics, digest
	Encode float64 `json:"encode_s"` // getting the next weights ready
	// Decode is the bus's goroutine checking and putting together partials,
	// Send the sender's, encoding and sending weights; both beside the others.
	Decode float64 `json:"decode_s"`
	Send   float64 `json:"send_s"`
}

// phase is what the run's goroutine does.
type phase int

const (
	waiting phase = iota
	serving
	reducing
	updating
	encoding
	phases
)

// stopwatch measures phases of rounds. Only beside is used by other goroutines.
type stopwatch struct {
	at       phase
	since    time.Time
	round    [phases]time.Duration // times of the round at hand
	began    time.Time             // the round
	cpu      time.Duration         // processor time of the process when the round began
	folded   int
	rounds   int // gradient rounds so far
	total    Timing
	spent    [phases]time.Duration
	decoding atomic.Int64 // nanoseconds beside
	sending  atomic.Int64
	beside   [2]int64 // both when the round began
}

// enter ends the phase at hand and begins another.
func (w *stopwatch) enter(p phase) {
	now := time.Now()
	if !w.since.IsZero() {
		w.round[w.at] += now.Sub(w.since)
	}
	w.at, w.since = p, now
}

// lap ends a round: it counts if it is a gradient round but not the first.
func (w *stopwatch) lap(step *trainer.StepRecord, r trainer.Round, threads int) {
	w.enter(w.at)
	cpu, beside := cputime.Used(), [2]int64{w.decoding.Load(), w.sending.Load()}
	if step != nil {
		if w.rounds++; w.rounds > 1 {
			t := &w.total
			t.Steps++
			t.Samples += step.Samples
			t.Partials += w.folded
			t.PartialBytes += uint64(w.folded * r.Wire.Sent(r.Lengths).Size())
			t.WeightBytes += uint64(r.Weights.Size)
			t.Threads = threads
			t.WallS += w.since.Sub(w.began).Seconds()
			t.CPUS += (cpu - w.cpu).Seconds()
			for i, d := range w.round {
				w.spent[i] += d
			}
			t.Decode += time.Duration(beside[0] - w.beside[0]).Seconds()
			t.Send += time.Duration(beside[1] - w.beside[1]).Seconds()
		}
	}
	w.round, w.folded, w.began, w.cpu, w.beside = [phases]time.Duration{}, 0, w.since, cpu, beside
}

// timing returns what was measured so far.
func (w *stopwatch) timing() Timing {
	t := w.total
	t.Wait, t.Serve, t.Reduce = w.spent[waiting].Seconds(), w.spent[serving].Seconds(), w.spent[reducing].Seconds()
	t.Update, t.Encode = w.spent[updating].Seconds(), w.spent[encoding].Seconds()
	return t
}

// beside adds the time since started to a count of another goroutine.
func beside(count *atomic.Int64, started time.Time) { count.Add(int64(time.Since(started))) }
