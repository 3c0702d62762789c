package growth

import (
	"math"
	"reflect"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"
	"github.com/tinygrow/tinygrow/growth/solve"
	"github.com/tinygrow/tinygrow/tensor/linalg"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// randomInsertion returns k random neurons at a site of the graph, with the
// moments that a newborn round on bs measures where there is a normalisation.
func randomInsertion(t *testing.T, m *nn.Model, id site.ID, k int, bs []*nn.Batch) site.Insertion {
	t.Helper()
	l, err := site.LayoutOf(m.Graph, id)
	if err != nil {
		t.Fatal(err)
	}
	c := &prospect{Layout: l}
	in := c.Empty(k)
	s := rng.New(31, rng.Key(string(id)))
	for i := range in.Alpha {
		in.Alpha[i] = float32(s.Normal(uint64(i))) / float32(math.Sqrt(float64(l.Incoming.Rows())))
	}
	for i := range in.Gain {
		in.Gain[i], in.Shift[i] = float32(1+0.3*s.Normal(uint64(1<<21+i))), float32(0.3*s.Normal(uint64(1<<22+i)))
	}
	for i := range in.Omega {
		in.Omega[i] = float32(s.Normal(uint64(1<<20 + i)))
	}
	if !l.Normalised() {
		return in
	}
	c.both = in
	part := newbornPart(t, m, in, bs)
	all := make([]int, k)
	for j := range all {
		all[j] = j
	}
	return c.Pick(c.both, all, part.Moments, 1)
}

func newbornPart(t *testing.T, m *nn.Model, in site.Insertion, bs []*nn.Batch) measure.NewbornSums {
	return read(t, m, &measure.Request{Kind: measure.KindNewborn, Generation: m.Graph.Generation, Newborn: []site.Insertion{in}},
		bs).Newborn(0)
}

// meanLoss returns the mean loss in a mode.
func meanLoss(t *testing.T, m *nn.Model, bs []*nn.Batch, mode nn.Mode) float64 {
	t.Helper()
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	space, pk := p.NewWorkspace(), p.Pack(nil, m.Params)
	var sum, n float64
	for _, b := range bs {
		space.Forward(pk, m.Buffers, b, mode)
		r := space.Loss()
		sum, n = sum+r.Loss, n+r.N
	}
	return sum / n
}

// slope returns the decrease of the mean loss by the amplitude at zero, from
// two finite differences (Richardson).
func slope(t *testing.T, m *nn.Model, in site.Insertion, bs []*nn.Batch, step float64) float64 {
	t.Helper()
	before := meanLoss(t, m, bs, nn.Train)
	at := func(g float64) float64 {
		wide, err := site.Widen(m, []site.Insertion{in.Scaled(g)})
		if err != nil {
			t.Fatal(err)
		}
		return (before - meanLoss(t, wide, bs, nn.Train)) / g
	}
	return 2*at(step/2) - at(step)
}

// newbornNets have a site "a" behind every kind of path.
func newbornNets(t *testing.T) map[string]*nn.Graph {
	nets := statisticsNets(t)
	for _, f := range nn.Activations() {
		nets[string(f)+" conv"] = growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.MSE, growthtest.Conv("a", 2, 3, 1, 1, true),
			growthtest.Norm("n"), growthtest.Op("r", f),
			growthtest.Conv("z", 3, 3, 2, 1, true), growthtest.Norm("n2"), growthtest.Op("r2", nn.OpReLU),
			growthtest.Op("p2", nn.OpGlobalAvgPool), growthtest.Linear("out", 3, true))
	}
	return nets
}

// P8: the finite difference of the mean loss by the amplitude is the
// derivative that the newborn round measures; on one micro-shard, where the
// inserted normalisation is exactly the identity.
func TestP08DerivativeByAmplitude(t *testing.T) {
	for name, g := range newbornNets(t) {
		t.Run(name, func(t *testing.T) {
			m := growthtest.RandomModel(g, 3)
			bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
			place, _ := site.Find(g, "a")
			for _, f := range place.Activations(g) {
				if !f.Homogeneous {
					return // TestP08SmoothActivations
				}
			}
			in := randomInsertion(t, m, "a", 2, bs)
			part := newbornPart(t, m, in, bs)
			want := 0.0
			for j := range in.Count {
				gain, _ := part.Gain(j)
				want += gain
			}
			got := slope(t, m, in, bs, 1./1024)
			if math.Abs(got-want) > 1e-2*math.Max(math.Abs(want), 0.1) {
				t.Errorf("finite difference %g, measured derivative %g", got, want)
			}
		})
	}
}

// P8 for tanh and GELU: at amplitude zero only the linear part counts, which
// shrunken incoming weights measure.
func TestP08SmoothActivations(t *testing.T) {
	for name, g := range newbornNets(t) {
		place, _ := site.Find(g, "a")
		if fs := place.Activations(g); len(fs) != 1 || fs[0].Homogeneous {
			continue
		}
		t.Run(name, func(t *testing.T) {
			m := growthtest.RandomModel(g, 3)
			bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
			const shrink = 1. / 1024
			small := randomInsertion(t, m, "a", 1, bs)
			small.Alpha = timesAll(small.Alpha, shrink)
			part := newbornPart(t, m, small, bs)
			want := 0.0
			for j := range small.Count {
				gain, _ := part.Gain(j)
				want += gain / shrink
			}
			in := randomInsertion(t, m, "a", 1, bs)
			got := slope(t, m, in, bs, 1./8192)
			if math.Abs(got-want) > 5e-2*math.Max(math.Abs(want), 0.1) {
				t.Errorf("finite difference %g, measured derivative %g", got, want)
			}
		})
	}
}

// P9: with dW* applied at the same amplitude the derivative gains tr(dW* M).
func TestP09DerivativeWithUpdate(t *testing.T) {
	for _, name := range []string{"mlp", "flatten", "conv 3/2/0 conv 3/2/2"} {
		g := newbornNets(t)[name]
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		p := read(t, m, &measure.Request{Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "a"}}}, bs).Update(0)
		u := solve.BestUpdate(p.S1, p.M, p.Desired, linalg.Inversion{Threshold: solve.Threshold})
		in := randomInsertion(t, m, "a", 2, bs)
		in.Update = linalg.Float32s(u.Delta)
		part := newbornPart(t, m, in, bs)
		want := u.Desired - u.Psi2
		for j := range in.Count {
			gain, _ := part.Gain(j)
			want += gain
		}
		growthtest.Close(t, name, slope(t, m, in, bs, 1./1024), want, 1e-2)
	}
}

// P10: relu(t) - relu(-t) = t, so the derivatives of the two signs add up to
// the linear prediction alpha' M_prev omega.
func TestP10SignsAddUp(t *testing.T) {
	for _, name := range []string{"mlp", "flatten", "global pool", "conv 3/2/0 conv 3/2/2", "conv 2/1/2 conv 2/1/1"} {
		g := newbornNets(t)[name]
		place, _ := site.Find(g, "a")
		if g.Node(place.Between[0]).Op == nn.OpMaxPool || name == "flatten" {
			g = growthtest.Chain(t, nn.Shape{C: 2, H: 4, W: 4}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 1, true),
				growthtest.Op("r", nn.OpReLU), growthtest.Op("f", nn.OpFlatten), growthtest.Linear("z", 3, true))
		}
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
		l, _ := site.LayoutOf(g, "a")
		in := randomInsertion(t, m, "a", 1, bs)
		n := read(t, m, &measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{{Site: "a", Full: true}}}, bs).Neurons(0).N
		var want float64
		for i := range l.Incoming.Rows() {
			for o := range len(in.Omega) {
				want += float64(in.Alpha[i]) * n.At(i, o) * float64(in.Omega[o])
			}
		}
		opposite := in
		opposite.Alpha, opposite.Omega = timesAll(in.Alpha, -1), timesAll(in.Omega, -1)
		plus, _ := newbornPart(t, m, in, bs).Gain(0)
		minus, _ := newbornPart(t, m, opposite, bs).Gain(0)
		if math.Abs(plus+minus-want) > 1e-5*(math.Abs(plus)+math.Abs(minus)) {
			t.Errorf("%s: %g + %g = %g, linear prediction %g", name, plus, minus, plus+minus, want)
		}
	}
}

// P23: whichever sign the decomposition gives a neuron, the same one is taken.
func TestP23SignOfDecompositionDoesNotMatter(t *testing.T) {
	g := newbornNets(t)["mlp"]
	m := growthtest.RandomModel(g, 3)
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
	l, _ := site.LayoutOf(g, "a")
	take := func(flipped bool) site.Insertion {
		s := &solve.Neurons{Lambda: []float64{1, 1}, Alpha: growthtest.Normal(1, 2, l.Incoming.Rows()),
			Omega: growthtest.Normal(2, l.Outputs, 2)}
		if flipped {
			growthtest.Flip(s.Alpha, s.Omega, 0)
			growthtest.Flip(s.Alpha, s.Omega, 1)
		}
		c := &prospect{Layout: l, record: &SiteRecord{Significant: 2}, found: found{neurons: s}}
		c.bothSigns(c.Homogeneous(g), 0)
		c.choose(newbornPart(t, m, c.both, bs), choosing{unit: true, sure: true})
		return c.kept
	}
	a, b := take(false), take(true)
	if a.Count == 0 || !reflect.DeepEqual(a, b) {
		t.Errorf("taken %+v, flipped %+v", a, b)
	}
}

func timesAll(x []float32, f float32) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = f * v
	}
	return out
}
