package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
)

// LogPlan is how often a faulty log fails: chances from 0 to 1.
type LogPlan struct {
	Seed uint64
	// Lose is of a record that does not arrive, LoseAck of one that is added
	// while its writer is told of a failure.
	Lose, LoseAck float64
}

// LogFired counts the faults that faulty logs injected.
type LogFired struct{ Lost, Unacknowledged int }

// FaultyLogs opens logs that fail.
type FaultyLogs struct {
	logs  Logs
	plan  LogPlan
	mu    sync.Mutex
	rand  *rand.Rand
	fired LogFired
}

// LogFaults returns logs with faults injected into Append.
func LogFaults(l Logs, p LogPlan) *FaultyLogs {
	return &FaultyLogs{logs: l, plan: p, rand: rand.New(rand.NewPCG(p.Seed, 1))}
}

// Fired returns how many faults were injected so far.
func (f *FaultyLogs) Fired() LogFired {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// OpenLog opens a log that fails by the plan.
func (f *FaultyLogs) OpenLog(ctx context.Context, o LogOptions) (Log, error) {
	l, err := f.logs.OpenLog(ctx, o)
	return faultyLog{l, f}, err
}

type faultyLog struct {
	Log
	faults *FaultyLogs
}

var errInjected = errors.New("injected: no answer")

func (l faultyLog) Append(ctx context.Context, after uint64, data []byte) (uint64, error) {
	f := l.faults
	f.mu.Lock()
	lose, loseAck := f.rand.Float64() < f.plan.Lose, f.rand.Float64() < f.plan.LoseAck
	if lose {
		f.fired.Lost++
	} else if loseAck {
		f.fired.Unacknowledged++
	}
	f.mu.Unlock()
	if lose {
		return 0, errInjected
	}
	number, err := l.Log.Append(ctx, after, data)
	if loseAck && err == nil {
		return 0, errInjected
	}
	return number, err
}
