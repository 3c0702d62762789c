package trainer

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

func wiredToy(t *testing.T, format string) *Trainer {
	set := toySettings()
	set.Train.Wire = format
	return newToyOf(t, set)
}

// Gradients are rounded and nothing else; keys of weights ascend, and each step fixes the scale of the
// next so that the largest value of its own gradient would be 128 to 256.
func TestOnlyGradientRoundsAreRounded(t *testing.T) {
	for _, format := range []string{"fp16", "bf16"} {
		tr := wiredToy(t, format)
		if _, err := tr.Begin(); err != nil {
			t.Fatal(err)
		}
		before, kinds := "", map[proto.Kind]int{}
		for {
			r, ok := tr.Next()
			if !ok {
				break
			}
			w := tr.Weights()
			if key := string(rune('a'+r.Step)) + string(rune('a'+r.Generation)) + w.Turn; key < before {
				t.Fatalf("%s: weights %q of a %s round follow %q", format, key, r.Kind, before)
			} else {
				before = key
			}
			want := proto.Wire{}
			if r.Kind == proto.Gradient {
				want = proto.Wire{Format: format}
			}
			if kinds[r.Kind]++; w.Wire != want || r.Wire.Format != want.Format {
				t.Fatalf("%s: a %s round is rounded %+v, its weights %+v", format, r.Kind, r.Wire, w.Wire)
			}
			s := compute(tr, r, proto.Root(r.MicroShards()))
			top := 0.0
			for _, v := range s.F32 {
				top = max(top, math.Abs(float64(v)))
			}
			was := tr.Progress().WireExponent
			if _, err := tr.Apply(s); err != nil {
				t.Fatal(err)
			}
			switch k := tr.Progress().WireExponent; {
			case format == "bf16" && k != 0, r.Kind != proto.Gradient && k != was:
				t.Fatalf("%s: a %s round made the exponent %d of %d", format, r.Kind, k, was)
			case format == "fp16" && r.Kind == proto.Gradient:
				if scaled := math.Ldexp(top, k); scaled < 128 || scaled >= 256 {
					t.Fatalf("a gradient of up to %g leads to the scale 2^%d", top, k)
				}
			}
		}
		if kinds[proto.Gradient] != 12 || kinds[proto.Growth] == 0 || kinds[proto.Evaluate] == 0 {
			t.Errorf("%s: rounds %v", format, kinds)
		}
	}
}

// A run that is taken up in its middle goes on to the same lines, also from behind surgery.
func TestAScaleIsTakenUp(t *testing.T) {
	whole := run(t, wiredToy(t, "fp16"), never)
	for _, at := range []proto.Step{3, 5} {
		tr := wiredToy(t, "fp16")
		first := run(t, tr, func() bool { return tr.Step() == at && tr.Progress().Considered })
		set := toySettings()
		set.Train.Wire = "fp16"
		again, err := Restore(set, tr.Model(), tr.Slots(), tr.Optimizer().Count(), tr.Progress())
		if err != nil {
			t.Fatal(err)
		}
		if again.Digest() != tr.Digest() {
			t.Error("what is restored has another digest")
		}
		if got := append(first, run(t, again, never)...); !slices.Equal(got, whole) {
			t.Errorf("taken up at step %d: got\n%s\nwant\n%s", at, strings.Join(got, "\n"), strings.Join(whole, "\n"))
		}
	}
	tr := wiredToy(t, "fp16")
	was := tr.Digest()
	if tr.at.WireExponent++; tr.Digest() == was {
		t.Error("the digest does not see the scale")
	}
}

// A gradient that overflows is computed once more at a lower scale, to a finite one or to an error that
// says what to do. Nothing but the round is lost, and whoever takes the run up meanwhile
// does the same.
func TestAnOverflowLowersTheScale(t *testing.T) {
	set := toySettings()
	set.Train.Wire, set.Growth.Policy = "fp16", growth.PolicyNone
	tr := newToyOf(t, set)
	if _, err := tr.Begin(); err != nil {
		t.Fatal(err)
	}
	step := func(spoil float32) (Applied, error) {
		r, _ := tr.Next()
		s := compute(tr, r, proto.Root(r.MicroShards()))
		if spoil != 0 {
			s.F32[len(s.F32)-1] = spoil
		}
		return tr.Apply(s)
	}
	for range 2 {
		if _, err := step(0); err != nil {
			t.Fatal(err)
		}
	}
	for n, spoil := range []float32{float32(math.Inf(1)), float32(math.NaN()), float32(math.Inf(-1))} {
		before, at := tr.Digest(), tr.Progress()
		r, _ := tr.Next()
		key := tr.Weights().Turn
		a, err := step(spoil)
		if err != nil || a != (Applied{}) || tr.Digest() != before || tr.Progress().WireExponent != at.WireExponent {
			t.Fatalf("an overflow led to %+v, %v", a, err)
		}
		again, ok := tr.Next()
		if want := r.Wire.Exponent - wireBack; !ok || again.Step != r.Step || again.Wire.Exponent != want || tr.Weights().Turn != key {
			t.Fatalf("after overflow %d of step %d at 2^%d comes step %d at 2^%d", n, r.Step, r.Wire.Exponent, again.Step,
				again.Wire.Exponent)
		}
	}
	if a, err := step(0); err != nil || a.Step == nil || tr.overflows != 0 {
		t.Fatalf("a finite gradient led to %+v, %v", a, err)
	}
	var err error
	for n := 0; err == nil; n++ {
		if _, err = step(float32(math.Inf(1))); n > 20 {
			t.Fatal("an infinite gradient is computed for ever")
		}
	}
	if !errors.Is(err, ErrDiverged) || !strings.Contains(err.Error(), "bf16") {
		t.Error(err)
	}
}

func TestAFormatThatIsNoneIsAFault(t *testing.T) {
	set := toySettings()
	set.Train.Wire = "int8"
	if err := set.Validate(); err == nil || !strings.Contains(err.Error(), `wire "int8": must be fp32, fp16 or bf16`) {
		t.Error(err)
	}
}
