package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/worker"
	"github.com/tinygrow/tinygrow/worker/dataset"
)

// crew is the workers of this process.
type crew struct {
	set     *dataset.Set
	configs []worker.Config
	buses   []bus.Bus
}

// newCrew connects n workers, each by itself.
func (s *Settings) newCrew(n int, set *dataset.Set, log *slog.Logger, join func(i int) (bus.Bus, error)) (*crew, error) {
	c := &crew{set: set}
	for i := range n {
		w := s.Worker
		w.Run, w.Log = proto.RunID(s.Run), log
		if n > 1 && w.ID != "" {
			w.ID += proto.WorkerID(fmt.Sprintf("-%d", i+1))
		}
		b, err := join(i)
		if err != nil {
			c.close()
			return nil, err
		}
		c.configs, c.buses = append(c.configs, w), append(c.buses, b)
	}
	return c, nil
}

func (c *crew) close() {
	for _, b := range c.buses {
		b.Close()
	}
}

// quiet lets only warnings pass, or everything where details are asked for.
// What workers of this process say of joining is no news.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn || q.Handler.Enabled(ctx, slog.LevelDebug)
}

// start sets the workers to work. An error of one is told to failed. end
// stops them and returns their errors.
func (c *crew) start(failed context.CancelCauseFunc) (end func() error) {
	ctx, stop := context.WithCancel(context.Background())
	errs := make([]error, len(c.buses))
	var group sync.WaitGroup
	for i, b := range c.buses {
		group.Go(func() {
			if errs[i] = worker.Run(ctx, c.configs[i], b, c.set); errs[i] != nil {
				failed(errs[i])
			}
		})
	}
	return func() error {
		stop()
		group.Wait()
		c.close()
		return errors.Join(errs...)
	}
}

// work runs the first worker until its run ends or ctx does, as one with others of the host
// if it is told to.
func (c *crew) work(ctx context.Context, s Settings) error {
	defer c.close()
	if !c.configs[0].Combine {
		return worker.Run(ctx, c.configs[0], c.buses[0], c.set)
	}
	dir, err := s.Fetch.Place()
	if err != nil {
		return err
	}
	return worker.Combined(ctx, c.configs[0], c.buses[0], c.set, dir, s.NATS.URL)
}
