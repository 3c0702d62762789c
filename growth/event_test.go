package growth

import (
	"bytes"
	"encoding/json"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tinygrow/tinygrow/growth/growthtest"
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/growth/site"

	"github.com/tinygrow/tinygrow/tensor"

	"go.uber.org/goleak"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a training set that batches are cut from.
type world struct {
	g       *nn.Graph
	x       [][]float32 // per sample, (H, W, C)
	labels  []int32
	targets [][]float32
}

// newWorld draws n samples labelled by a random network on their input.
func newWorld(t *testing.T, g *nn.Graph, n int, seed uint64) *world {
	t.Helper()
	shapes, err := g.Shapes()
	if err != nil {
		t.Fatal(err)
	}
	classes := shapes[g.Output().ID].C
	w := &world{g: g}
	s, teacher := rng.New(seed), rng.New(seed, 1)
	const hidden = 12
	mean := make([]float64, classes)
	filters := make([][]float64, hidden)
	for h := range filters {
		filter := rng.New(seed, 2, uint64(h))
		for i := range g.Input.Len() {
			filters[h] = append(filters[h], filter.Normal(uint64(i)))
		}
	}
	for i := range n {
		x := make([]float32, g.Input.Len())
		for j := range x {
			x[j] = float32(s.Normal(uint64(i*len(x) + j)))
		}
		score := make([]float32, classes)
		for h := range hidden {
			a := w.feature(x, filters[h])
			for c := range classes {
				score[c] += float32(a * teacher.Normal(uint64(h*classes+c)))
			}
		}
		for c, v := range score {
			mean[c] += float64(v) / float64(n)
		}
		w.x, w.targets = append(w.x, x), append(w.targets, score)
	}
	for _, score := range w.targets {
		best := 0
		for c := range score {
			score[c] -= float32(mean[c])
			if score[c] > score[best] {
				best = c
			}
		}
		w.labels = append(w.labels, int32(best))
	}
	return w
}

// feature is a rectified random projection, or the mean over an image of a
// rectified random filter.
func (w *world) feature(x []float32, filter []float64) float64 {
	in := w.g.Input
	k := min(3, in.H)
	var sum float64
	positions := 0
	for y := 0; y+k <= in.H; y++ {
		for c := 0; c+k <= in.W; c++ {
			var a float64
			i := 0
			for ky := range k {
				for kx := range k * in.C {
					a += float64(x[((y+ky)*in.W+c)*in.C+kx]) * filter[i]
					i++
				}
			}
			sum += math.Max(0, a)
			positions++
		}
	}
	return sum / float64(positions)
}

// batches returns positions [from, from+count) as micro-shards.
func (w *world) batches(from, count, shard int) []*nn.Batch {
	var out []*nn.Batch
	classes := len(w.targets[0])
	for at := from; at < from+count; at += shard {
		b := nn.NewBatch(shard, w.g.Input, classes)
		b.N = min(shard, from+count-at)
		for i := range b.N {
			put(b.X, w.x[at+i], i)
			put(b.Targets, w.targets[at+i], i)
			b.Labels[i] = w.labels[at+i]
		}
		out = append(out, b)
	}
	return out
}

func put(dst, src []float32, sample int) {
	for k, v := range src {
		dst[((sample/tensor.Lanes)*len(src)+k)*tensor.Lanes+sample%tensor.Lanes] = v
	}
}

// train makes steps of plain SGD.
func (w *world) train(t *testing.T, m *nn.Model, steps, batch, shard int, lr float32) float64 {
	t.Helper()
	p, err := nn.Compile(m.Graph, shard, nn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	space, one, grad := p.NewWorkspace(), make([]float32, m.Graph.NumParams()), make([]float32, m.Graph.NumParams())
	var loss float64
	for step := range steps {
		clear(grad)
		pk := p.Pack(nil, m.Params)
		moments := make([]float64, p.MomentsLen())
		loss = 0
		for _, b := range w.batches(step*batch%(len(w.x)-batch), batch, shard) {
			space.Forward(pk, m.Buffers, b, nn.Train)
			loss += space.Loss().Loss / float64(batch)
			space.Backward(one)
			space.AddMoments(moments)
			for i, v := range one {
				grad[i] += v
			}
		}
		for i, v := range grad {
			m.Params[i] -= lr * v / float32(batch)
		}
		nn.UpdateRunning(m.Graph, m.Buffers, moments)
	}
	return loss
}

// loss returns the mean training-mode loss over a range.
func (w *world) loss(t *testing.T, m *nn.Model, from, count, shard int, mode nn.Mode) float64 {
	t.Helper()
	p, err := nn.Compile(m.Graph, shard, nn.Options{Inference: true})
	if err != nil {
		t.Fatal(err)
	}
	space, pk := p.NewWorkspace(), p.Pack(nil, m.Params)
	var sum float64
	for _, b := range w.batches(from, count, shard) {
		space.Forward(pk, m.Buffers, b, mode)
		sum += space.Loss().Loss
	}
	return sum / float64(count)
}

// run drives an event to its outcome.
func (w *world) run(t *testing.T, e *Event, m *nn.Model, shard int) *Outcome {
	t.Helper()
	for {
		req, s, ok := e.Next()
		if !ok {
			break
		}
		if err := e.Feed(sums(t, m, req, w.batches(s.Offset, s.Count, shard))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := json.Marshal(e.Outcome().Record); err != nil {
		t.Fatal(err)
	}
	return e.Outcome()
}

func (w *world) info(number uint64, shard int) EventInfo {
	return EventInfo{Number: number, Step: 100 * number, Seed: 5, TrainSamples: len(w.x), MicroShard: shard}
}

func mlp(t *testing.T, hidden ...int) *nn.Graph {
	nodes := []nn.Node{}
	for i, h := range hidden {
		id := nn.NodeID("fc" + string(rune('1'+i)))
		nodes = append(nodes, growthtest.Linear(id, h, true), growthtest.Op("r"+id, nn.OpReLU))
	}
	return growthtest.Chain(t, nn.Shape{C: 8, H: 1, W: 1}, nn.CrossEntropy, append(nodes, growthtest.Linear("out", 4, true))...)
}

func cnn(t *testing.T, widths ...int) *nn.Graph {
	nodes := []nn.Node{}
	for i, h := range widths {
		id := nn.NodeID("conv" + string(rune('1'+i)))
		nodes = append(nodes, growthtest.Conv(id, h, 3, 1, 1, true), growthtest.Norm("n"+id), growthtest.Op("r"+id, nn.OpReLU))
		if i == 0 {
			nodes = append(nodes, growthtest.Pooling("p"+id, nn.OpMaxPool, 2, 2, 0))
		}
	}
	nodes = append(nodes, growthtest.Op("avg", nn.OpGlobalAvgPool), growthtest.Linear("out", 4, true))
	return growthtest.Chain(t, nn.Shape{C: 2, H: 8, W: 8}, nn.CrossEntropy, nodes...)
}

func testConfig() Config {
	c := DefaultOf(PolicyTiny)
	c.MaxNeurons = 16
	c.Fix(func(f *Fixed) { f.Samples, f.MinNeurons = Samples{1024, 512, 512}, 4 })
	return c
}

// startEvent starts an event of the stages of c's policy after some changes; without
// any, no other sites grow along.
func startEvent(c Config, m *nn.Model, info EventInfo, changes ...func([]Stage) []Stage) *Event {
	stages := without[*together](c.stages())
	for _, change := range changes {
		stages = change(stages)
	}
	return newEvent(c, stages, m, nil, info)
}

// without leaves out stages of one kind.
func without[S Stage](stages []Stage) []Stage {
	return slices.DeleteFunc(stages, func(s Stage) bool { _, is := s.(S); return is })
}

// fullKernels lets new outgoing kernels use all offsets.
func fullKernels(stages []Stage) []Stage {
	for _, s := range stages {
		switch s := s.(type) {
		case *neurons:
			s.full = true
		case *gradients:
			s.full = true
		}
	}
	return stages
}

// noPools refuses where the solver finds nothing.
func noPools(stages []Stage) []Stage {
	for _, s := range stages {
		switch s := s.(type) {
		case *neurons:
			s.pool = false
		case *signs:
			s.pool = false
		}
	}
	return stages
}

// asTheyAre changes nothing.
func asTheyAre(stages []Stage) []Stage { return stages }

func TestEventGrowsMLP(t *testing.T) {
	g := mlp(t, 2, 2)
	w := newWorld(t, g, 6000, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 400, 128, 32, 0.1)
	slots := []optim.Slot{{Name: "velocity", Data: append([]float32(nil), m.Params...)}}
	c := testConfig()
	e := newEvent(c, without[*together](c.stages()), m, slots, w.info(1, 32))
	o := w.run(t, e, m, 32)
	if !o.Grown {
		t.Fatal("nothing grew: " + o.Record.Why)
	}
	if n := len(o.Record.Rounds); n != 7 || o.Record.Rounds[0] != (RoundRecord{measure.KindUpdate, 1024, measure.HeaderLen + 15 + 28}) || o.Record.Rounds[n-3].Samples != 64 || o.Record.Rounds[n-1].Samples != 448 {
		t.Errorf("cost of the event %+v", o.Record.Rounds)
	}
	if o.Model.Graph.Generation != 1 || o.Model.Graph.NumParams() != o.Record.ParamsAfter || len(o.Slots[0].Data) != o.Record.ParamsAfter {
		t.Error("surgery and record disagree")
	}
	if len(o.Record.Grown) == 1 {
		r := e.state.samples.amplitude
		before, after := w.loss(t, m, r.Offset, r.Count, 32, nn.Train), w.loss(t, o.Model, r.Offset, r.Count, 32, nn.Train)
		growthtest.Close(t, "measured gain", float64(o.Record.Grown[0].Measured), before-after, 1e-5)
	}
}

func TestEventGrowsCNN(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	w := newWorld(t, g, 6000, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 60, 128, 32, 0.1)
	e := startEvent(testConfig(), m, w.info(1, 32))
	o := w.run(t, e, m, 32)
	if !o.Grown {
		t.Fatal("nothing grew: " + o.Record.Why)
	}
}

// P28: on the samples that the amplitude was searched on, the loss never rises.
func TestP28AmplitudeNeverRaisesTheLoss(t *testing.T) {
	for seed := range uint64(6) {
		for _, g := range []*nn.Graph{mlp(t, 2, 3), cnn(t, 2, 2)} {
			w := newWorld(t, g, 2400, seed)
			m := growthtest.RandomModel(g, seed)
			c := testConfig()
			c.Fixed.Gate.Significance, c.Fixed.Gate.Price = 0, 0
			change := asTheyAre
			switch seed % 3 {
			case 0:
				change = fullKernels
			case 1:
				change = without[*refit]
			}
			e := startEvent(c, m, w.info(seed, 32), change)
			o := w.run(t, e, m, 32)
			r := e.state.samples.amplitude
			before, after := w.loss(t, m, r.Offset, r.Count, 32, nn.Train), w.loss(t, o.Model, r.Offset, r.Count, 32, nn.Train)
			if after > before {
				t.Errorf("seed %d: loss %g became %g", seed, before, after)
			}
			if !o.Grown && after != before {
				t.Errorf("seed %d: refused, but the loss changed", seed)
			}
		}
	}
}

// P27, the gate: noise labels grow nothing.
func TestP27GateRefusesNoise(t *testing.T) {
	grown := 0
	for seed := range uint64(8) {
		g, change := mlp(t, 3), asTheyAre
		switch seed % 4 {
		case 2:
			g = cnn(t, 3, 3)
		case 3:
			g, change = cnn(t, 3, 3), fullKernels
		}
		w := newWorld(t, g, 2400, seed)
		s := rng.New(seed, 99)
		for i := range w.labels {
			w.labels[i] = int32(s.Uintn(uint64(i), 4))
		}
		m := nn.Init(g, seed)
		for i := range g.NumParams() { // a network that says nothing: no bias to learn either
			m.Params[i] *= 0.1
		}
		if o := w.run(t, startEvent(testConfig(), m, w.info(1, 32), change), m, 32); o.Grown {
			grown++
		} else if o.Record.Decision != Refuse || o.Record.Why == "" || o.Model != m {
			t.Errorf("refused as %q: %q", o.Record.Decision, o.Record.Why)
		}
	}
	if grown > 1 {
		t.Errorf("grew on pure noise in %d of 8 trials", grown)
	}
}

// P25: the gradient of the grown network by the new incoming weights has the
// squared norm that GradMax promises.
func TestP25GradMaxGradient(t *testing.T) {
	smooth := growthtest.Chain(t, nn.Shape{C: 8, H: 1, W: 1}, nn.CrossEntropy, growthtest.Linear("fc1", 3, true), growthtest.Op("t", nn.OpTanh), growthtest.Linear("out", 4, true))
	images := growthtest.Chain(t, nn.Shape{C: 2, H: 6, W: 6}, nn.CrossEntropy, growthtest.Conv("fc1", 3, 3, 1, 1, true), growthtest.Op("t", nn.OpReLU), growthtest.Conv("z", 3, 3, 2, 1, true), growthtest.Op("p", nn.OpGlobalAvgPool))
	for i, g := range []*nn.Graph{smooth, mlp(t, 3), images, images} {
		w := newWorld(t, g, 2400, 1)
		m := growthtest.RandomModel(g, 2)
		c := testConfig()
		c.Policy = PolicyGradMax
		change := asTheyAre
		if i == 3 {
			change = fullKernels
		}
		e := startEvent(c, m, w.info(1, 32), change)
		o := w.run(t, e, m, 32)
		if !o.Grown || len(o.Record.Grown) != 1 {
			t.Fatalf("%d sites grew", len(o.Record.Grown))
		}
		p, err := nn.Compile(o.Model.Graph, 32, nn.Options{})
		if err != nil {
			t.Fatal(err)
		}
		space, pk, one, grad := p.NewWorkspace(), p.Pack(nil, o.Model.Params), make([]float32, len(o.Model.Params)), make([]float64, len(o.Model.Params))
		for _, b := range w.batches(0, e.state.samples.statistics.Count, 32) {
			space.Forward(pk, o.Model.Buffers, b, nn.Train)
			space.Loss()
			space.Backward(one)
			for i, v := range one {
				grad[i] += float64(v) / float64(e.state.samples.statistics.Count)
			}
		}
		var got float64
		for _, entry := range o.Model.Graph.ParamEntries() {
			if entry.Node == "fc1" {
				old := entry.Len() / entry.Shape[0] * 3
				got += growthtest.Squares(grad[entry.Offset+old : entry.Offset+entry.Len()])
			}
		}
		growthtest.Close(t, "squared gradient", got, float64(o.Record.Grown[0].Predicted), 1e-2)
	}
}

// The same event fed with the same sums has the same bits, and its record is
// the same JSON.
func TestEventIsDeterministic(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	w := newWorld(t, g, 2400, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 30, 128, 32, 0.1)
	c := testConfig()
	c.Fixed.Gate.Significance = 0
	one := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	two := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
	a, _ := json.Marshal(one.Record)
	b, _ := json.Marshal(two.Record)
	if !bytes.Equal(a, b) || one.Model.Digest() != two.Model.Digest() {
		t.Error("two runs of one event differ")
	}
}

func TestRandomPolicyKeepsTheFunction(t *testing.T) {
	for _, g := range []*nn.Graph{mlp(t, 2, 0), cnn(t, 2, 2)} {
		w := newWorld(t, g, 2400, 1)
		m := nn.Init(g, 2)
		c := testConfig()
		c.Policy = PolicyRandom
		h := History{}
		for number := range uint64(4) {
			info := w.info(number, 32)
			info.History = h
			o := w.run(t, startEvent(c, m, info), m, 32)
			if !o.Grown {
				t.Fatal(o.Record.Why)
			}
			bs := w.batches(0, 64, 32)
			if !slices.Equal(logits(t, m, bs, nn.Train), logits(t, o.Model, bs, nn.Train)) {
				t.Error("outgoing weights of zero must change nothing")
			}
			if number > 0 && o.Record.Turn == h.LastSite && len(site.All(g)) > 1 {
				t.Errorf("event %d: %s again", number, o.Record.Turn)
			}
			h, m = h.After(o.Record), o.Model
		}
		if h.Events != 4 || h.Grown != 4 || h.Refusals != 0 {
			t.Errorf("history %+v", h)
		}
	}
}

func TestEventFromZeroWidth(t *testing.T) {
	for _, g := range []*nn.Graph{mlp(t, 0), mlp(t, 4, 0, 4), cnn(t, 2, 0), cnn(t, 3, 0, 4), cnn(t, 0, 4)} {
		g.Loss = nn.MSE
		w := newWorld(t, g, 6000, 1)
		m := nn.Init(g, 2)
		w.train(t, m, 30, 128, 32, 0.01)
		c := testConfig()
		c.Fixed.Samples, c.Fixed.Gate.Significance = Samples{3072, 1024, 1024}, 0
		o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
		if !o.Grown {
			t.Errorf("nothing grew from width zero: %s: %+v", o.Record.Why, o.Record.Sites)
		}
	}
}

// Whatever the data and the weights, an event ends with a reason, never a panic.
func TestEventSurvives(t *testing.T) {
	spoil := map[string]func(w *world, m *nn.Model){
		"NaN pixels":      func(w *world, _ *nn.Model) { w.x[3][1] = float32(math.NaN()) },
		"infinite weight": func(_ *world, m *nn.Model) { m.Params[0] = float32(math.Inf(1)) },
		"constant images": func(w *world, _ *nn.Model) {
			for _, x := range w.x {
				for i := range x {
					x[i] = 0.5
				}
			}
		},
		"black images": func(w *world, _ *nn.Model) {
			for _, x := range w.x {
				clear(x)
			}
		},
		"one class": func(w *world, _ *nn.Model) { clear(w.labels) },
		"dead layer": func(_ *world, m *nn.Model) {
			for _, e := range m.Graph.ParamEntries() {
				if e.Role == nn.RoleBias && e.Node != "out" {
					for i := range e.Len() {
						m.Params[e.Offset+i] = -1e3
					}
				}
			}
		},
		"zero weights": func(_ *world, m *nn.Model) { clear(m.Params) },
		"huge weights": func(_ *world, m *nn.Model) {
			for i := range m.Params {
				m.Params[i] *= 1e15
			}
		},
	}
	for name, f := range spoil {
		for _, policy := range Policies() {
			for _, kernels := range []func([]Stage) []Stage{asTheyAre, fullKernels} {
				for _, g := range []*nn.Graph{mlp(t, 2, 3), cnn(t, 2, 2), cnn(t, 0, 2)} {
					w := newWorld(t, g, 600, 1)
					m := growthtest.RandomModel(g, 2)
					f(w, m)
					c := testConfig()
					c.Policy = policy
					o := w.run(t, startEvent(c, m, w.info(1, 32), kernels), m, 32)
					if o.Record.Why == "" || (o.Record.Decision == Grow) != o.Grown {
						t.Errorf("%s, %s: decision %q because %q", name, policy, o.Record.Decision, o.Record.Why)
					}
				}
			}
		}
	}
}

func TestEventRefusesAtOnce(t *testing.T) {
	g := mlp(t, 2)
	w := newWorld(t, g, 600, 1)
	m := nn.Init(g, 1)
	for want, change := range map[string]func(c *Config, i *EventInfo){
		"never grows":   func(c *Config, _ *EventInfo) { c.Policy = PolicyNone },
		"are too few":   func(_ *Config, i *EventInfo) { i.TrainSamples = 95 },
		"no site":       func(c *Config, _ *EventInfo) { c.MaxWidth = 2 },
		"no site may":   func(c *Config, _ *EventInfo) { c.Widths = map[site.ID]int{"fc1": 1} },
		"no site may g": func(c *Config, _ *EventInfo) { c.MaxParams = g.NumParams() + 3 },
		"no site ma":    func(c *Config, _ *EventInfo) { c.MaxFLOPs = 1 },
	} {
		c, info := testConfig(), w.info(1, 32)
		change(&c, &info)
		e := startEvent(c, m, info)
		if _, _, ok := e.Next(); ok || e.Outcome() == nil || !strings.Contains(e.Outcome().Record.Why, want) {
			t.Errorf("%s: outcome %+v", want, e.Outcome())
		}
		if e.Feed(nil) == nil {
			t.Error("sums after the decision must be an error")
		}
	}
}

func TestLimits(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	w := newWorld(t, g, 2400, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 30, 128, 32, 0.1)
	for _, c := range []Config{{MaxParams: g.NumParams() + 60}, {MaxFLOPs: g.FLOPs() + 20000}, {MaxWidth: 3}, {Widths: map[site.ID]int{"conv1": 3, "conv2": 2}}} {
		full := testConfig()
		full.MaxParams, full.MaxFLOPs, full.MaxWidth, full.Widths = c.MaxParams, c.MaxFLOPs, c.MaxWidth, c.Widths
		full.Fixed.Gate.Significance = 0
		for _, policy := range Policies() {
			full.Policy = policy
			o := w.run(t, NewEvent(full, m, nil, w.info(1, 32)), m, 32)
			after := o.Model.Graph
			if c.MaxParams > 0 && after.NumParams() > c.MaxParams || c.MaxFLOPs > 0 && after.FLOPs() > c.MaxFLOPs {
				t.Errorf("%s: %d parameters, %d FLOPs: limits %d, %d", policy, after.NumParams(), after.FLOPs(), c.MaxParams, c.MaxFLOPs)
			}
			if c.MaxWidth > 0 && after.Node("conv2").Out > 3 || c.Widths != nil && (after.Node("conv1").Out > 3 || after.Node("conv2").Out > 2) {
				t.Errorf("%s: widths exceeded", policy)
			}
		}
	}
}

func TestDryRunAndInspection(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	w := newWorld(t, g, 2400, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 30, 128, 32, 0.1)
	before := m.Digest()
	c := testConfig()
	c.Fixed.Gate.Significance = 0
	info := w.info(1, 32)
	info.DryRun = true
	o := w.run(t, startEvent(c, m, info), m, 32)
	if o.Grown || o.Model != m || o.Record.Decision != Grow || o.Record.ParamsAfter <= o.Record.ParamsBefore {
		t.Errorf("dry run: grown %v, decision %q", o.Grown, o.Record.Decision)
	}
	c.MaxWidth = 1
	o = w.run(t, NewInspection(c, m, w.info(1, 32)), m, 32)
	if len(o.Record.Sites) != 3 || m.Digest() != before {
		t.Fatal("inspection must report all sites and change nothing")
	}
	for _, s := range o.Record.Sites {
		if len(s.Spectrum) == 0 || s.Psi2 <= 0 || s.Share <= 0 || s.Share > 1 {
			t.Errorf("inspection of %s: %+v", s.Site, s)
		}
	}
}

// Where a layer has more inputs than the event has samples, its weights could
// fit any update of those samples: the ridge keeps the bottleneck in sight.
func TestFewSamplesForManyInputs(t *testing.T) {
	g := growthtest.Chain(t, nn.Shape{C: 2, H: 8, W: 8}, nn.CrossEntropy, growthtest.Conv("conv1", 6, 3, 1, 1, true), growthtest.Op("r", nn.OpReLU), growthtest.Op("f", nn.OpFlatten), growthtest.Linear("out", 4, true))
	w := newWorld(t, g, 600, 1)
	m := nn.Init(g, 2)
	c := testConfig()
	c.Fixed.Samples = Samples{256, 128, 128}
	o := w.run(t, startEvent(c, m, w.info(1, 32)), m, 32)
	if s := o.Record.Sites[0]; s.Share < 0.2 || s.Share > 1 {
		t.Errorf("bottleneck share %g with 256 samples of 385 inputs", float64(s.Share))
	}
}
