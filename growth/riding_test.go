package growth

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/tensor/nn"
)

// ridden adds what rides along with some turns over the same batches to a window, and
// returns the gradient of the last.
func ridden(t *testing.T, m *nn.Model, bs []*nn.Batch, turns []uint64) (*Window, []float32) {
	t.Helper()
	ride, err := measure.NewRide(m.Graph, measure.Riding(m.Graph, 3), len(bs[0].Labels))
	if err != nil {
		t.Fatal(err)
	}
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	packed, grad := p.Pack(nil, m.Params), make([]float32, m.Graph.NumParams())
	window, rider := NewWindow(m.Graph), ride.NewRider()
	for _, turn := range turns {
		r := Ride{3, turn}
		if ride.Len(3*turn) != window.Len(r) {
			t.Fatalf("turn %d: %d sums, want %d", turn, ride.Len(3*turn), window.Len(r))
		}
		total, one, n := make([]float64, window.Len(r)), make([]float64, window.Len(r)), 0.0
		for _, b := range bs {
			rider.Forward(packed, m.Buffers, b, nn.Train)
			rider.Loss()
			rider.Backward(grad)
			for i := range one {
				one[i] = math.NaN() // Sums overwrites
			}
			rider.Sums(one, b, 3*turn)
			addTo(total, one)
			n += float64(b.N)
		}
		if _, err := measure.LookRidden(window.Layout(), r.Metric(), total, n); err != nil {
			t.Fatalf("turn %d: %v", turn, err)
		}
		window.Add(r, total, n)
	}
	return window, grad
}

// turns returns those in which each half of N goes through all bands of all sites of g,
// as often as each other, and then those in which S does.
func turns(g *nn.Graph) (n, s []uint64) {
	bands := 1
	for _, l := range measure.RidingSites(g) {
		most := bands
		for bands%l.Bands() != 0 {
			bands += most
		}
	}
	rounds := uint64(bands)
	if len(site.Streams(g)) > 0 {
		rounds *= 2 // they ride along in every second one
	}
	for k := range rounds {
		n = append(n, 2*k, 2*k+1)
	}
	for turn := uint64(0); len(s) < bands; turn++ {
		if measure.RidesMetric(turn) {
			s = append(s, turn)
		}
	}
	return n, s
}

// riddenAll is a window that has gone through all bands.
func riddenAll(t *testing.T, m *nn.Model, bs []*nn.Batch) (w *Window, gradient []float32) {
	t.Helper()
	n, s := turns(m.Graph)
	w, gradient = ridden(t, m, bs, n)
	metric, _ := ridden(t, m, bs, s)
	for i, l := range w.Layout() {
		copy(w.Sites[i].Sums[2*l.NLen:], metric.Sites[i].Sums[2*l.NLen:])
		w.Sites[i].Metric = metric.Sites[i].Metric
	}
	return w, gradient
}

// riddenN returns N of the part i of a window, of which the halves are of the same samples.
func riddenN(t *testing.T, w *Window, i int) *mat.Dense {
	t.Helper()
	s, l := w.Sites[i], w.Layout()[i]
	n := l.N(s.Sums[:l.NLen], s.Samples[0])
	other := l.N(s.Sums[l.NLen:2*l.NLen], s.Samples[1])
	if d := mat.DenseCopyOf(n); mat.Norm(n, 2) > 0 {
		d.Sub(n, other)
		if mat.Norm(d, 2) > 1e-9*mat.Norm(n, 2) {
			t.Errorf("%s: the halves of the same samples differ by %g of %g", s.Site, mat.Norm(d, 2), mat.Norm(n, 2))
		}
	}
	return n
}

// riddenAt returns S and N of a chain of a window.
func riddenAt(t *testing.T, w *Window, id site.ID) (*mat.SymDense, *mat.Dense) {
	t.Helper()
	for i, s := range w.Sites {
		if l := w.Layout()[i]; s.Site == id {
			return l.S(s.Sums[2*l.NLen:], s.Metric), riddenN(t, w, i)
		}
	}
	t.Fatalf("no site %q in the window", id)
	return nil, nil
}

// What rides along over all turns equals the statistics from their definitions: N of
// V, unprojected, and S of the positions that are read.
func TestRidingStatisticsOfSites(t *testing.T) {
	for name, g := range statisticsNets(t) {
		t.Run(name, func(t *testing.T) {
			m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 40, Last: 37})
			place, _ := site.Find(g, "a")
			want := naiveStatistics(t, m, place, bs)
			w, _ := riddenAll(t, m, bs)
			s, n := riddenAt(t, w, "a")
			const tol = 1e-5
			l, _ := site.LayoutOf(g, "a")
			if l.Outgoing.Positions() > 1 {
				growthtest.Near(t, "S", s, growthtest.Scaled(1/want.n, growthtest.Mul(want.b2.T(), want.b2)), tol)
				growthtest.Near(t, "N", n, growthtest.Scaled(1/want.n, growthtest.Mul(want.b2.T(), want.v)), tol)
				return
			}
			growthtest.Near(t, "S full", s, growthtest.Scaled(1/want.n, growthtest.Mul(want.bt.T(), want.bt)), tol)
			// and as the round of an event says, to rounding
			req := &measure.Request{Kind: measure.KindNeurons, Sites: []measure.SiteRequest{{Site: "a", Metric: true}}}
			got := read(t, m, req, bs).Neurons(0)
			growthtest.Near(t, "N full", n, got.N, tol)
		})
	}
}

// Riding changes no bit of the gradient, for all networks of the zoo; its sums do not
// depend on who runs a micro-shard, and those of all turns are what the round of an
// event finds on the same samples.
func TestP13RidingInTheZoo(t *testing.T) {
	for name, z := range zoo(t) {
		t.Run(name, func(t *testing.T) {
			m, bs := growthtest.RandomModel(z.g, 3), growthtest.Batches(z.g, 4, growthtest.Shards{Count: 2, Size: 32, Last: 20})
			w, grad := riddenAll(t, m, bs)
			p, err := nn.Compile(z.g, 32, nn.Options{})
			if err != nil {
				t.Fatal(err)
			}
			plain, space := make([]float32, len(grad)), p.NewWorkspace()
			space.Forward(p.Pack(nil, m.Params), m.Buffers, bs[1], nn.Train)
			space.Loss()
			space.Backward(plain)
			if !slices.Equal(plain, grad) {
				t.Error("the gradient has other bits with statistics riding along")
			}
			var group sync.WaitGroup
			for range 2 {
				group.Go(func() {
					if again, _ := riddenAll(t, m, bs); !slices.Equal(again.Values(), w.Values()) {
						t.Error("sums differ from one runner to another")
					}
				})
			}
			group.Wait()
			req := &measure.Request{Kind: measure.KindNeurons}
			for _, s := range w.Sites {
				req.Sites = append(req.Sites, measure.SiteRequest{Site: s.Site, Writer: s.Writer, Reader: s.Reader, Metric: true})
			}
			if len(req.Sites) == 0 {
				t.Fatal("no site rides along")
			}
			event, metrics := read(t, m, req, bs), map[nn.NodeID]int{}
			for i, at := range w.Sites {
				name, want := fmt.Sprintf("%s, %s to %s", at.Site, at.Writer, at.Reader), event.Neurons(i)
				l, n := w.Layout()[i], riddenN(t, w, i)
				if mat.Norm(want.N, 2) > 1e-6 { // what gradients in front of a normalisation add up to is rounding
					growthtest.Near(t, "N of "+name, n, want.N, 1e-5)
				}
				if l.MetricLen > 0 {
					growthtest.Near(t, "S of "+name, l.S(at.Sums[2*l.NLen:], at.Metric), want.S, 1e-5)
					metrics[at.Writer]++
				} else if at.Metric != 0 {
					t.Errorf("%s: S of %v samples, and no sums of it", name, at.Metric)
				}
			}
			for writer, times := range metrics {
				if writer != "" && times != 1 {
					t.Errorf("S of the writer %s rides along %d times", writer, times)
				}
			}
			for _, at := range w.Sites {
				if metrics[at.Writer] == 0 {
					t.Errorf("S of the writer %q does not ride along", at.Writer)
				}
			}
		})
	}
}

// The first-order gain of a neuron, by a finite difference of the loss, is alpha' N
// omega: what rides along, where nothing between the layers is nonlinear.
func TestP08RidingGain(t *testing.T) {
	identity := func(between ...nn.Node) *nn.Graph {
		nodes := append([]nn.Node{growthtest.Conv("a", 2, 3, 1, 1, true)}, between...)
		return growthtest.Chain(t, nn.Shape{C: 2, H: 8, W: 8}, nn.CrossEntropy,
			append(nodes, growthtest.Conv("z", 3, 3, 1, 1, true), growthtest.Op("p2", nn.OpGlobalAvgPool))...)
	}
	for name, g := range map[string]*nn.Graph{
		"plain":  identity(growthtest.Op("i", nn.OpIdentity)),
		"pooled": identity(growthtest.Pooling("p", nn.OpAvgPool, 2, 2, 0)),
	} {
		m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 1, Size: 96, Last: 96})
		in := randomInsertion(t, m, "a", 2, bs)
		l, _ := site.LayoutOf(g, "a")
		rows, area := l.Incoming.Rows(), l.Outgoing.Area()
		for k := range in.Count { // the centre of new kernels alone, which restricted growth is of
			for o := range l.Outputs {
				for e := range area {
					if e != l.Outgoing.Centre() {
						in.Omega[(o*in.Count+k)*area+e] = 0
					}
				}
			}
		}
		w, _ := riddenAll(t, m, bs)
		_, n := riddenAt(t, w, "a")
		want := 0.0
		for k := range in.Count {
			for o := range l.Outputs {
				for i := range rows {
					want += float64(in.Alpha[k*rows+i]) * n.At(i, o) * float64(in.Omega[(o*in.Count+k)*area+l.Outgoing.Centre()])
				}
			}
		}
		if got := slope(t, m, in, bs, 1./1024); math.Abs(got-want) > 1e-2*math.Max(math.Abs(want), 0.1) {
			t.Errorf("%s: finite difference %g, alpha' N omega is %g", name, got, want)
		}
	}
}

// A window is its JSON and its values; what does not fit the network is an error.
func TestWindowIsRestored(t *testing.T) {
	g := cnn(t, 2, 3, 2)
	m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 32, Last: 20})
	w, _ := ridden(t, m, bs, []uint64{7, 8})
	plain := &Window{Sites: slices.Clone(w.Sites)}
	again, err := plain.Restored(g, w.Values())
	if err != nil || !slices.Equal(again.Values(), w.Values()) || again.Sites[0].Samples != w.Sites[0].Samples || !again.Whole() {
		t.Fatalf("%v, %+v", err, again)
	}
	for name, change := range map[string]func(w *Window, values *[]float64){
		"a site less":      func(w *Window, _ *[]float64) { w.Sites = w.Sites[1:] },
		"another site":     func(w *Window, _ *[]float64) { w.Sites[1].Site = "x" },
		"a value less":     func(_ *Window, v *[]float64) { *v = (*v)[1:] },
		"a value more":     func(_ *Window, v *[]float64) { *v = append(*v, 1) },
		"no values":        func(_ *Window, v *[]float64) { *v = nil },
		"negative samples": func(w *Window, _ *[]float64) { w.Sites[0].Samples[1] = -1 },
		"no number":        func(w *Window, _ *[]float64) { w.Sites[0].Metric = math.NaN() },
		"endless samples":  func(w *Window, _ *[]float64) { w.Sites[0].Metric = math.Inf(1) },
	} {
		plain := &Window{Sites: slices.Clone(w.Sites)}
		values := w.Values()
		change(plain, &values)
		if _, err := plain.Restored(g, values); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}

// After an event sites that are as they were keep half of what they had, and others
// begin anew.
func TestWindowAfterAnEvent(t *testing.T) {
	g := cnn(t, 2, 3, 2)
	m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 32, Last: 20})
	w, _ := ridden(t, m, bs, []uint64{7, 8})
	wide := widen(t, m, randomInsertion(t, m, "conv1", 2, bs))
	next := w.After(wide.Graph)
	for i, s := range next.Sites {
		switch before := w.Sites[i]; s.Site {
		case "conv2": // its input is wider now
			if s.Samples != [2]float64{} || s.Metric != 0 || slices.ContainsFunc(s.Sums, func(v float64) bool { return v != 0 }) {
				t.Errorf("%s goes on with statistics of other inputs", s.Site)
			}
		default:
			if s.Samples[0] != before.Samples[0]/2 || s.Metric != before.Metric/2 || s.Sums[1] != before.Sums[1]/2 {
				t.Errorf("%s: %v samples after %v", s.Site, s.Samples, before.Samples)
			}
		}
	}
}

// A site whose readers alone have changed goes on with half of its S: what it reads is
// what it was.
func TestWindowKeepsSOfTheSameInputs(t *testing.T) {
	g := cnn(t, 2, 3, 2)
	m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 32, Last: 20})
	w, _ := ridden(t, m, bs, []uint64{7, 8})
	next := w.After(widen(t, m, randomInsertion(t, m, "conv2", 2, bs)).Graph)
	before, after, l := w.Sites[0], next.Sites[0], next.Layout()[0]
	if after.Site != "conv1" || after.Samples != [2]float64{} || slices.ContainsFunc(after.Sums[:2*l.NLen], func(v float64) bool { return v != 0 }) {
		t.Errorf("%s goes on with N of other readers", after.Site)
	}
	if after.Metric == 0 || after.Metric != before.Metric/2 || 2*after.Sums[len(after.Sums)-1] != before.Sums[len(before.Sums)-1] {
		t.Errorf("S of %v samples, before %v", after.Metric, before.Metric)
	}
}

// The evidence of a stream is that of the matrix of all its pairs: its total is the sum
// over them of the inner products of what was found in both halves, each whitened by what
// its writer reads.
func TestEvidenceOfStreams(t *testing.T) {
	nets := streamNets(t)
	for _, name := range []string{"mlp", "dense", "resnet18, widen 1, empty false", "resnet20, widen 1, empty true", "inverted residual"} {
		g := nets[name]
		m, bs := growthtest.RandomModel(g, 3), growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 48, Last: 40})
		w, _ := riddenAll(t, m, bs)
		found := map[site.ID]Evidence{}
		for _, e := range w.Evidence(0.5) {
			found[e.Site] = e
		}
		for _, place := range site.Streams(g) {
			e, ok := found[place.ID]
			if !ok {
				t.Errorf("%s: no evidence of the stream %s", name, place.ID)
				continue
			}
			want := 0.0
			for i, at := range w.Sites {
				if at.Site != place.ID {
					continue
				}
				metric := slices.IndexFunc(w.Sites, func(s WindowSite) bool {
					return s.Site == place.ID && s.Writer == at.Writer && s.Metric > 0
				})
				l := w.Layout()[metric]
				s := l.S(w.Sites[metric].Sums[2*l.NLen:], w.Sites[metric].Metric)
				mean := 0.0
				for j := range l.Inputs {
					mean += s.At(j, j) / float64(l.Inputs)
				}
				for j := range l.Inputs {
					s.SetSym(j, j, s.At(j, j)+0.5*mean)
				}
				// lambda^2 in all is tr(N' S^-1 N)
				var chol mat.Cholesky
				if !chol.Factorize(s) {
					t.Fatalf("%s: S is singular", name)
				}
				n := riddenN(t, w, i)
				var solved, product mat.Dense
				if err := chol.SolveTo(&solved, n); err != nil {
					t.Fatal(err)
				}
				product.Mul(n.T(), &solved)
				want += mat.Trace(&product)
			}
			growthtest.Close(t, name+": total of "+string(place.ID), e.Total, want, 1e-6)
			layout, _ := site.LayoutOf(g, place.ID)
			growthtest.Close(t, name+": cost of "+string(place.ID), e.CostPerNeuron, float64(3*layout.FLOPsPerNeuron()), 1e-12)
		}
	}
}

// What rides along follows from the graph: a request that says more, or not how often,
// is refused, and so is one in the place of a round of its own.
func TestRidingRequests(t *testing.T) {
	g := cnn(t, 2, 3, 2)
	for name, change := range map[string]func(r *measure.Request){
		"sites":              func(r *measure.Request) { r.Sites = []measure.SiteRequest{{Site: "conv1", Full: true}} },
		"neurons":            func(r *measure.Request) { r.Newborn = []site.Insertion{{Site: "conv1"}} },
		"never":              func(r *measure.Request) { r.Every = 0 },
		"hardly ever":        func(r *measure.Request) { r.Every = 1 << 30 },
		"another generation": func(r *measure.Request) { r.Generation++ },
		"another kind":       func(r *measure.Request) { r.Kind = measure.KindNeurons },
	} {
		r := measure.Riding(g, 5)
		change(r)
		if _, err := measure.NewRide(g, r, 8); err == nil {
			t.Errorf("%s: rides along", name)
		}
	}
	if _, err := measure.NewJob(g, measure.Riding(g, 5), 8); err == nil {
		t.Error("what rides along is a round of its own")
	}
}
