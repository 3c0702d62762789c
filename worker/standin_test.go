package worker

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/faults"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// standing returns a crew that stands in, micro-shards taking a millisecond.
func standing(threads int) *crew {
	c := newCrew(noise{}, threads)
	c.standIn = &standIn{shard: time.Millisecond}
	return c
}

// Stand-ins that know nothing of each other agree on every block, whatever weights they
// have seen first, and a tree of blocks has the bits of its root.
func TestStandInsAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const shards = 13
		for _, c := range []struct {
			kind proto.Kind
			wire proto.Wire
		}{{proto.Gradient, proto.Wire{}}, {proto.Evaluate, proto.Wire{}}, {proto.Gradient, proto.Wire{Format: proto.BF16}},
			{proto.Gradient, proto.Wire{Format: proto.FP16, Exponent: -14}}} {
			kind := c.kind
			first := testJob(t, kind, shards)
			first.spec.Wire = c.wire
			want, err := standing(1).compute(t.Context(), first, proto.Root(shards), 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, size := range []uint32{1, 2, 4, 16} {
				j := testJob(t, kind, shards)
				clear(j.version.params) // another step of the same network
				j.spec.Order.Index, j.spec.Offset, j.spec.Wire = 3, 80, c.wire
				f := newTestFold(j, shards)
				for _, b := range proto.Root(shards).Cover(size) {
					s, err := standing(2).compute(t.Context(), j, b, 0)
					if err != nil {
						t.Fatal(err)
					}
					if err := f.Put(b, s); err != nil {
						t.Fatal(err)
					}
				}
				got, ok := f.Root()
				if !ok || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64) {
					t.Errorf("%s %+v in blocks of %d: other bits", kind, c.wire, size)
				}
			}
			m := nn.MetricsOf(want.F64)
			counts := m.Correct >= 0 && m.Correct <= m.N && m.Correct == float64(int(m.Correct))
			if m.N != 8*shards-3 || !counts || !faults.Finite(m.Loss) || m.Loss <= 0 {
				t.Errorf("%s: %+v", kind, m)
			}
		}
	})
}

// The record is one micro-shard of the network as it is before any training.
func TestStandInsSendWhatComputingGives(t *testing.T) {
	j := testJob(t, proto.Gradient, 1)
	j.spec.Count, j.spec.Order.Stream = 8, "sequential"
	want, err := newCrew(noise{}, 1).compute(t.Context(), j, proto.Root(1), 0)
	if err != nil {
		t.Fatal(err)
	}
	got, err := standing(1).compute(t.Context(), j, proto.Root(1), 0)
	if err != nil || !slices.Equal(got.F32, want.F32) || !slices.Equal(got.F64, want.F64) {
		t.Errorf("%v: a single micro-shard has other bits", err)
	}
}

func TestStandInsTakeTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, j := standing(2), testJob(t, proto.Gradient, 8)
		began := time.Now()
		if _, err := c.compute(t.Context(), j, proto.Block{Lo: 0, Hi: 8}, 0); err != nil || time.Since(began) != 4*time.Millisecond {
			t.Errorf("8 micro-shards on 2 threads took %s, %v: want 4ms", time.Since(began), err)
		}
		ctx, stop := context.WithCancelCause(t.Context())
		stop(errSuperseded)
		if _, err := c.compute(ctx, j, proto.Block{Lo: 0, Hi: 8}, 0); !errors.Is(err, errSuperseded) {
			t.Error(err)
		}
		ride, err := measure.NewRide(j.version.network.graph, measure.Riding(j.version.network.graph, 2), j.version.network.shard)
		if err != nil {
			t.Fatal(err)
		}
		j.ride = ride
		if _, err := c.compute(t.Context(), j, proto.Root(8), 0); !errors.Is(err, ErrStandIn) {
			t.Errorf("statistics of growth: %v", err)
		}
	})
}
