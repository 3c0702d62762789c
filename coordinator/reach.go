package coordinator

import (
	"context"
	"time"
)

// reaches is how often it is tried whether the bus carries messages, and how
// long each try may take.
const reaches = 5 * time.Second

// reach tries again and again whether the bus carries messages, until ctx ends.
func (s *server) reach(ctx context.Context) {
	ticker := time.NewTicker(reaches)
	defer ticker.Stop()
	for {
		trying, cancel := context.WithTimeout(ctx, reaches)
		if s.bus.Flush(trying) == nil {
			s.reached.Store(true)
		}
		cancel()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
