package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/deploy/health"
	"github.com/tinygrow/tinygrow/deploy/run/scrape"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
	"github.com/tinygrow/tinygrow/proto/pause"
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
	if s.Telemetry.Metrics != "" {
		registry := scrape.Registry()
		end, err := s.Telemetry.scraped(registry, logged{})
		if err != nil {
			return stats, err
		}
		defer end()
		s.Worker.Worked = newComputed(registry).take
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
	return stats, crew.work(ctx, s)
}

// silence is after how long without news a run counts as gone: its coordinator gives some every second.
const silence = 3 * time.Second

// WorkRuns joins runs whose ids begin with a prefix, one after the other, as a worker: each until it ends or
// nothing is heard of it any more. Of several it takes one at random. It returns how many it joined when ctx ends.
func WorkRuns(ctx context.Context, s Settings, prefix string) (joined int, err error) {
	if err := s.needNATS("worker"); err != nil {
		return 0, err
	}
	life := health.NewReporter("worker", s.Health)
	b, err := s.NATS.dialWorker(life)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	board, err := worker.Listen(b)
	if err != nil {
		return 0, err
	}
	defer board.Close()
	other := func(id proto.RunID) bool { return !strings.HasPrefix(string(id), prefix) }
	for {
		if found := slices.DeleteFunc(board.Runs(silence), other); len(found) > 0 {
			s.Run = string(found[rand.IntN(len(found))])
			if err := s.workWhile(ctx, board); err != nil {
				return joined, err
			}
			joined++
		}
		if pause.For(ctx, 200*time.Millisecond) != nil {
			return joined, nil
		}
		alive(life, "waiting for a run whose id begins with "+prefix)
	}
}

// workWhile works for the run of the settings for as long as there is news of it.
func (s Settings) workWhile(ctx context.Context, board *worker.Board) error {
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() {
		for slices.Contains(board.Runs(silence), proto.RunID(s.Run)) && pause.For(ctx, time.Second) == nil {
		}
		stop()
	})
	_, err := Work(ctx, s)
	stop()
	group.Wait()
	return err
}

// logged is a Console whose lines go to the log.
type logged struct{ silent }

// Line logs a line.
func (logged) Line(format string, args ...any) { slog.Info(fmt.Sprintf(format, args...)) }

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
