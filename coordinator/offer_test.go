package coordinator

import (
	"testing"

	"github.com/tinygrow/tinygrow/coordinator/trainer"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// What is offered is known by the digest of its very bytes, whether the update
// hashed them or nobody did, at any length of the last span.
func TestWeightsAreKnownByTheirBytes(t *testing.T) {
	for _, widths := range [][]int{{4}, {10_000}, {10_923}, {8_192, 5}} {
		g, err := nn.Build(nn.ModelConfig{Name: "mlp", Input: nn.Shape{C: 3, H: 1, W: 1}, Classes: 3, Widths: widths, Norm: "batch"})
		if err != nil {
			t.Fatal(err)
		}
		set := simSettings()
		set.Growth.Policy = "none"
		train, err := trainer.New(set, nn.Init(g, 1))
		if err != nil {
			t.Fatal(err)
		}
		var shelf shelf
		var o offer
		for step := range 3 {
			r, ok := train.Next()
			if !ok {
				t.Fatal("the run is over")
			}
			var inputs proto.Digest
			if o, inputs, err = o.renew(&r, train, elsewhere{}, shelf.memory); err != nil {
				t.Fatal(err)
			}
			m := train.Model()
			want := proto.DigestOf(proto.Bytes32(append(append([]float32{}, m.Params...), m.Buffers...)))
			if o.weights.ref.Digest != want || proto.DigestOf(o.weights.data) != want || r.Weights.Digest != want {
				t.Errorf("%v, step %d: offered as %s, are %s", widths, step, o.weights.ref.Digest, want)
			}
			if inputs != r.Inputs(proto.DigestOf(g.JSON()), want, proto.Digest{}) {
				t.Errorf("%v, step %d: the round does not follow from what is offered", widths, step)
			}
			if hashed := train.Spans() != nil; hashed != (step > 0) {
				t.Errorf("%v, step %d: hashed %v", widths, step, hashed)
			}
			sums := proto.NewSums(r.Lengths)
			sums.F64[0] = 40
			for i := range sums.F32 {
				sums.F32[i] = float32(i%7) - 3
			}
			if _, err := train.Apply(sums); err != nil {
				t.Fatal(err)
			}
		}
	}
}
