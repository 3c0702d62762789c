package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/worker/dataset"
	"github.com/tinygrow/tinygrow/worker/fetch"
)

// dataOfRun returns the data set of a worker: its own, or else the
// coordinator's. It is nil when the worker is told to stop, or the run ends, first.
func (s *settings) dataOfRun(ctx context.Context, life *health.Reporter) (*dataset.Set, error) {
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
