package coordinator

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
)

// arrives hands in what looks like it came over the bus, spoilt.
func (d *disagreement) arrives(w int, lo, hi uint32, spoil func(s proto.Sums)) error {
	b, r := proto.Block{Lo: lo, Hi: hi}, d.core.round
	sums := d.sums(d.leaders[0].weights, r, b)
	if spoil != nil {
		spoil(sums)
	}
	a := looked(d.workers[w].id, b, sums, roundInfo{number: r.Round, known: knownOf(&r, d.core.train)})
	return d.core.partial(d.now, &a)
}

// One partial that cannot be, or hardly can, neither ends nor ruins a run without
// audits: its block is computed by others, and its sender is found out.
func TestOneImpossiblePartialEndsNothing(t *testing.T) {
	undisturbed := newDisagreement(t, 1)
	undisturbed.finish(-1)
	want := undisturbed.core.train.Digest()
	for name, spoil := range map[string]func(s proto.Sums){
		"no number":       func(s proto.Sums) { s.F32[0] = float32(math.NaN()) },
		"infinite":        func(s proto.Sums) { s.F32[1] = float32(math.Inf(-1)) },
		"huge":            func(s proto.Sums) { s.F32[0] = 1e30 },
		"samples":         func(s proto.Sums) { s.F64[0] *= 2 },
		"correct":         func(s proto.Sums) { s.F64[2] = s.F64[0] + 1 },
		"loss":            func(s proto.Sums) { s.F64[1] = math.NaN() },
		"moments":         func(s proto.Sums) { s.F64[3] *= 1e6; s.F64[4] = 1e12 },
		"variance":        func(s proto.Sums) { s.F64[5] = -1 },
		"moments' values": func(s proto.Sums) { s.F64[7]++ },
	} {
		d := newDisagreement(t, 3)
		d.workers[0].corrupt = true
		d.must(d.arrives(0, 0, 2, spoil))
		d.must(d.arrives(1, 2, 4, nil)) // all the others are in: if it counted the step would be made
		d.must(d.arrives(2, 4, 5, nil))
		if n := d.core.train.Step(); n != 0 {
			t.Errorf("%s: it counted", name)
			continue
		}
		d.pull(d.workers[1])
		d.pull(d.workers[2])
		if d.core.plan.Quarantined("w0") == "" { // two others have to compute the block first
			d.must(d.arrives(1, 0, 2, nil))
			d.pull(d.workers[2])
			d.must(d.arrives(2, 0, 2, nil))
		}
		if d.core.plan.Quarantined("w0") == "" || d.core.plan.Quarantined("w1") != "" || d.core.plan.Quarantined("w2") != "" {
			t.Errorf("%s: in quarantine: w0 %q, w1 %q, w2 %q", name, d.core.plan.Quarantined("w0"), d.core.plan.Quarantined("w1"),
				d.core.plan.Quarantined("w2"))
		}
		d.finish(0)
		if d.core.train.Step() != 1 || d.core.train.Digest() != want {
			t.Errorf("%s: step %d has other weights", name, d.core.train.Step())
		}
	}
}

// Where training really diverges all get sums that are no numbers. The run ends
// with what to do, and nobody is blamed, on whatever processors they came.
func TestDivergenceBlamesNobody(t *testing.T) {
	diverged := func(bits uint32) func(s proto.Sums) {
		return func(s proto.Sums) {
			for i := range s.F32 {
				s.F32[i] = math.Float32frombits(bits)
			}
			s.F64[1] = math.NaN()
		}
	}
	d := newDisagreement(t, 3)
	var err error
	for i := 0; err == nil && i < 100; i++ {
		for w := range d.workers {
			for lo := range uint32(5) {
				for hi := lo + 1; hi <= 5 && err == nil; hi++ {
					err = d.arrives(w, lo, hi, diverged([]uint32{0x7fc00000, 0xffc00000, 0x7fc00001}[w]))
				}
			}
			if err == nil {
				d.pull(d.workers[w])
			}
		}
		d.now += 10 * time.Millisecond
	}
	if !errors.Is(err, trainer.ErrDiverged) {
		t.Errorf("got %v", err)
	}
	for _, w := range d.workers {
		if why := d.core.plan.Quarantined(w.id); why != "" {
			t.Errorf("%s is blamed: %s", w.id, why)
		}
	}
	if d.fired["alarm"] > 0 {
		t.Error(d.fired)
	}
}
