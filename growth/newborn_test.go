package growth

import (
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// randomInsertion returns k random neurons at a site of the graph, with the
// moments that a newborn round on bs measures where there is a normalisation.
func randomInsertion(t *testing.T, m *nn.Model, id SiteID, k int, bs []*nn.Batch) Insertion {
	t.Helper()
	l, err := layoutOf(m.Graph, id)
	if err != nil {
		t.Fatal(err)
	}
	c := &candidate{layout: l}
	in := c.empty(k)
	s := rng.New(31, rng.Key(string(id)))
	for i := range in.Alpha {
		in.Alpha[i] = float32(s.Normal(uint64(i))) / float32(math.Sqrt(float64(l.first.rows())))
	}
	for i := range in.Omega {
		in.Omega[i] = float32(s.Normal(uint64(1<<20 + i)))
	}
	if l.norm == nil {
		return in
	}
	c.both = in
	part := newbornPart(t, m, in, bs)
	all := make([]int, k)
	for j := range all {
		all[j] = j
	}
	return c.pick(all, part, 1)
}

func newbornPart(t *testing.T, m *nn.Model, in Insertion, bs []*nn.Batch) newbornSums {
	total := sums(t, m, &Request{Kind: KindNewborn, Generation: m.Graph.Generation, Newborn: []Insertion{in}}, bs)
	return newbornSums{in.Count, total[header:], total[0], total[3], in.Mean != nil}
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

// newbornNets have a site "a" behind every kind of path.
func newbornNets(t *testing.T) map[string]*nn.Graph {
	nets := statisticsNets(t)
	nets["tanh conv"] = chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.MSE, conv("a", 2, 3, 1, 1, true), norm("n"), op("r", nn.OpTanh),
		conv("z", 3, 3, 2, 1, true), norm("n2"), op("r2", nn.OpReLU), op("p2", nn.OpGlobalAvgPool), linear("out", 3, true))
	return nets
}

// P8: the finite difference of the mean loss by the amplitude is the
// derivative that the newborn round measures; on one micro-shard, where the
// inserted normalisation is exactly the identity.
func TestP08DerivativeByAmplitude(t *testing.T) {
	for name, g := range newbornNets(t) {
		t.Run(name, func(t *testing.T) {
			m := randomModel(g, 3)
			bs := batches(g, 4, 1, 96, 96)
			site, _ := siteOf(g, "a")
			for _, op := range site.activations(g) {
				if op != nn.OpReLU {
					return // TestP08SmoothActivations
				}
			}
			in := randomInsertion(t, m, "a", 2, bs)
			part := newbornPart(t, m, in, bs)
			want := 0.0
			for j := range in.Count {
				gain, _ := part.gain(j)
				want += gain
			}
			const step = 1. / 1024
			wide, err := Widen(m, []Insertion{in.Scaled(step)})
			if err != nil {
				t.Fatal(err)
			}
			before := meanLoss(t, m, bs, nn.Train)
			got := (before - meanLoss(t, wide, bs, nn.Train)) / step
			half, _ := Widen(m, []Insertion{in.Scaled(step / 2)})
			got = 2*(before-meanLoss(t, half, bs, nn.Train))/(step/2) - got // Richardson
			if math.Abs(got-want) > 1e-2*math.Max(math.Abs(want), 0.1) {
				t.Errorf("finite difference %g, measured derivative %g", got, want)
			}
		})
	}
}
