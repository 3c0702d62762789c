package run

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/fetch"
)

// Work joins a run as a worker and computes until the run ends or ctx does, which
// finishes the block in hand. It returns what was measured.
func Work(ctx context.Context, s Settings) (worker.Stats, error) {
	var stats worker.Stats
	if err := s.needNATS("worker"); err != nil {
		return stats, err
	}
	if s.Run == "" && s.RunDir != "" {
		s.Run = idOf(s.RunDir)
	}
	life := health.NewReporter("worker", s.Health)
	s.Worker.Alive = func(state string) { alive(life, state) }
	if err := s.findRun(ctx, life); err != nil || ctx.Err() != nil {
		return stats, err
	}
	set, err := s.dataOfRun(ctx, life)
	if err != nil || set == nil {
		return stats, err
	}
	s.Worker.Done = func(s worker.Stats) { stats = s }
	if s.Worker.Key, err = s.NATS.key(); err != nil {
		return stats, err
	}
	crew, err := s.newCrew(1, set, slog.Default(), func(int) (bus.Bus, error) { return s.NATS.dialWorker(life) })
	if err != nil {
		return stats, err
	}
	return stats, crew.work(ctx)
}

// findRun fills in the run of a worker that was not told one. Told to stop
// first, it leaves it empty.
func (s *Settings) findRun(ctx context.Context, life *health.Reporter) error {
	if s.Run != "" {
		return nil
	}
	b, err := s.NATS.dialWorker(life)
	if err != nil {
		return err
	}
	defer b.Close()
	run, err := worker.Discover(ctx, b, s.Worker.Alive, slog.Default())
	if ctx.Err() != nil {
		return nil
	}
	s.Run = string(run)
	return err
}

// dataOfRun returns the data set of a worker: its own, or else the
// coordinator's. It is nil when the worker is told to stop, or the run ends, first.
func (s *Settings) dataOfRun(ctx context.Context, life *health.Reporter) (*dataset.Set, error) {
	if !s.lacksData() {
		set, _, err := s.openData()
		return set, err
	}
	b, err := s.NATS.dialWorker(life)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	key, err := s.NATS.key()
	if err != nil {
		return nil, err
	}
	c := fetch.Client{Config: s.Fetch, Run: proto.RunID(s.Run), Key: key, Name: s.Data.Name, Alive: s.Worker.Alive, Log: slog.Default()}
	set, err := c.Get(ctx, b)
	if ctx.Err() != nil || errors.Is(err, fetch.ErrEnded) {
		return nil, nil
	}
	return set, err
}
