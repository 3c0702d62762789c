package natsbus

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// few lets so many lines a period through to a log, and says with the next one
// how many it left out: a server, or who else uses it, can make a connection
// complain without end.
type few struct {
	slog.Handler
	tally *tally
}

type tally struct {
	mu             sync.Mutex
	since          time.Time
	lines, leftOut int
}

const (
	fewLines  = 30
	fewPeriod = time.Minute
)

func fewOf(log *slog.Logger) *slog.Logger {
	return slog.New(few{log.Handler(), new(tally)})
}

func (f few) Handle(ctx context.Context, r slog.Record) error {
	leftOut, ok := f.tally.line(r.Time)
	if !ok {
		return nil
	}
	if leftOut > 0 {
		r.Add("left_out_before", leftOut)
	}
	return f.Handler.Handle(ctx, r)
}

// line reports whether a line may pass, and how many did not before it.
func (t *tally) line(now time.Time) (leftOut int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.since) >= fewPeriod {
		t.since, t.lines = now, 0
	}
	if t.lines++; t.lines > fewLines {
		t.leftOut++
		return 0, false
	}
	leftOut, t.leftOut = t.leftOut, 0
	return leftOut, true
}

func (f few) WithAttrs(attrs []slog.Attr) slog.Handler {
	return few{f.Handler.WithAttrs(attrs), f.tally}
}

func (f few) WithGroup(name string) slog.Handler { return few{f.Handler.WithGroup(name), f.tally} }
