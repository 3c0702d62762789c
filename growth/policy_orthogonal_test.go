package growth

import (
	"math"
	"slices"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// rowsOf returns the incoming weights of a layer, without biases.
func rowsOf(m *nn.Model, id string) (rows [][]float32) {
	e := nn.ByName(m.Graph.ParamEntries())[id+".weight"]
	n := e.Len() / e.Shape[0]
	for j := range e.Shape[0] {
		rows = append(rows, e.Of(m.Params)[j*n:][:n])
	}
	return rows
}

func cosine(x, y []float32) float64 {
	var sum float64
	for i, v := range x {
		sum += float64(v) * float64(y[i])
	}
	return sum / (norm64(x) * norm64(y))
}

// New rows are orthogonal to all that were there while there is room, and to each
// other in any case; they have the norm of the others and change no output.
func TestOrthogonalRows(t *testing.T) {
	for _, k := range []struct{ width, grown, room int }{{2, 6, 6}, {5, 6, 3}, {8, 8, 0}, {0, 8, 8}} {
		g := mlp(t, k.width) // of 8 inputs
		w := newWorld(t, g, 600, 1)
		m := growthtest.RandomModel(g, 2)
		c := testConfig()
		c.Policy, c.Fixed.MinNeurons, c.MaxNeurons = "orthogonal", k.grown, k.grown
		o := w.run(t, NewEvent(c, m, nil, w.info(1, 32)), m, 32)
		if !o.Grown || o.Record.Grown[0].Sentence == "" {
			t.Fatalf("width %d: %s", k.width, o.Record.Why)
		}
		bs := w.batches(0, 64, 32)
		if !slices.Equal(logits(t, m, bs, nn.Train), logits(t, o.Model, bs, nn.Train)) {
			t.Errorf("width %d: outputs changed", k.width)
		}
		rows := rowsOf(o.Model, "fc1")
		for j := k.width; j < len(rows); j++ {
			first := 0
			if j >= k.width+k.room {
				first = k.width + k.room // the others have a space of their own
			}
			for i := first; i < j; i++ {
				if c := cosine(rows[i], rows[j]); math.Abs(c) > 1e-5 {
					t.Errorf("width %d: rows %d and %d have a cosine of %g", k.width, i, j, c)
				}
			}
			if k.width > 0 {
				growthtest.Close(t, "norm", norm64(rows[j]), meanNorm(slices.Concat(rows[:k.width]...), 8), 1e-5)
			}
		}
	}
}

// Behind a convolution the moments of a normalisation are measured, as for random.
func TestOrthogonalChannels(t *testing.T) {
	g := cnn(t, 3, 2)
	w := newWorld(t, g, 2400, 1)
	m := growthtest.RandomModel(g, 2)
	c := testConfig()
	c.Policy = "orthogonal"
	o := w.run(t, NewEvent(c, m, nil, w.info(1, 32)), m, 32)
	if !o.Grown {
		t.Fatal(o.Record.Why)
	}
	rows := rowsOf(o.Model, string(o.Record.Grown[0].Site))
	for j := 3; j < len(rows); j++ {
		for i := range j {
			if c := cosine(rows[i], rows[j]); math.Abs(c) > 1e-5 {
				t.Errorf("rows %d and %d have a cosine of %g", i, j, c)
			}
		}
	}
}
