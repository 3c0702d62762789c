package growth

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"
	"github.com/tinygrow/tinygrow/tensor/linalg"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// xor is the four corners of a square in turn, target the product of the
// coordinates: no part of it is linear in them.
func xor(g *nn.Graph, n int) *world {
	w := &world{g: g}
	for i := range n {
		x := []float32{float32(i%2*2 - 1), float32(i/2%2*2 - 1)}
		w.x, w.targets = append(w.x, x), append(w.targets, []float32{x[0] * x[1]})
		w.labels = append(w.labels, 0)
	}
	return w
}

// spirals are two of them, one class each, with one and a half turns.
func spirals(g *nn.Graph, n int) *world {
	w := &world{g: g}
	s := rng.New(7)
	for i := range n {
		class, along := i%2, math.Sqrt(s.Float64(uint64(3*i)))
		angle := along*3*math.Pi + float64(class)*math.Pi
		x := []float32{float32(along*math.Cos(angle) + 0.02*s.Normal(uint64(3*i+1))),
			float32(along*math.Sin(angle) + 0.02*s.Normal(uint64(3*i+2)))}
		w.x, w.labels, w.targets = append(w.x, x), append(w.labels, int32(class)), append(w.targets, make([]float32, 2))
	}
	return w
}

func plane(t *testing.T, loss nn.Loss, hidden, out int) *nn.Graph {
	return growthtest.Chain(t, nn.Shape{C: 2, H: 1, W: 1}, loss, growthtest.Linear("fc1", hidden, true), growthtest.Op("r", nn.OpReLU),
		growthtest.Linear("out", out, true))
}

// P19: where the desired update has no part that is linear in the inputs, the
// solver is blind and says so; random neurons, chosen by the refit, learn XOR.
func TestP19RandomNeuronsWhereTheSolverIsBlind(t *testing.T) {
	g := plane(t, nn.MSE, 0, 1)
	w, m := xor(g, 1024), nn.Init(g, 1)
	c := testConfig()
	c.Fixed.Samples = Samples{512, 256, 256}
	o := w.run(t, startEvent(c, m, w.info(1, 32), noPools), m, 32)
	if s := o.Record.Sites[0]; o.Grown || !strings.HasPrefix(s.Reason, "blind") || s.Share != 1 {
		t.Fatalf("the solver is not blind: grown %v, %+v", o.Grown, s)
	}
	for _, activation := range nn.Activations() {
		for _, norms := range []bool{false, true} {
			name := fmt.Sprintf("%s, norm %v", activation, norms)
			nodes := []nn.Node{growthtest.Linear("fc1", 0, true), growthtest.Op("a", activation), growthtest.Linear("out", 1, true)}
			if norms {
				nodes = slices.Insert(nodes, 1, growthtest.Norm("n"))
			}
			g := growthtest.Chain(t, nn.Shape{C: 2, H: 1, W: 1}, nn.MSE, nodes...)
			w, m := xor(g, 1024), nn.Init(g, 1)
			o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
			if !o.Grown {
				t.Fatalf("%s: nothing grew: %s", name, o.Record.Why)
			}
			s := o.Record.Sites[0]
			if !strings.HasPrefix(s.Fallback, "blind") || s.Tried < s.Kept || s.Kept == 0 || s.Reason != "" {
				t.Errorf("%s: journal %+v", name, s)
			}
			if loss := w.loss(t, o.Model, 512, 512, 32, nn.Train); loss > 0.1 {
				t.Errorf("%s: loss %g, was 1", name, loss)
			}
			again := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
			if again.Model.Digest() != o.Model.Digest() {
				t.Errorf("%s: another event drew other neurons", name)
			}
		}
	}
}

// Two spirals need more neurons than those that the linear part finds.
func TestRandomNeuronsOnSpirals(t *testing.T) {
	final := map[string]float64{}
	for blind, change := range map[string]func([]Stage) []Stage{"refuse": noPools, "pool": asTheyAre} {
		g := plane(t, nn.CrossEntropy, 2, 2)
		w, m := spirals(g, 6000), nn.Init(g, 1)
		c := testConfig()
		c.Fixed.Gate.Price, c.MaxNeurons = 0, 8
		h := History{}
		random := false
		for event := range uint64(8) {
			w.train(t, m, 150, 128, 32, 0.05)
			info := w.info(event, 32)
			info.History = h
			o := w.run(t, startEvent(c, m, info, change), m, 32)
			random = random || o.Grown && o.Record.Sites[0].Fallback != ""
			m, h = o.Model, h.After(o.Record)
			t.Logf("%s: event %d: width %d, loss %.4f: %s", blind, event, m.Graph.Node("fc1").Out, o.Record.Loss, o.Record.Why)
		}
		if random != (blind == "pool") {
			t.Errorf("%s: random neurons grew: %v", blind, random)
		}
		w.train(t, m, 600, 128, 32, 0.05)
		final[blind] = w.loss(t, m, 0, 6000, 32, nn.Eval)
	}
	t.Log(final)
	if final["pool"] > 0.7*final["refuse"] {
		t.Errorf("losses %v", final)
	}
}

// The pool's neurons are fitted as the joint least squares of V on old and new
// features would, and what they take off Psi^2 is their gain.
func TestPoolIsFittedByLeastSquares(t *testing.T) {
	const n, weights, pool, outputs = 400, 3, 6, 2
	old, extra := growthtest.Normal(1, n, weights+1), growthtest.Normal(2, n, pool)
	for i := range n {
		old.Set(i, weights, 1)
		for j := range pool {
			extra.Set(i, j, math.Max(0, extra.At(i, j)+old.At(i, j%weights)))
		}
	}
	v := growthtest.Mul(extra, growthtest.Normal(3, pool, outputs))
	v.Add(v, growthtest.Normal(4, n, outputs))
	features := func(columns ...int) *mat.Dense { // [old weights, chosen of the pool, bias]
		f := mat.NewDense(n, weights+1+len(columns), nil)
		for i := range n {
			row := append(append(slices.Clone(old.RawRowView(i)[:weights]), make([]float64, len(columns))...), 1)
			for k, j := range columns {
				row[weights+k] = extra.At(i, j)
			}
			f.SetRow(i, row)
		}
		return f
	}
	mean := func(x, y *mat.Dense) *mat.Dense { return growthtest.Scaled(1./n, growthtest.Mul(x.T(), y)) }
	best := func(f *mat.Dense) *solve.Update {
		return solve.BestUpdate(growthtest.Sym(mean(f, f)), mean(f, v), mat.Trace(mean(v, v)),
			linalg.Inversion{Threshold: growthtest.Tight})
	}
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 1, W: 1}, nn.MSE, growthtest.Linear("a", weights, true), growthtest.Op("r", nn.OpReLU),
		growthtest.Linear("z", outputs, true))
	l, err := site.LayoutOf(g, "a")
	if err != nil {
		t.Fatal(err)
	}
	before := best(features())
	for limit := 1; limit <= pool; limit++ {
		c := &prospect{Layout: l, room: room{cap: limit, cost: 5}, record: &SiteRecord{Psi2: Number(before.Psi2)}, found: found{pool: true}}
		c.both = c.Empty(pool)
		for i := range c.both.Alpha {
			c.both.Alpha[i] = float32(i)
		}
		f := features(0, 1, 2, 3, 4, 5)
		c.refitPool(measure.UpdateSums{S1: growthtest.Sym(mean(f, f)), M: mean(f, v), Finite: true}, n, min(limit, testConfig().Fixed.MinNeurons), 0)
		if c.record.Kept == 0 || c.record.Kept > limit {
			t.Fatalf("%d of at most %d neurons taken: %s", c.record.Kept, limit, c.record.Reason)
		}
		var taken []int
		for j := range c.record.Kept {
			taken = append(taken, int(c.kept.Alpha[j*l.Incoming.Rows()])/l.Incoming.Rows())
		}
		joint := best(features(taken...))
		growthtest.Close(t, "gain", float64(c.record.Predicted), before.Psi2-joint.Psi2, 1e-8)
		for o := range outputs {
			for k := range taken {
				growthtest.Close(t, "outgoing weight", float64(c.kept.Omega[o*len(taken)+k]), joint.Delta.At(o, weights+k), 1e-5)
			}
			for i := range weights + 1 {
				at := i
				if i == weights {
					at += len(taken)
				}
				want := joint.Delta.At(o, at) - before.Delta.At(o, i)
				if got := float64(c.kept.Update[o*(weights+1)+i]); math.Abs(got-want) > 1e-5 {
					t.Errorf("change of an existing weight %g, want %g", got, want)
				}
			}
		}
		if limit > 1 {
			continue
		}
		// the first is the best of all
		for j := range pool {
			if got := before.Psi2 - best(features(j)).Psi2; got > float64(c.record.Predicted)*(1+1e-9) {
				t.Errorf("neuron %d would take %g off, more than the chosen one's %g", j, got, float64(c.record.Predicted))
			}
		}
	}
}

// Behind convolutions, too: a product of channels, averaged over the image.
func TestRandomChannels(t *testing.T) {
	for kernels, change := range map[string]func([]Stage) []Stage{"centre": asTheyAre, "full": fullKernels} {
		g := growthtest.Chain(t, nn.Shape{C: 2, H: 4, W: 4}, nn.MSE, growthtest.Conv("conv1", 0, 1, 1, 0, true), growthtest.Norm("n"),
			growthtest.Op("r", nn.OpReLU),
			growthtest.Conv("conv2", 1, 3, 1, 1, true), growthtest.Op("avg", nn.OpGlobalAvgPool))
		w := newWorld(t, g, 2400, 1)
		for i, x := range w.x {
			var sum float32
			for p := range 16 {
				x[2*p] = float32(math.Copysign(1, float64(x[2*p])))
				sum += x[2*p] * x[2*p+1] / 16
			}
			w.targets[i][0] = 4 * sum
		}
		m := nn.Init(g, 1)
		e := startEvent(testConfig(), m, w.info(1, 32), change)
		o := w.run(t, e, m, 32)
		if s := o.Record.Sites[0]; !o.Grown || s.Fallback == "" {
			t.Fatalf("%s: grown %v: %s, %+v", kernels, o.Grown, o.Record.Why, s)
		}
		r := e.state.samples.amplitude
		before, after := w.loss(t, m, r.Offset, r.Count, 32, nn.Train), w.loss(t, o.Model, r.Offset, r.Count, 32, nn.Train)
		if after > 0.8*before {
			t.Errorf("%s: loss %g became %g", kernels, before, after)
		}
	}
}

// The same gate: on labels that mean nothing random neurons do not grow either.
func TestRandomNeuronsOnNoise(t *testing.T) {
	grown := 0
	for seed := range uint64(8) {
		g := mlp(t, 3)
		w := newWorld(t, g, 2400, seed)
		s := rng.New(seed, 99)
		for i := range w.labels {
			w.labels[i] = int32(s.Uintn(uint64(i), 4))
		}
		m := nn.Init(g, seed)
		for i := range m.Params {
			m.Params[i] *= 0.1
		}
		o := w.run(t, startEvent(testConfig(), m, w.info(1, 32)), m, 32)
		if o.Grown {
			grown++
		} else if r := o.Record.Sites[0]; r.Reason == "" {
			t.Error("refused without a reason at the site")
		}
	}
	if grown > 1 {
		t.Errorf("grew on pure noise in %d of 8 trials", grown)
	}
}
