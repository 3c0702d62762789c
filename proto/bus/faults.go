package bus

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
)

// Plan is how often a faulty bus does what to the messages that are published
// through it: chances from 0 to 1. Requests and responses are left alone.
type Plan struct {
	Seed      uint64
	Lose      float64
	Repeat    float64
	Reorder   float64 // the message is sent after the next one
	Damage    float64 // one bit flips
	Truncate  float64
	OnSubject func(subject string) bool // nil: all
}

// Fired counts the faults that a faulty bus injected.
type Fired struct{ Lost, Repeated, Reordered, Damaged, Truncated int }

// Faulty is a Bus that injects faults.
type Faulty struct {
	Bus
	plan  Plan
	mu    sync.Mutex
	rand  *rand.Rand
	fired Fired
	late  *lateMessage
}

type lateMessage struct {
	subject string
	data    []byte
}

// Faults returns b with faults injected into Publish.
func Faults(b Bus, p Plan) *Faulty {
	return &Faulty{Bus: b, plan: p, rand: rand.New(rand.NewPCG(p.Seed, 0))}
}

// Fired returns how many faults were injected so far.
func (f *Faulty) Fired() Fired {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fired
}

// Publish sends data, or what the plan makes of it.
func (f *Faulty) Publish(subject string, data []byte) error {
	if f.plan.OnSubject != nil && !f.plan.OnSubject(subject) {
		return f.Bus.Publish(subject, data)
	}
	for _, m := range f.script(subject, data) {
		if err := f.Bus.Publish(m.subject, m.data); err != nil {
			return err
		}
	}
	return nil
}

// script decides what is sent in place of a message.
func (f *Faulty) script(subject string, data []byte) []lateMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	hit := func(chance float64, count *int) bool {
		if chance == 0 || f.rand.Float64() >= chance {
			return false
		}
		*count++
		return true
	}
	if hit(f.plan.Lose, &f.fired.Lost) {
		return nil
	}
	data = bytes.Clone(data)
	if len(data) > 0 && hit(f.plan.Damage, &f.fired.Damaged) {
		data[f.rand.IntN(len(data))] ^= 1 << f.rand.IntN(8)
	}
	if len(data) > 0 && hit(f.plan.Truncate, &f.fired.Truncated) {
		data = data[:f.rand.IntN(len(data))]
	}
	m := lateMessage{subject, data}
	if f.late == nil && hit(f.plan.Reorder, &f.fired.Reordered) {
		f.late = &m
		return nil
	}
	send := []lateMessage{m}
	if hit(f.plan.Repeat, &f.fired.Repeated) {
		send = append(send, m)
	}
	if f.late != nil {
		send = append(send, *f.late)
		f.late = nil
	}
	return send
}

// Flush sends what was held back first.
func (f *Faulty) Flush(ctx context.Context) error {
	f.mu.Lock()
	late := f.late
	f.late = nil
	f.mu.Unlock()
	if late != nil {
		if err := f.Bus.Publish(late.subject, late.data); err != nil {
			return err
		}
	}
	return f.Bus.Flush(ctx)
}
