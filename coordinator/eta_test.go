package coordinator

import (
	"math"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
)

// history is a made-up run of 1000 steps of 100 samples with an event of a
// thousand samples after every 100 of the first 750, and an evaluation after
// every 100, of 1000 samples.
type history struct {
	eta   eta
	now   time.Duration
	slow  float64 // ms a sample of a step
	step  int
	grows int // how many events grow the network, to twice the cost
}

func (h *history) pass(ms float64) { h.now += time.Duration(ms * float64(time.Millisecond)) }

// ahead is what comes after the step and what follows it.
func (h *history) ahead() trainer.Ahead {
	events := 0
	for at := h.step + 1; at <= 750; at++ {
		if at%100 == 0 {
			events++
		}
	}
	return trainer.Ahead{Samples: 100 * (1000 - h.step), Events: events, EventSamples: 1000, EvaluationSamples: 1000 * (10 - h.step/100)}
}

// next makes a step and the rounds after it. Each event costs 5 steps' samples
// for each of its own, each evaluation half of one.
func (h *history) next() {
	h.step++
	h.pass(100 * h.slow)
	h.eta.note(h.now, trainer.Applied{Step: &trainer.StepRecord{Samples: 100}}, 1000)
	if h.step%100 != 0 {
		return
	}
	h.pass(1000 * h.slow / 2)
	h.eta.note(h.now, trainer.Applied{Eval: &trainer.EvalRecord{Samples: 1000}}, 1000)
	if h.step > 750 {
		return
	}
	h.pass(3000 * h.slow)
	h.eta.note(h.now, trainer.Applied{}, 1000)
	h.pass(2000 * h.slow)
	grown := h.grows > 0
	h.eta.note(h.now, trainer.Applied{Growth: &growth.Record{}, Grown: &trainer.GrownRecord{Grown: grown}}, 1000)
	if grown {
		h.grows--
		h.slow *= 2
	}
}

// After the last event that grows, the time to go is right although the mean
// pace since the start is four times that of the end.
func TestETAFollowsTheLatestPace(t *testing.T) {
	h := &history{slow: 1, grows: 2}
	said := map[int]time.Duration{}
	at := map[int]time.Duration{}
	h.pass(400e6) // the first step waits for a worker for days
	for h.step < 1000 {
		h.next()
		said[h.step], at[h.step] = h.eta.left(h.ahead()), h.now
	}
	for step := 1; step <= fewSteps; step++ {
		if said[step] != 0 {
			t.Errorf("step %d: %v to go after so few steps", step, said[step])
		}
	}
	for _, step := range []int{220, 299, 300, 301, 350, 500, 750, 999} {
		if truth := h.now - at[step]; math.Abs(float64(said[step]-truth)) > 0.02*float64(truth) {
			t.Errorf("step %d: %v to go, it took %v", step, said[step], truth)
		}
	}
}

// A step in which a worker was lost says little of the others.
func TestETAForgetsAStall(t *testing.T) {
	h := &history{slow: 1}
	for range 50 {
		h.next()
	}
	before := h.eta.left(h.ahead())
	h.pass(60e3)
	for range 8 {
		h.next()
	}
	if after := h.eta.left(h.ahead()); float64(after) > 1.1*float64(before) {
		t.Errorf("%v to go before the stall, %v after it", before, after)
	}
}

// After a minute at a twentieth of the pace the estimate is right again within
// three seconds, or four steps where these are long.
func TestETARecoversFromASlowMinute(t *testing.T) {
	for _, usual := range []time.Duration{2 * time.Millisecond, 100 * time.Millisecond, 1500 * time.Millisecond} {
		var e eta
		var now time.Duration
		step := func(took time.Duration) {
			now += took
			e.note(now, trainer.Applied{Step: &trainer.StepRecord{Samples: 100}}, 0)
		}
		for range 100 {
			step(usual)
		}
		for slow := now + time.Minute; now < slow; {
			step(20 * usual)
		}
		to := trainer.Ahead{Samples: 100 * 1000}
		if left := e.left(to); left < 1800*usual {
			t.Errorf("steps of %v: %v to go after a slow minute, which should tell", usual, left)
		}
		for end := now + max(3*time.Second, 4*usual); now < end; {
			step(usual)
		}
		if left := e.left(to); left < 950*usual || left > 1050*usual {
			t.Errorf("steps of %v: %v to go, it takes %v", usual, left, 1000*usual)
		}
	}
}
