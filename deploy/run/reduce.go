package run

import (
	"context"
	"log/slog"
	"os"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Reduce joins a run as a reducer and owns ranges of its parameters until the run ends or
// ctx does. It returns what was measured.
func Reduce(ctx context.Context, s Settings) (stats reduce.Stats, err error) {
	if err := s.needNATS("reducer"); err != nil {
		return stats, err
	}
	if s.Run == "" && s.RunDir != "" {
		s.Run = idOf(s.RunDir)
	}
	life := health.NewReporter("reducer", s.Health)
	s.Worker.Alive = func(state string) { alive(life, state) }
	key, err := s.NATS.key()
	if err != nil {
		return stats, err
	}
	b, err := s.NATS.dialMember(proto.ReducerRole, life)
	if err != nil {
		return stats, err
	}
	defer b.Close()
	if s.Run == "" {
		run, err := worker.Discover(ctx, b, s.Worker.Alive, slog.Default())
		if ctx.Err() != nil || err != nil {
			return stats, ignoreEnd(ctx, err)
		}
		s.Run = string(run)
	}
	host := s.Worker.Host
	if host == "" {
		host = quota.Host()
	}
	c := reduce.Config{Run: proto.RunID(s.Run), ID: s.Worker.ID, Key: key, Host: host, Threads: quota.CPUs(), Program: s.Worker.Program,
		Most: quota.Room() / 2, Answer: s.Worker.Answer, Retry: s.Worker.Retry, Alive: s.Worker.Alive, Log: slog.Default(),
		Done: func(of reduce.Stats) { stats = of }}
	if c.ID == "" {
		name, _ := os.Hostname()
		c.ID = proto.FreshID(name)
	}
	return stats, reduce.Run(ctx, c, b)
}

// ignoreEnd returns an error that is not that of a ctx which ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
