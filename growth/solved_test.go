package growth

import (
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/tensor/nn"

	"gonum.org/v1/gonum/mat"
)

// Outgoing weights solve the normal equations of the new inputs alone, with the ridge.
func TestSolvedOutgoingWeights(t *testing.T) {
	const rows, old, fresh, outputs, ridge = 60, 3, 4, 2, 0.25
	features := growthtest.Normal(1, rows, old+fresh+1)
	desired := growthtest.Normal(2, rows, outputs+1) // the last one is of another site's neuron
	var s1, m mat.Dense
	s1.Mul(features.T(), features)
	m.Mul(features.T(), desired)
	got := solveOutgoing(measure.UpdateSums{S1: growthtest.Sym(&s1), M: &m}, block{old, fresh, outputs}, ridge)
	f := features.Slice(0, rows, old, old+fresh)
	var gram, right, want mat.Dense
	gram.Mul(f.T(), f)
	right.Mul(f.T(), desired.Slice(0, rows, 0, outputs))
	trace := mat.Trace(&gram)
	for i := range fresh {
		gram.Set(i, i, gram.At(i, i)+ridge*trace/fresh)
	}
	if err := want.Solve(&gram, &right); err != nil {
		t.Fatal(err)
	}
	if !mat.EqualApprox(got, &want, 1e-10) {
		t.Errorf("solved\n%v\nwant\n%v", mat.Formatted(got), mat.Formatted(&want))
	}
}

// Neurons that enter solved lower the loss, leave all that was there as it was, and are
// read by weights no larger than the others; half of them at most are the solver's
// directions, and all are orthogonal as far as there is room.
func TestSolvedEntry(t *testing.T) {
	lowered := 0
	for name, g := range map[string]*nn.Graph{"mlp": mlp(t, 3, 2), "cnn": cnn(t, 3, 2)} {
		for _, entry := range []string{EntryDiverse, EntrySolved} {
			w, m := newWorld(t, g, 2400, 1), nn.Init(g, 2)
			w.train(t, m, 20, 128, 32, 0.05)
			c := DefaultOf(PolicyCompute)
			c.Entry, c.MaxFLOPs, c.Gate = entry, 3*g.FLOPs(), false
			info := w.info(1, 32)
			info.Part = 1
			o := w.run(t, NewEvent(c, m, nil, info), m, 32)
			if !o.Grown {
				t.Fatalf("%s: %s", name, o.Record.Why)
			}
			before, after := nn.ByName(g.ParamEntries()), nn.ByName(o.Model.Graph.ParamEntries())
			for tensor, e := range before {
				old, wide := e.Of(m.Params), after[tensor]
				outputs := e.Shape[0]
				n, wider := len(old)/outputs, wide.Len()/wide.Shape[0]
				for i := range outputs {
					row := wide.Of(o.Model.Params)[i*wider:][:wider]
					if !slices.Equal(row[:n], old[i*n:][:n]) {
						t.Errorf("%s, %s: weights of %s that were there changed", name, entry, tensor)
					}
					if most := 8 * rootMeanSquare(old, 0); i == 0 && wider > n && rootMeanSquare(row[n:], 0) > most {
						t.Errorf("%s, %s: new weights of %s have the size %g, others %g", name, entry, tensor, rootMeanSquare(row[n:], 0), most/8)
					}
				}
			}
			first := g.Nodes[1].ID
			rows := rowsOf(o.Model, string(first))
			width := g.Node(first).Out
			for j := width; j < min(len(rows), len(rows[0])); j++ {
				for i := range j {
					if i >= width || j < len(rows[0]) {
						if cos := cosine(rows[i], rows[j]); math.Abs(cos) > 1e-4 {
							t.Errorf("%s, %s: rows %d and %d have a cosine of %g", name, entry, i, j, cos)
						}
					}
				}
			}
			if was, is := w.loss(t, m, 0, 2400, 32, nn.Train), w.loss(t, o.Model, 0, 2400, 32, nn.Train); entry == EntryDiverse && was != is {
				t.Errorf("%s: a loss of %g, and %g before", name, is, was)
			} else if is < was {
				lowered++
			}
			t.Log(name, entry, o.Record.Grown[0].Sentence)
		}
	}
	if lowered == 0 {
		t.Error("solved outgoing weights lower no loss")
	}
}
