// Package pause waits between one try and the next. What is tried again, and
// how often, is the business of whoever tries.
package pause

import (
	"context"
	"time"
)

// For waits for d, or returns the cause of ctx's end if that comes before.
func For(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
