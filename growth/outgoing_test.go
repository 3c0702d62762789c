package growth

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

func grownAtRandom(t *testing.T, outgoing string, g *nn.Graph) (m *nn.Model, o *Outcome, w *world) {
	t.Helper()
	w = newWorld(t, g, 1200, 1)
	m = randomModel(g, 2)
	c := testConfig()
	c.Policy, c.Outgoing, c.MinNeurons, c.MaxNeurons = PolicyRandom, outgoing, 5, 5
	o = w.run(t, NewEvent(c, m, nil, w.info(1, 32)), m, 32)
	if !o.Grown || !strings.Contains(o.Record.Grown[0].Sentence, "outgoing weights "+outgoing) {
		t.Fatalf("%+v", o.Record)
	}
	return m, o, w
}

// weightsOf returns the incoming weights of each output of a layer, and the
// outgoing weights of each, in the next.
func weightsOf(m *nn.Model, first, second string) (in, out [][]float32) {
	entries := nn.ByName(m.Graph.ParamEntries())
	a, b := entries[first+".weight"], entries[second+".weight"]
	width := a.Shape[0]
	row, area := a.Len()/width, b.Len()/b.Shape[0]/width
	for j := range width {
		in = append(in, a.Of(m.Params)[j*row:][:row])
		var w []float32
		for o := range b.Shape[0] {
			w = append(w, b.Of(m.Params)[(o*width+j)*area:][:area]...)
		}
		out = append(out, w)
	}
	return in, out
}

// Pairs preserve the function; both sides of their neurons are in use at once.
func TestPairsPreserveTheFunction(t *testing.T) {
	for name, g := range map[string]*nn.Graph{"fc1": mlp(t, 3, 3), "conv1": cnn(t, 3, 3)} {
		m, o, w := grownAtRandom(t, OutgoingPairs, g)
		for _, mode := range []nn.Mode{nn.Train, nn.Eval} {
			close(t, name, w.loss(t, o.Model, 0, 512, 32, mode), w.loss(t, m, 0, 512, 32, mode), 1e-5)
		}
		in, out := weightsOf(o.Model, name, name[:len(name)-1]+"2")
		for j := 3; j+1 < 8; j += 2 {
			if !slices.Equal(in[j], in[j+1]) || squareSum(in[j]) == 0 || squareSum(out[j]) == 0 {
				t.Errorf("%s: neurons %d and %d come from %v and %v", name, j, j+1, in[j], in[j+1])
			}
			for i, v := range out[j] {
				if v != -out[j+1][i] {
					t.Errorf("%s: neurons %d and %d go to %v and %v", name, j, j+1, out[j], out[j+1])
					break
				}
			}
		}
		if squareSum(out[7]) != 0 {
			t.Errorf("%s: the neuron without a partner is connected", name)
		}
	}
}

// With the variance kept, existing outgoing weights shrink by the root of the
// ratio of the widths, and new ones have the size that those have then.
func TestVarianceIsKept(t *testing.T) {
	g := cnn(t, 40, 40)
	m, o, _ := grownAtRandom(t, OutgoingVariance, g)
	_, before := weightsOf(m, "conv1", "conv2")
	_, after := weightsOf(o.Model, "conv1", "conv2")
	keep := math.Sqrt(40. / 45)
	var old, fresh float64
	for j := range before {
		for i, v := range before[j] {
			close(t, "existing weight", float64(after[j][i]), keep*float64(v), 1e-6)
		}
		old += squareSum(before[j]) / 40
	}
	for _, w := range after[40:] {
		fresh += squareSum(w) / 5
	}
	if ratio := fresh / (keep * keep * old); ratio < 0.9 || ratio > 1.1 {
		t.Errorf("the mean square of new outgoing weights is %g times that of existing ones", ratio)
	}
	c := Default()
	c.Outgoing = OutgoingVariance
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "only the policy random may") {
		t.Errorf("tiny with outgoing weights that change the function: %v", err)
	}
}

// The parameters that an event brought along are those that the grown network
// has and the old one has not, whichever sites grew.
func TestWarmingParams(t *testing.T) {
	for name, g := range map[string]*nn.Graph{"mlp": mlp(t, 2, 3, 2), "cnn": cnn(t, 2, 3, 2)} {
		m := nn.Init(g, 1)
		for i := range m.Params {
			m.Params[i] = 1
		}
		var ins []Insertion
		r := &Record{}
		for k, s := range Sites(g) {
			l, err := layoutOf(g, s.ID)
			if err != nil {
				t.Fatal(err)
			}
			in := (&candidate{layout: l}).empty(k + 1)
			for _, w := range [][]float32{in.Alpha, in.Omega} {
				for i := range w {
					w[i] = 7
				}
			}
			if l.norm != nil {
				in.Gain, in.Shift = make([]float32, k+1), make([]float32, k+1)
				for i := range in.Gain {
					in.Gain[i], in.Shift[i] = 7, 7
				}
			}
			ins = append(ins, in)
			width := l.width(g)
			r.Grown = append(r.Grown, GrownRecord{Site: s.ID, From: width, To: width + k + 1})
		}
		wide, err := Widen(m, ins)
		if err != nil {
			t.Fatal(err)
		}
		var want []int
		for i, v := range wide.Params {
			if v != 1 {
				want = append(want, i)
			}
		}
		if got := NewWarming(r).Params(wide.Graph); !slices.Equal(got, want) || len(want) != len(wide.Params)-len(m.Params) {
			t.Errorf("%s: parameters %v, want %v", name, got, want)
		}
	}
}
