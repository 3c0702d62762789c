package plausible

import (
	"math"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/proto"
)

// Sums of replicas are held to what their samples and steps allow, and the change of their weights,
// over the rates, to what gradients are.
func TestSumsOfReplicas(t *testing.T) {
	spec := proto.RoundSpec{Kind: proto.Local, Count: 4 * 3 * 7, MicroShard: 8, Local: proto.LocalSpec{Replicas: 4, Steps: 3}}
	block := proto.Block{Lo: 2, Hi: 4} // 42 samples
	decayed := 1 + 0.9 + 0.9*0.9
	honest := func() proto.Sums {
		n := 14 * decayed // of each step
		return proto.Sums{F32: []float32{0.3, -0.4, 0}, F64: []float64{42, 60, 20,
			4 * n, -20, 0, 4 * n, 100, 0, 4 * n, 28, 1, 200, 30, n, 0, 0}}
	}
	look := func(s proto.Sums) (wrong, doubt string) {
		r := Of(spec, graph())
		r.Moved = 0.25
		squares := 0.0
		for _, v := range s.F32 {
			squares += float64(float64(v) * float64(v))
		}
		f := r.Look(block, s, math.Sqrt(squares))
		return f.Wrong, (&Scale{}).Doubt(proto.Local, "a", f)
	}
	for _, c := range []struct {
		name         string
		change       func(s proto.Sums)
		wrong, doubt string
	}{
		{"honest", func(proto.Sums) {}, "", ""},
		{"the samples of one step", func(s proto.Sums) { s.F64[0] = 14 }, "over 14 samples, the block has 42", ""},
		{"moments of all steps alike", func(s proto.Sums) { s.F64[9] = 4 * 42 }, "batch-norm moments are over 168", ""},
		{"a negative variance", func(s proto.Sums) { s.F64[4] = -2000 }, "", "negative variance"},
		{"a change that no rate allows", func(s proto.Sums) { s.F32[0] = 1e6 }, "", "gradient is 2e+06"},
		{"a change that is no number", func(s proto.Sums) { s.F32[0] = float32(math.NaN()) }, "", "none"},
	} {
		s := honest()
		c.change(s)
		wrong, doubt := look(s)
		for got, want := range map[string]string{wrong: c.wrong, doubt: c.doubt} {
			if (got == "") != (want == "") && c.wrong == "" || !strings.Contains(got, want) {
				t.Errorf("%s: wrong %q, doubt %q; want %q and %q", c.name, wrong, doubt, c.wrong, c.doubt)
			}
		}
	}
}
