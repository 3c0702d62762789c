package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is what is done to a process.
type Kind string

// The faults.
const (
	WorkerKill      Kind = "worker-kill"      // SIGKILL; started again
	WorkerPause     Kind = "worker-pause"     // SIGSTOP, SIGCONT after For
	WorkerLeave     Kind = "worker-leave"     // SIGTERM: it hands in its work and leaves; started again
	CoordinatorKill Kind = "coordinator-kill" // SIGKILL; started again after For
	NATSRestart     Kind = "nats-restart"     // SIGKILL of the server; started again on its files after For
	ReducerKill     Kind = "reducer-kill"     // SIGKILL; started again
	ReducerPause    Kind = "reducer-pause"    // SIGSTOP, SIGCONT after For, which may be longer than the run waits for one
	ReducerLeave    Kind = "reducer-leave"    // SIGTERM; started again
)

// Kinds lists all faults, in the order of reports.
func Kinds() []Kind {
	return []Kind{WorkerKill, WorkerPause, WorkerLeave, CoordinatorKill, NATSRestart, ReducerKill, ReducerPause, ReducerLeave}
}

// A Fault happens as soon as the run has made the step Step, and After later.
type Fault struct {
	Kind    Kind          `json:"kind"`
	Worker  int           `json:"worker,omitempty"`  // which, from 1
	Reducer int           `json:"reducer,omitempty"` // which, from 1
	Step    uint64        `json:"step"`
	After   time.Duration `json:"after_ns"` // so that it does not always hit the same point of a step
	For     time.Duration `json:"for_ns,omitempty"`
}

// String tells the fault to a reader.
func (f Fault) String() string {
	s := fmt.Sprintf("step %d: %s", f.Step, f.Kind)
	if n := f.Worker + f.Reducer; n > 0 {
		s += fmt.Sprintf(" %d", n)
	}
	if f.For > 0 {
		s += fmt.Sprintf(" for %v", f.For.Round(time.Millisecond))
	}
	return s
}

// Extent is how many faults a script has, and of which run.
type Extent struct {
	Faults, Workers, Reducers int
	Steps                     uint64
}

// Script returns the faults of a seed, in the order of their steps: of any kind,
// spread over the steps of a run.
func Script(seed uint64, run Extent) []Fault {
	r := rand.New(rand.NewPCG(seed, 0x6368616f73))
	type weight struct {
		kind Kind
		of   int
	}
	weights := []weight{{WorkerKill, 4}, {WorkerPause, 3}, {WorkerLeave, 1}, {CoordinatorKill, 3}, {NATSRestart, 2}}
	if run.Reducers > 0 {
		weights = append(weights, weight{ReducerKill, 5}, weight{ReducerPause, 4}, weight{ReducerLeave, 2})
	}
	total := 0
	for _, w := range weights {
		total += w.of
	}
	between := func(lo, hi time.Duration) time.Duration { return lo + time.Duration(r.Int64N(int64(hi-lo))) }
	faults := make([]Fault, run.Faults)
	for i := range faults {
		f := Fault{Step: 1 + r.Uint64N(max(run.Steps*9/10, 1)), After: between(0, 20*time.Millisecond)}
		draw := r.IntN(total)
		for _, w := range weights {
			if draw -= w.of; draw < 0 {
				f.Kind = w.kind
				break
			}
		}
		switch f.Kind {
		case WorkerKill, WorkerLeave:
			f.Worker, f.For = 1+r.IntN(run.Workers), between(0, 300*time.Millisecond)
		case WorkerPause:
			f.Worker, f.For = 1+r.IntN(run.Workers), between(100*time.Millisecond, 1500*time.Millisecond)
		case ReducerKill, ReducerLeave:
			f.Reducer, f.For = 1+r.IntN(run.Reducers), between(0, 300*time.Millisecond)
		case ReducerPause:
			f.Reducer, f.For = 1+r.IntN(run.Reducers), between(100*time.Millisecond, 3500*time.Millisecond)
		case CoordinatorKill:
			f.For = between(0, 500*time.Millisecond)
		case NATSRestart:
			f.For = between(0, time.Second)
		}
		faults[i] = f
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Step, b.Step) })
	return faults
}
