package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/plan"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// showLife makes events report signs of life and progress as well.
func showLife(e coordinator.Events, r *health.Reporter) coordinator.Events {
	e = e.WithDefaults()
	state := "starting"
	started, step, waiting := e.Started, e.Step, e.Waiting
	e.Started = func(s coordinator.Started) {
		state = fmt.Sprintf("run %s at step %d of %d", s.Run, s.Step, s.Steps)
		started(s)
	}
	e.Step = func(s trainer.StepRecord, p coordinator.Pace) {
		state = fmt.Sprintf("step %d, %d workers, %.0f samples/s", s.Step, p.Workers, p.SamplesSec)
		step(s, p)
	}
	e.Waiting = func(why string) {
		state = "waiting: " + why
		waiting(why)
	}
	e.Alive = func() { alive(r, state) }
	return showProgress(e, r)
}

// showProgress counts what brings the run forward and, while it waits, that the
// server answers.
func showProgress(e coordinator.Events, r *health.Reporter) coordinator.Events {
	waits := true // at first it waits for a worker
	step, evaluated, grew, waiting, resumed, decided := e.Step, e.Evaluated, e.Grew, e.Waiting, e.Resumed, e.Decided
	e.Step = func(s trainer.StepRecord, p coordinator.Pace) { waits = false; r.Progress(); step(s, p) }
	e.Evaluated = func(v trainer.EvalRecord) { r.Progress(); evaluated(v) }
	e.Grew = func(g growth.Record, n trainer.GrownRecord) { r.Progress(); grew(g, n) }
	e.Waiting = func(why string) { waits = true; waiting(why) }
	e.Resumed = func(why string) { waits = false; r.Progress(); resumed(why) }
	e.Decided = func(c plan.Command) {
		if _, folded := c.(plan.Fold); folded {
			r.Progress()
		}
		decided(c)
	}
	e.Reached = func() {
		if waits {
			r.Progress()
		}
	}
	return e
}

// moving counts each answer as progress of a worker.
type moving struct {
	bus.Bus
	progress func()
}

// dialWorker connects a worker whose progress life shows.
func (n NATS) dialWorker(life *health.Reporter) (bus.Bus, error) {
	return n.dialMember(proto.WorkerRole, life)
}

// dialMember connects a worker or reducer whose progress life shows.
func (n NATS) dialMember(role proto.Role, life *health.Reporter) (bus.Bus, error) {
	b, err := n.dial(role, string(role))
	if err != nil {
		return nil, err
	}
	return moving{b, life.Progress}, nil
}

// Request asks. That nobody answers is an answer of the server.
func (m moving) Request(ctx context.Context, subject string, data []byte) ([]byte, error) {
	answer, err := m.Bus.Request(ctx, subject, data)
	if err == nil || errors.Is(err, bus.ErrNoResponders) {
		m.progress()
	}
	return answer, err
}

// Flush returns when the server has what was published.
func (m moving) Flush(ctx context.Context) error {
	err := m.Bus.Flush(ctx)
	if err == nil {
		m.progress()
	}
	return err
}

// alive reports; a report that cannot be made is followed by others, and the
// one who looks sees that they are missing.
func alive(r *health.Reporter, state string) { _ = r.Alive(state) }
