package e2e

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/coordinator"
	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
	"github.com/tinygrow/tinygrow/worker"
)

// spoilt is the toy data set with something wrong in every batch.
type spoilt struct {
	toy
	spoil func(b *nn.Batch, o proto.Order, lo int)
}

func (s spoilt) Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error {
	_ = s.toy.Fill(b, o, augment, lo, n)
	s.spoil(b, o, lo)
	return nil
}

// Data from which nothing can be learnt, or nothing more: the run ends as it
// should, and the journal says of every site why it did not grow.
func TestHopelessData(t *testing.T) {
	noise := func(b *nn.Batch, o proto.Order, lo int) {
		s := rng.New(rng.Key(o.Split+o.Stream), o.Index, uint64(lo))
		for i := range b.N {
			b.Labels[i] = int32(s.Uintn(uint64(i), classes))
		}
	}
	fill := func(b *nn.Batch, v float32) {
		for i := range b.X {
			if i%tensor.Lanes < b.N {
				b.X[i] = v
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(b *nn.Batch, o proto.Order, lo int)
		set   func(c *coordinator.Config)
		says  string // in the journal; anything if empty
	}{
		"labels are noise": {noise, func(c *coordinator.Config) { c.Growth.Fixed.Gate.Significance = 3 }, ""},
		"one class":        {func(b *nn.Batch, _ proto.Order, _ int) { clear(b.Labels) }, nil, ""},
		"constant images":  {func(b *nn.Batch, _ proto.Order, _ int) { fill(b, 0.5) }, nil, ""},
		"black images": {func(b *nn.Batch, _ proto.Order, _ int) { fill(b, 0) },
			func(c *coordinator.Config) { c.Model.Norm = "none" }, ""},
		"a width beyond the rank": {func(b *nn.Batch, _ proto.Order, _ int) { fill(b, 0.5) },
			func(c *coordinator.Config) { c.Model.Widths, c.Growth.MaxWidth = []int{30, 40}, 30 }, "the limit is 30"},
	} {
		t.Run(name, func(t *testing.T) {
			j := job(t, "")
			if c.set != nil {
				c.set(&j.Config)
			}
			j.Config.Growth.Fixed.Gate.Significance = max(j.Config.Growth.Fixed.Gate.Significance, 1)
			s := memory()
			var members []*member
			for _, id := range []proto.WorkerID{"a", "b"} {
				members = append(members, s.start(worker.Config{ID: id, Threads: 1}, spoilt{data, c.spoil}, nil))
			}
			r := s.coordinate(t, context.Background(), j)
			for _, m := range members {
				if err := m.Stop(); err != nil {
					t.Error(err)
				}
			}
			if !r.Done || len(r.GrowthEvents) == 0 {
				t.Fatalf("done %v with %d events", r.Done, len(r.GrowthEvents))
			}
			told := false
			for _, e := range r.GrowthEvents {
				if e.Why == "" {
					t.Errorf("the event of step %d does not say why", e.Step)
				}
				for _, site := range e.Sites {
					told = told || strings.Contains(site.Reason, c.says)
					if e.Decision == growth.Refuse && site.Reason == "" {
						t.Errorf("step %d: %s did not grow for no reason: %s", e.Step, site.Site, e.Why)
					}
				}
			}
			if !told {
				t.Errorf("no site says %q", c.says)
			}
		})
	}
}

// Pixels that are no numbers end the run with an error that says what to look at.
func TestPixelsThatAreNoNumbers(t *testing.T) {
	s := memory()
	bad := spoilt{data, func(b *nn.Batch, o proto.Order, lo int) {
		if o.Stream == "growth" && lo == 0 {
			b.X[0] = float32(math.NaN()) // seen by events alone: they refuse, and training goes on
		}
	}}
	m := s.start(worker.Config{ID: "a", Threads: 1}, bad, nil)
	r := s.coordinate(t, context.Background(), job(t, ""))
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
	if !r.Done || len(r.GrowthEvents) == 0 {
		t.Fatalf("done %v with %d events", r.Done, len(r.GrowthEvents))
	}
	for _, e := range r.GrowthEvents {
		if e.Decision != growth.Refuse || e.Why != "the loss is not finite" {
			t.Errorf("step %d: %s: %s", e.Step, e.Decision, e.Why)
		}
	}

	s = memory()
	bad.spoil = func(b *nn.Batch, _ proto.Order, _ int) { b.X[0] = float32(math.NaN()) }
	m = s.start(worker.Config{ID: "a", Threads: 1}, bad, nil)
	b := s.connect()
	defer b.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := coordinator.Run(ctx, job(t, ""), b)
	if !errors.Is(err, trainer.ErrDiverged) {
		t.Errorf("the run ended with %v", err)
	}
	m.Kill()
}
