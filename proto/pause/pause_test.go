package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/proto/pause"
)

func TestForEndsWithTimeOrContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause.For(t.Context(), time.Hour); err != nil || time.Since(began) != time.Hour {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		reason := errors.New("the reason")
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { stop(reason) })
		if err := pause.For(ctx, time.Hour); !errors.Is(err, reason) || time.Since(began) != time.Hour+time.Minute {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}
