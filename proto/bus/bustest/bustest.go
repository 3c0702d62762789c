// Package bustest is the contract of package bus as tests that any adapter can
// run. It tests no adapter's own ways to connect and to fail.
package bustest

import (
	"context"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/proto/bus"
)

// Start makes a new system and returns how participants come to it.
type Start[P any] func(t *testing.T) (connect func() P)

// System runs the whole contract on a transport.
func System(t *testing.T, start Start[bus.System]) {
	t.Run("bus", func(t *testing.T) { Bus(t, as[bus.Bus](start)) })
	t.Run("logs", func(t *testing.T) { Logs(t, as[bus.Logs](closed(start))) })
	t.Run("objects", func(t *testing.T) { Objects(t, as[bus.ObjectStores](closed(start))) })
}

// as takes systems for what they are too.
func as[P any](start Start[bus.System]) Start[P] {
	return func(t *testing.T) func() P {
		connect := start(t)
		return func() P { return any(connect()).(P) }
	}
}

// closed closes participants when their test ends.
func closed(start Start[bus.System]) Start[bus.System] {
	return func(t *testing.T) func() bus.System {
		connect := start(t)
		return func() bus.System {
			s := connect()
			t.Cleanup(func() { s.Close() })
			return s
		}
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
