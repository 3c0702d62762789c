package growth

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// requests returns one request of every kind for a graph with sites a and conv2.
func requests(t *testing.T, m *nn.Model, bs []*nn.Batch) []*measure.Request {
	a, b := randomInsertion(t, m, "conv1", 2, bs), randomInsertion(t, m, "conv2", 1, bs)
	sites := []measure.SiteRequest{{Site: "conv1", Metric: true}, {Site: "conv2", Metric: true, Full: true}, {Site: "conv3", Metric: true}}
	return []*measure.Request{
		{Kind: measure.KindUpdate, Sites: sites},
		{Kind: measure.KindNeurons, Sites: sites},
		{Kind: measure.KindNewborn, Newborn: []site.Insertion{a, b}},
		{Kind: measure.KindAmplitude, Candidates: []measure.Candidate{
			{Insertions: []site.Insertion{a}, Amplitudes: []float64{0.25, 1}}, {Insertions: []site.Insertion{a, b}, Amplitudes: []float64{0.5}}}},
		{Kind: measure.KindGradients, Newborn: []site.Insertion{a, b}, Weights: true},
		{Kind: measure.KindGradients, Newborn: []site.Insertion{a, b}, Along: m.Params, By: 0.01},
	}
}

// P13: a micro-shard's sums depend on nothing but weights and samples, so that
// sums over any partition, added in the canonical order, have equal bits.
func TestP13SumsDoNotDependOnWhoRuns(t *testing.T) {
	g := cnn(t, 2, 3, 2)
	m := growthtest.RandomModel(g, 3)
	bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 6, Size: 32, Last: 20})
	for _, req := range requests(t, m, bs) {
		job, err := measure.NewJob(g, req, 32)
		if err != nil {
			t.Fatal(err)
		}
		one := make([][]float64, len(bs))
		r := job.NewRunner()
		for i, b := range bs {
			one[i] = make([]float64, job.Len())
			r.Run(one[i], m.Params, m.Buffers, b)
		}
		// another job, another order, several runners at once
		job, _ = measure.NewJob(g, req, 32)
		var wg sync.WaitGroup
		for part := range 3 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				r := job.NewRunner()
				for i := len(bs) - 1 - part; i >= 0; i -= 3 {
					got := make([]float64, job.Len())
					for j := range got {
						got[j] = math.NaN() // Run overwrites
					}
					r.Run(got, m.Params, m.Buffers, bs[i])
					if !slices.Equal(got, one[i]) {
						t.Errorf("%s: micro-shard %d differs", req.Kind, i)
					}
				}
			}()
		}
		wg.Wait()
	}
}

// P14: permuting the samples changes nothing, and neither does duplicating them.
func TestP14PermutedAndDuplicatedSamples(t *testing.T) {
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.CrossEntropy, growthtest.Conv("a", 3, 3, 1, 1, true), growthtest.Op("r", nn.OpReLU), growthtest.Conv("z", 3, 3, 1, 1, true), growthtest.Op("p", nn.OpGlobalAvgPool))
	m := growthtest.RandomModel(g, 3)
	w := newWorld(t, g, 96, 3)
	total := func(order []uint32) []float64 {
		mixed := &world{g: g}
		for _, i := range order {
			mixed.x, mixed.labels, mixed.targets = append(mixed.x, w.x[i]), append(mixed.labels, w.labels[i]), append(mixed.targets, w.targets[i])
		}
		s := sums(t, m, &measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{{Site: "a", Metric: true}}}, mixed.batches(0, len(order), 32))
		for i := range s[measure.HeaderLen:] {
			s[measure.HeaderLen+i] /= s[0]
		}
		return s[measure.HeaderLen:]
	}
	identity := make([]uint32, 96)
	for i := range identity {
		identity[i] = uint32(i)
	}
	want := total(identity)
	size := math.Sqrt(growthtest.Squares(want))
	for name, order := range map[string][]uint32{"permuted": rng.New(1).Perm(96), "duplicated": append(slices.Clone(identity), identity...)} {
		for i, v := range total(order) {
			if math.Abs(v-want[i]) > 1e-5*size {
				t.Errorf("%s: sum %d is %g, want %g", name, i, v, want[i])
				break
			}
		}
	}
}

func TestRequestCheck(t *testing.T) {
	g := cnn(t, 2, 2)
	for name, req := range map[string]*measure.Request{
		"generation": {Kind: measure.KindUpdate, Generation: 3},
		"kind":       {Kind: "spectrum"},
		"site":       {Kind: measure.KindUpdate, Sites: []measure.SiteRequest{{Site: "out"}}},
		"update":     {Kind: measure.KindNeurons, Sites: []measure.SiteRequest{{Site: "conv1", Update: make([]float32, 3)}}},
		"newborn":    {Kind: measure.KindNewborn, Newborn: []site.Insertion{{Site: "conv1", Count: 1}}},
		"candidate":  {Kind: measure.KindAmplitude, Candidates: []measure.Candidate{{}}},
	} {
		if _, err := measure.NewJob(g, req, 32); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
