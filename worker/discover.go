package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/proto/bus"
)

// ErrManyRuns is returned where it is not clear which run is meant.
var ErrManyRuns = errors.New("several runs go on here")

// settle is how long others are listened for once a run was heard of: every
// leading coordinator gives news once a second.
const settle = 1500 * time.Millisecond

// maxRuns bounds the runs that are told apart.
const maxRuns = 64

// Board is the runs whose coordinators lead on a server.
type Board struct {
	sub   bus.Subscription
	mu    sync.Mutex
	heard map[proto.RunID]time.Time
}

// Listen begins to listen for runs.
func Listen(b bus.Bus) (*Board, error) {
	board := &Board{heard: map[proto.RunID]time.Time{}}
	sub, err := b.Subscribe(proto.RunID("*").NewsSubject(), board.take)
	board.sub = sub
	return board, err
}

func (b *Board) take(m *bus.Message) {
	var n proto.News
	if proto.Decode(m.Data, &n) != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	_, known := b.heard[n.Run]
	switch {
	case n.Ended:
		delete(b.heard, n.Run)
	case known || len(b.heard) < maxRuns:
		b.heard[n.Run] = time.Now()
	}
}

// Runs returns the runs that have not ended, in the order of their ids. Those that were not heard of within
// a time, if it is not 0, are forgotten.
func (b *Board) Runs(within time.Duration) []proto.RunID {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, at := range b.heard {
		if within > 0 && time.Since(at) > within {
			delete(b.heard, id)
		}
	}
	return slices.Sorted(maps.Keys(b.heard))
}

// Close ends the listening.
func (b *Board) Close() { b.sub.Close() }

// Discover returns the run whose coordinator leads on this server. It waits
// until there is one, and calls alive now and then; two are ErrManyRuns.
func Discover(ctx context.Context, b bus.Bus, alive func(state string), log *slog.Logger) (proto.RunID, error) {
	board, err := Listen(b)
	if err != nil {
		return "", err
	}
	defer board.Close()
	wait := time.NewTicker(settle)
	defer wait.Stop()
	for told, heard := false, false; ; {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-wait.C:
		}
		found := board.Runs(0)
		switch {
		case len(found) > 1:
			names := make([]string, len(found))
			for i, r := range found {
				names[i] = string(r)
			}
			return "", fmt.Errorf("%w: %s: say which one to join with --run", ErrManyRuns, strings.Join(names, ", "))
		case len(found) == 1 && heard:
			log.Info("found the run", "run", found[0])
			return found[0], nil
		case len(found) == 1:
			heard = true // one more time, for others
		default:
			heard = false
			flush, cancel := context.WithTimeout(ctx, settle)
			_ = b.Flush(flush) // shows who looks whether the server answers
			cancel()
			alive("waiting for a coordinator of any run")
			if !told {
				log.Info("waiting for a coordinator: no run goes on at this server yet; --run joins one by name")
				told = true
			}
		}
	}
}
