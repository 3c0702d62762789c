package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// maxRuns bounds the runs that are told apart: two are too many already.
const maxRuns = 64

// Discover returns the run whose coordinator leads on this server. It waits
// until there is one, and calls alive now and then; two are ErrManyRuns.
func Discover(ctx context.Context, b bus.Bus, alive func(state string), log *slog.Logger) (proto.RunID, error) {
	var mu sync.Mutex
	var runs []proto.RunID
	sub, err := b.Subscribe(proto.RunID("*").NewsSubject(), func(m *bus.Message) {
		var n proto.News
		if proto.Decode(m.Data, &n) != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		at := slices.Index(runs, n.Run)
		switch {
		case n.Ended && at >= 0:
			runs = slices.Delete(runs, at, at+1)
		case !n.Ended && at < 0 && len(runs) < maxRuns:
			runs = append(runs, n.Run)
		}
	})
	if err != nil {
		return "", err
	}
	defer sub.Close()
	wait := time.NewTicker(settle)
	defer wait.Stop()
	for told, heard := false, false; ; {
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-wait.C:
		}
		mu.Lock()
		found := slices.Clone(runs)
		mu.Unlock()
		switch {
		case len(found) > 1:
			slices.Sort(found)
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
