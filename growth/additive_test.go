package growth

import (
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// requests returns one request of every kind for a graph with sites a and conv2.
func requests(t *testing.T, m *nn.Model, bs []*nn.Batch) []*Request {
	a, b := randomInsertion(t, m, "conv1", 2, bs), randomInsertion(t, m, "conv2", 1, bs)
	sites := []SiteRequest{{Site: "conv1", Metric: true}, {Site: "conv2", Metric: true, Full: true}, {Site: "conv3", Metric: true}}
	return []*Request{
		{Kind: KindUpdate, Sites: sites},
		{Kind: KindNeurons, Sites: sites},
		{Kind: KindNewborn, Newborn: []Insertion{a, b}},
		{Kind: KindAmplitude, Candidates: []Candidate{{[]Insertion{a}, []float64{0.25, 1}}, {[]Insertion{a, b}, []float64{0.5}}}},
	}
}

// P13: a micro-shard's sums depend on nothing but weights and samples, so that
// sums over any partition, added in the canonical order, have equal bits.
func TestP13SumsDoNotDependOnWhoRuns(t *testing.T) {
	g := cnn(t, 2, 3, 2)
	m := randomModel(g, 3)
	bs := batches(g, 4, 6, 32, 20)
	for _, req := range requests(t, m, bs) {
		job, err := NewJob(g, req, 32)
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
		job, _ = NewJob(g, req, 32)
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
	g := chain(t, nn.Shape{C: 2, H: 5, W: 5}, nn.CrossEntropy, conv("a", 3, 3, 1, 1, true), op("r", nn.OpReLU), conv("z", 3, 3, 1, 1, true), op("p", nn.OpGlobalAvgPool))
	m := randomModel(g, 3)
	w := newWorld(t, g, 96, 3)
	total := func(order []uint32) []float64 {
		mixed := &world{g: g}
		for _, i := range order {
			mixed.x, mixed.labels, mixed.targets = append(mixed.x, w.x[i]), append(mixed.labels, w.labels[i]), append(mixed.targets, w.targets[i])
		}
		s := sums(t, m, &Request{Kind: KindNeurons, Sites: []SiteRequest{{Site: "a", Metric: true}}}, mixed.batches(0, len(order), 32))
		for i := range s[header:] {
			s[header+i] /= s[0]
		}
		return s[header:]
	}
	identity := make([]uint32, 96)
	for i := range identity {
		identity[i] = uint32(i)
	}
	want := total(identity)
	size := math.Sqrt(squares(want))
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
	for name, req := range map[string]*Request{
		"generation": {Kind: KindUpdate, Generation: 3},
		"kind":       {Kind: "spectrum"},
		"site":       {Kind: KindUpdate, Sites: []SiteRequest{{Site: "out"}}},
		"update":     {Kind: KindNeurons, Sites: []SiteRequest{{Site: "conv1", Update: make([]float32, 3)}}},
		"newborn":    {Kind: KindNewborn, Newborn: []Insertion{{Site: "conv1", Count: 1}}},
		"candidate":  {Kind: KindAmplitude, Candidates: []Candidate{{}}},
	} {
		if _, err := NewJob(g, req, 32); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
