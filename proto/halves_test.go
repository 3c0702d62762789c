package proto

import "testing"

// What a message may say of rounding.
func TestRoundingIsChecked(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		wire Wire
		ok   bool
	}{
		{Gradient, Wire{}, true}, {Evaluate, Wire{}, true}, {Gradient, Wire{Format: FP16}, true},
		{Gradient, Wire{FP16, -MaxExponent}, true}, {Gradient, Wire{FP16, MaxExponent + 1}, false}, {Gradient, Wire{Format: BF16}, true}, {Gradient, Wire{BF16, 1}, false},
		{Gradient, Wire{Exponent: 1}, false}, {Gradient, Wire{Format: "fp8"}, false}, {Evaluate, Wire{Format: BF16}, false},
		{Growth, Wire{Format: FP16}, false},
	} {
		spec := RoundSpec{Kind: c.kind, Order: Order{Split: "train", Stream: "epoch"}, Count: 4, MicroShard: 2, Wire: c.wire}
		if err := spec.check(); (err == nil) != c.ok {
			t.Errorf("%s %+v: %v", c.kind, c.wire, err)
		}
	}
	plain := RoundSpec{Kind: Gradient, Count: 4, MicroShard: 2}
	for _, w := range []Wire{{Format: FP16}, {FP16, 1}, {Format: BF16}} {
		rounded := plain
		if rounded.Wire = w; rounded.Inputs(Digest{}, Digest{}, Digest{}) == plain.Inputs(Digest{}, Digest{}, Digest{}) {
			t.Errorf("what sums follow from does not tell of %+v", w)
		}
	}
}
