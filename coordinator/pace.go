package coordinator

import (
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/tensor/cputime"
)

// rate measures how fast a run goes over the last seconds.
type rate struct {
	flushed time.Duration
	marks   [16]mark // a ring, one a second at most
	n       int
}

type mark struct {
	at      time.Duration
	samples int
}

// due reports once a second.
func (r *rate) due(now time.Duration) bool {
	if now-r.flushed < time.Second {
		return false
	}
	r.flushed = now
	return true
}

// perSecond notes the samples so far and returns the rate over the ring.
func (r *rate) perSecond(now time.Duration, samples int) float64 {
	if r.n == 0 || now-r.marks[(r.n-1)%len(r.marks)].at >= time.Second {
		r.marks[r.n%len(r.marks)] = mark{now, samples}
		r.n++
	}
	oldest := r.marks[max(r.n-len(r.marks), 0)%len(r.marks)]
	if now <= oldest.at {
		return 0
	}
	return float64(samples-oldest.samples) / (now - oldest.at).Seconds()
}

func (s *server) pace(a trainer.Applied) Pace {
	now, ahead := s.now(), s.store.train.Ahead()
	s.eta.note(now, a, ahead.EventSamples)
	if a.Step != nil {
		s.samples += a.Step.Samples
		s.steps += max(a.Step.Steps, 1)
	}
	p := Pace{Wall: now, CPU: cputime.Used() - s.cpu, Steps: s.store.train.Steps(),
		SamplesSec: s.window.perSecond(now, s.samples), Left: s.eta.left(ahead)}
	p.Workers, p.Threads = s.core.plan.Workers()
	return p
}
