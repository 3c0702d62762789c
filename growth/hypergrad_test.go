package growth

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// peek keeps what an event knows between two of its stages.
type peek struct{ seen func(s *State) }

func (*peek) Ask(*State) *Round { return nil }

func (p *peek) Take(s *State, _ *measure.Sums) { p.seen(s) }

// gatedNet is a perceptron of one hidden layer of tanh with candidates behind gates, in float64 and by itself: its
// parameters are those of fc1 (weights, biases), then of out.
type gatedNet struct {
	in, hidden, out int
	w, v, a         []float64 // the network's; candidates' incoming weights with biases (k, in+1), outgoing (out, k)
	gates           []float64
	x               [][]float32
	labels          []int32
}

// loss returns the mean cross-entropy and, where they are not nil, adds up its gradients by
// the weights and by the gates.
func (g *gatedNet) loss(w, gates, dw, dgates []float64) float64 {
	clear(dw)
	clear(dgates)
	k, n := len(gates), float64(len(g.x))
	first, bias := w[:g.hidden*g.in], w[g.hidden*g.in:][:g.hidden]
	second, last := w[g.hidden*(g.in+1):][:g.out*g.hidden], w[g.hidden*(g.in+1)+g.out*g.hidden:]
	total := 0.0
	for i, x := range g.x {
		h, c := make([]float64, g.hidden), make([]float64, k)
		for j := range h {
			h[j] = bias[j]
			for q, v := range x {
				h[j] += first[j*g.in+q] * float64(v)
			}
			h[j] = math.Tanh(h[j])
		}
		for j := range c {
			c[j] = g.v[j*(g.in+1)+g.in]
			for q, v := range x {
				c[j] += g.v[j*(g.in+1)+q] * float64(v)
			}
			c[j] = math.Tanh(c[j])
		}
		z, sum := make([]float64, g.out), 0.0
		for o := range z {
			z[o] = last[o]
			for j, v := range h {
				z[o] += second[o*g.hidden+j] * v
			}
			for j, v := range c {
				z[o] += gates[j] * g.a[o*k+j] * v
			}
			sum += math.Exp(z[o])
		}
		total -= z[g.labels[i]] - math.Log(sum)
		back := make([]float64, g.hidden)
		for o := range z {
			d := math.Exp(z[o]) / sum
			if int32(o) == g.labels[i] {
				d--
			}
			d /= n
			for j, v := range c {
				if dgates != nil {
					dgates[j] += d * g.a[o*k+j] * v
				}
			}
			if dw == nil {
				continue
			}
			dw[len(dw)-g.out+o] += d
			for j, v := range h {
				dw[g.hidden*(g.in+1)+o*g.hidden+j] += d * v
				back[j] += d * second[o*g.hidden+j]
			}
		}
		if dw == nil {
			continue
		}
		for j, d := range back {
			d *= 1 - h[j]*h[j]
			dw[g.hidden*g.in+j] += d
			for q, v := range x {
				dw[j*g.in+q] += d * float64(v)
			}
		}
	}
	return total / n
}

// Hypergradients are the derivatives of the validation loss, behind K + 1 steps of the weights, by each gate, where the
// training loss drives the weights nowhere but for the gate; and those by dense matrices of second derivatives. Both
// are computed apart, in float64.
func TestHypergradients(t *testing.T) {
	const in, hidden, out = 4, 3, 3
	graph := growthtest.Chain(t, nn.Shape{C: in, H: 1, W: 1}, nn.CrossEntropy, growthtest.Linear("fc1", hidden, true),
		growthtest.Op("act", nn.OpTanh), growthtest.Linear("out", out, true))
	world := newWorld(t, graph, 640, 3)
	m := nn.Init(graph, 4)
	for i := range m.Params {
		m.Params[i] += float32(0.5 * rng.New(8).Normal(uint64(i)))
	}
	seen := map[string]bool{}
	for terms := range 4 {
		const gamma = 0.8
		c := DefaultOf(PolicyHypergrad)
		c.Hypergrad.Terms, c.MaxNeurons = terms, 3
		c.Fix(func(f *Fixed) { f.Samples, f.MinNeurons = Samples{256, 64, 192}, 3 })
		var train, val gatedNet
		var got []float64
		stages := c.stages()
		at := slices.IndexFunc(stages, func(s Stage) bool { _, is := s.(*steepest); return is })
		info := world.info(1, 32)
		info.LR, info.Part, info.Budget = gamma, 1, Budget{FLOPs: 1e9}
		stages = slices.Insert(stages, at, Stage(&peek{func(s *State) {
			p := s.sites[0]
			got = slices.Clone(p.gates.values)
			base := gatedNet{in: in, hidden: hidden, out: out, gates: make([]float64, p.kept.Count)}
			for _, v := range m.Params {
				base.w = append(base.w, float64(v))
			}
			for _, v := range p.kept.Alpha {
				base.v = append(base.v, float64(v))
			}
			for _, v := range p.kept.Omega {
				base.a = append(base.a, float64(v))
			}
			train, val = base, base
			for _, part := range []struct {
				of *gatedNet
				r  SampleRange
			}{{&train, s.samples.statistics}, {&val, s.samples.amplitude}} {
				part.of.x, part.of.labels = world.x[part.r.Offset:][:part.r.Count], world.labels[part.r.Offset:][:part.r.Count]
			}
		}}))
		o := world.run(t, newEvent(c, stages, m, nil, info), m, 32)
		if len(got) != 3 {
			t.Fatalf("%d candidates: %s", len(got), o.Record.Why)
		}
		size := 0.0
		for _, v := range got {
			size = math.Max(size, math.Abs(v))
		}
		n := len(train.w)
		for k := range got {
			// K + 1 steps from where the drift of the weights without the gate is taken out
			behind := func(gate float64) float64 {
				gates := make([]float64, 3)
				drift, d := make([]float64, n), make([]float64, n)
				train.loss(train.w, gates, drift, nil)
				gates[k] = gate
				w := slices.Clone(train.w)
				for range terms + 1 {
					train.loss(w, gates, d, nil)
					for i := range w {
						w[i] -= gamma * (d[i] - drift[i])
					}
				}
				return val.loss(w, gates, nil, nil)
			}
			const h = 1e-4
			if want := (behind(h) - behind(-h)) / (2 * h); math.Abs(got[k]-want) > 5e-3*size {
				t.Errorf("K = %d: hypergradient %d is %.6f, unrolled %.6f", terms, k, got[k], want)
			}
		}
		// by matrices
		const h = 1e-4
		hessian, second := mat.NewDense(n, n, nil), mat.NewDense(3, n, nil)
		for i := range n {
			var d, dg [2][]float64
			for side := range 2 {
				w := slices.Clone(train.w)
				w[i] += h * float64(1-2*side)
				d[side], dg[side] = make([]float64, n), make([]float64, 3)
				train.loss(w, train.gates, d[side], dg[side])
			}
			for j := range n {
				hessian.Set(j, i, (d[0][j]-d[1][j])/(2*h))
			}
			for j := range 3 {
				second.Set(j, i, (dg[0][j]-dg[1][j])/(2*h))
			}
		}
		grad, direct := make([]float64, n), make([]float64, 3)
		val.loss(val.w, val.gates, grad, direct)
		term, sum := mat.NewVecDense(n, grad), mat.NewVecDense(n, slices.Clone(grad))
		for range terms {
			var product mat.VecDense
			product.MulVec(hessian, term)
			term.AddScaledVec(term, -gamma, &product)
			sum.AddVec(sum, term)
		}
		var product mat.VecDense
		product.MulVec(second, sum)
		for k := range got {
			if want := direct[k] - gamma*product.AtVec(k); math.Abs(got[k]-want) > 5e-3*size {
				t.Errorf("K = %d: hypergradient %d is %.6f, by matrices %.6f", terms, k, got[k], want)
			}
		}
		seen[fmt.Sprintf("%.3f", got[0])] = true
		if math.Abs(got[0]-direct[0]) < 1e-2*size {
			t.Errorf("K = %d: the step of the weights hardly counts: %v of %v", terms, got[0], direct[0])
		}
	}
	if len(seen) != 4 {
		t.Errorf("terms hardly count: %v", seen)
	}
}

// The gradients round has the gradient of the network itself, the derivatives of the loss by what multiplies outgoing
// weights, and the change of both between two places, at sites of every kind.
func TestGradientsRound(t *testing.T) {
	nets := streamNets(t)
	nets["cnn"], nets["separable"] = cnn(t, 3, 2), separable(t, 3, 4)
	for name, g := range nets {
		if strings.Contains(name, "resnet18") || strings.Contains(name, "wrn28") {
			continue // of the kind of resnet20
		}
		m := growthtest.RandomModel(g, 3)
		bs := growthtest.Batches(g, 4, growthtest.Shards{Count: 2, Size: 32, Last: 21})
		var ins []site.Insertion
		for _, s := range site.All(g) {
			in := randomInsertion(t, m, s.ID, 2, bs)
			in.Fixed = true
			ins = append(ins, in)
		}
		both := read(t, m, &measure.Request{Kind: measure.KindGradients, Generation: g.Generation, Newborn: ins, Weights: true}, bs)
		plain := read(t, m, &measure.Request{Kind: measure.KindGradients, Generation: g.Generation, Weights: true}, bs)
		got, want := both.Weights(), meanGradient(t, m, bs)
		if !slices.Equal(got, plain.Weights()) {
			t.Errorf("%s: candidates change the gradient of the network", name)
		}
		growthtest.Near(t, name+", gradient", mat.NewVecDense(len(got), got), mat.NewVecDense(len(want), want), 1e-6)
		unit := make([]float32, len(m.Params))
		for i := range unit {
			unit[i] = float32(rng.New(5).Normal(uint64(i)) / math.Sqrt(float64(len(unit))))
		}
		const by = 1e-2
		along := read(t, m, &measure.Request{Kind: measure.KindGradients, Generation: g.Generation, Newborn: ins, Weights: true, Along: unit,
			By: by}, bs)
		var sides [2]*measure.Sums
		for i, sign := range []float64{by, -by} {
			there := m.Clone()
			for k, v := range unit {
				there.Params[k] = float32(float64(m.Params[k]) + sign*float64(v))
			}
			sides[i] = read(t, there, &measure.Request{Kind: measure.KindGradients, Generation: g.Generation, Newborn: ins, Weights: true}, bs)
		}
		differ := func(what string, of func(s *measure.Sums) []float64) {
			got, up, down := of(along), of(sides[0]), of(sides[1])
			scale := 0.0
			for i := range up {
				scale = math.Max(scale, math.Abs(up[i])/by)
			}
			for i := range got {
				if want := (up[i] - down[i]) / (2 * by); math.Abs(got[i]-want) > 1e-9*scale {
					t.Errorf("%s, %s: change %d along a direction is %v, want %v", name, what, i, got[i], want)
					return
				}
			}
		}
		differ("weights", (*measure.Sums).Weights)
		for i, in := range ins {
			differ(string(in.Site), func(s *measure.Sums) []float64 { return s.Gates(i) })
			sum := 0.0
			for _, v := range both.Gates(i) {
				sum += v
			}
			loss := func(gate float64) float64 {
				wide, err := site.Widen(m, []site.Insertion{in.Scaled(gate)})
				if err != nil {
					t.Fatal(err)
				}
				return meanLoss(t, wide, bs, nn.Train)
			}
			const gate = 1. / 131072 // there are many kinks
			if want := (loss(gate) - loss(-gate)) / (2 * gate); math.Abs(sum-want) > 3e-2*math.Abs(want)+1e-2 {
				t.Errorf("%s, %s: derivative by the gates %g, finite difference %g", name, in.Site, sum, want)
			}
		}
	}
}

// meanGradient returns the gradient of the mean loss in training mode.
func meanGradient(t *testing.T, m *nn.Model, bs []*nn.Batch) []float64 {
	t.Helper()
	p, err := nn.Compile(m.Graph, len(bs[0].Labels), nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	space, pk, one := p.NewWorkspace(), p.Pack(nil, m.Params), make([]float32, len(m.Params))
	sum, n := make([]float64, len(one)), 0.0
	for _, b := range bs {
		space.Forward(pk, m.Buffers, b, nn.Train)
		n += space.Loss().N
		space.Backward(one)
		for i, v := range one {
			sum[i] += float64(v)
		}
	}
	for i := range sum {
		sum[i] /= n
	}
	return sum
}

// What enters is the most negative for what it costs, as much as the schedule, targets and limits allow; and
// the sentence tells of the best that was left out.
func TestHypergradSpends(t *testing.T) {
	g := pyramid(t, 4, 4, 4, 4)
	w := newWorld(t, g, 640, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 20, 128, 32, 0.05)
	for name, change := range map[string]func(c *Config, i *EventInfo){
		"schedule": func(_ *Config, i *EventInfo) {
			i.Part, i.Budget = 1, Budget{FLOPs: math.Pow(1.6*float64(g.FLOPs())/sizeFactor, 2)}
		},
		"flops":  func(c *Config, _ *EventInfo) { c.MaxFLOPs = g.FLOPs() * 5 / 4 },
		"params": func(c *Config, _ *EventInfo) { c.MaxParams = g.NumParams() + 400 },
		"widths": func(c *Config, _ *EventInfo) {
			c.Widths = map[site.ID]int{"conv1": 5, "conv2": 5, "conv3": 5, "conv4": 6}
		},
	} {
		c := DefaultOf(PolicyHypergrad)
		c.Samples = 128
		info := w.info(1, 32)
		info.LR, info.Part = 0.05, 1
		change(&c, &info)
		var sites []*prospect
		e := newEvent(c, append(without[*insert](c.stages()), &peek{func(s *State) { sites = s.sites }}, &insert{}), m, nil, info)
		o := w.run(t, e, m, 32)
		r := o.Record
		if !o.Grown || r.Policy != PolicyHypergrad {
			t.Errorf("%s: %s", name, r.Why)
			continue
		}
		t.Logf("%s: %s: %+v", name, r.Why, o.Model.Graph.Widths())
		if float64(r.FLOPsAfter) > 1.05*float64(r.Target) || c.MaxFLOPs > 0 && r.FLOPsAfter > c.MaxFLOPs ||
			c.MaxParams > 0 && r.ParamsAfter > c.MaxParams {
			t.Errorf("%s: %d FLOPs of %v, %d parameters", name, r.FLOPsAfter, r.Target, r.ParamsAfter)
		}
		for id, most := range c.Widths {
			if l, err := site.LayoutOf(o.Model.Graph, id); err != nil || l.Width(o.Model.Graph) > most {
				t.Errorf("%s: %s is %d wide", name, id, l.Width(o.Model.Graph))
			}
		}
		if !strings.Contains(r.Why, "hypergradient per ") || name == "schedule" && !strings.Contains(r.Why, "best of those left out: ") {
			t.Errorf("%s: %q", name, r.Why)
		}
		worst := math.Inf(-1)
		for _, p := range sites {
			n := p.kept.Count
			worst = math.Max(worst, e.state.slope(p, n-1))
			if slices.Max(p.kept.Omega) != 0 || slices.Min(p.kept.Omega) != 0 {
				t.Errorf("%s: %s enters with outgoing weights", name, p.ID)
			}
		}
		for _, s := range r.Sites {
			at := slices.IndexFunc(sites, func(p *prospect) bool { return p.ID == s.Site })
			if at < 0 || name != "schedule" {
				continue // the others are held up by limits of their own
			}
			if p := sites[at]; e.state.slope(p, p.kept.Count) < worst {
				t.Errorf("%s: %s leaves a neuron of %v out, one of %v is in", name, p.ID, e.state.slope(p, p.kept.Count), worst)
			}
		}
		if !slices.IsSorted(r.Sites[0].Hypergradients) || r.Sites[0].Hypergradients[0] >= 0 {
			t.Errorf("%s: %v", name, r.Sites[0].Hypergradients)
		}
		sameFunction(t, name, m, o.Model, w.batches(0, 96, 32))
	}
}

func TestHypergradSettings(t *testing.T) {
	c := DefaultOf(PolicyHypergrad)
	if c.Hypergrad != (Hypergrad{Terms: 2, R: 0.01}) || c.EverySteps != 50 || c.Until != 0.25 {
		t.Errorf("%+v", c)
	}
	c.Hypergrad = Hypergrad{-1, math.NaN(), 0}
	err := c.Validate()
	for _, want := range []string{"hypergrad.terms -1: must be 0 to 64", "hypergrad.step NaN: must be", "hypergrad.r 0: must be above 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	c = Default()
	c.Hypergrad.Terms = 3
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "the policy compute computes no hypergradient") {
		t.Error(err)
	}
}

// Requests that cannot be are refused.
func TestGradientsRequests(t *testing.T) {
	g := cnn(t, 2, 2)
	n := g.NumParams()
	for name, req := range map[string]*measure.Request{
		"nothing":            {Kind: measure.KindGradients},
		"short":              {Kind: measure.KindGradients, Weights: true, Along: make([]float32, n-1), By: 1},
		"no length":          {Kind: measure.KindGradients, Weights: true, Along: make([]float32, n)},
		"backwards":          {Kind: measure.KindGradients, Weights: true, Along: make([]float32, n), By: -1},
		"no number":          {Kind: measure.KindGradients, Weights: true, Along: make([]float32, n), By: math.NaN()},
		"without end":        {Kind: measure.KindGradients, Weights: true, Along: make([]float32, n), By: math.Inf(1)},
		"no direction":       {Kind: measure.KindGradients, Weights: true, By: 1},
		"two insertions":     {Kind: measure.KindGradients, Newborn: []site.Insertion{{Site: "conv1"}, {Site: "conv1"}}},
		"weights of another": {Kind: measure.KindNewborn, Weights: true},
	} {
		if _, err := measure.NewJob(g, req, 32); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
