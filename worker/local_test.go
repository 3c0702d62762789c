package worker

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Rounds in one process keep what the next one can use, and have the bits of blocks.
func TestLocalRoundsHaveTheBitsOfBlocks(t *testing.T) {
	j := testJob(t, proto.Gradient, 13)
	m := &nn.Model{Graph: j.version.network.graph, Params: j.version.params, Buffers: j.version.buffers}
	want, err := newCrew(noise{}, 1).compute(t.Context(), j, proto.Root(13), 0)
	if err != nil {
		t.Fatal(err)
	}
	l := Local{Samples: noise{}, MicroShard: 8}
	rounds := l.Rounds()
	for range 2 {
		got, err := rounds.Sums(t.Context(), m, j.spec, Beside{})
		if err != nil || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64) {
			t.Errorf("other sums: %v", err)
		}
		rounds.Release(got)
	}
	metrics, err := l.Evaluate(t.Context(), m, 100)
	if err != nil || metrics.N != 100 || metrics.Loss <= 0 || metrics.Correct > 100 {
		t.Errorf("%+v, %v", metrics, err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errOver)
	if _, err := l.Evaluate(ctx, m, 100); !errors.Is(err, errOver) {
		t.Errorf("an ended context: %v", err)
	}
}
