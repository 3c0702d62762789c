package nn

import (
	"slices"
	"strings"
	"testing"
)

// What dropout drops, by what comes out: zero or the input divided by what is kept, the same
// for the gradient, and about as many as the rate says. It follows from the key and the node alone.
func TestDropout(t *testing.T) {
	const rate = 0.25
	drop := Node{Op: OpDropout, Rate: rate}
	g := chain(Shape{3, 8, 8}, CrossEntropy, conv(6, 1, 1, 0, true).named("c", "x"), drop.named("d", "c"), conv(4, 3, 1, 1, true).named("e", "d"),
		drop.named("d2", "e"), linear(3))
	q := newProblem(t, g, 40, 40, Options{Keep: []NodeID{"c", "d", "e", "d2"}})
	masks := func(d Drop, mode Mode) (first, second []float32) {
		q.b.Drop = d
		w := q.p.NewWorkspace()
		q.run(w, mode)
		for _, pair := range [][2]NodeID{{"c", "d"}, {"e", "d2"}} {
			var mask []float32
			for i, x := range w.Value(pair[0]) {
				y, m := w.Value(pair[1])[i], float32(0)
				if y != 0 || x == 0 {
					m = 1
					if d.On && mode == Train {
						m = float32(1 / (1 - rate))
					}
				}
				mask = append(mask, m)
				if y != x*m || w.Grad(pair[0])[i] != w.Grad(pair[1])[i]*m {
					t.Fatalf("%v of %v, gradient %v of %v", y, x, w.Grad(pair[0])[i], w.Grad(pair[1])[i])
				}
			}
			first, second = second, mask
		}
		return first, second
	}
	key := Drop{On: true, Seed: 7, Step: 3, Shard: 2}
	a, b := masks(key, Train)
	dropped := 0
	for _, m := range a {
		if m == 0 {
			dropped++
		}
	}
	if part := float64(dropped) / float64(len(a)); part < 0.24 || part > 0.26 {
		t.Errorf("%v of the values are dropped", part)
	}
	if again, _ := masks(key, Train); !slices.Equal(a, again) {
		t.Error("the same key drops other values")
	}
	if slices.Equal(a[:len(b)], b) {
		t.Error("two nodes drop the same values")
	}
	for _, other := range []Drop{{true, 8, 3, 2}, {true, 7, 4, 2}, {true, 7, 3, 1}} {
		if got, _ := masks(other, Train); slices.Equal(a, got) {
			t.Errorf("%+v drops the same values", other)
		}
	}
	for _, off := range []Drop{{}, {Seed: 7}} {
		if got, _ := masks(off, Train); slices.Contains(got, 0) {
			t.Errorf("%+v drops values", off)
		}
	}
	if got, _ := masks(key, Eval); slices.Contains(got, 0) {
		t.Error("values are dropped in Eval mode")
	}
}

func init() {
	operationReferences[OpDropout] = func(r *reference, n *Node, out [][]float64) {
		for i, in := range r.values[n.Inputs[0]] {
			copy(out[i], in)
		}
	}
	operationGraphs["dropout"] = func() *Graph {
		return chain(Shape{3, 6, 6}, CrossEntropy, conv(4, 3, 1, 1, true), op(OpReLU), Node{Op: OpDropout, Rate: 0.5}, linear(3), Node{Op: OpDropout})
	}
}

func TestDropoutHasTheSameBitsEverywhere(t *testing.T) {
	sameBits(t, "fc10971a470a5ff6cf495ff50afc32f1bbd8beabd0eff65ffa0a7d65243d594b", dropoutOp{}.probe())
}

func TestDropoutFaults(t *testing.T) {
	for want, n := range map[string]Node{
		"rate 1: must be at least 0 and below 1": {Op: OpDropout, Rate: 1},
		"rate -1: must be at least 0":            {Op: OpDropout, Rate: -1},
		"has no rate":                            {Op: OpReLU, Rate: 0.1},
	} {
		if err := chain(Shape{4, 2, 2}, CrossEntropy, n, linear(3)).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
