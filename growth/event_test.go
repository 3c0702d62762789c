package growth

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

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
	for i := range n {
		x := make([]float32, g.Input.Len())
		for j := range x {
			x[j] = float32(s.Normal(uint64(i*len(x) + j)))
		}
		score := make([]float32, classes)
		for h := range hidden {
			a := w.feature(x, rng.New(seed, 2, uint64(h)))
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
func (w *world) feature(x []float32, filter rng.Stream) float64 {
	in := w.g.Input
	k := min(3, in.H)
	var sum float64
	positions := 0
	for y := 0; y+k <= in.H; y++ {
		for c := 0; c+k <= in.W; c++ {
			var a float64
			i := uint64(0)
			for ky := range k {
				for kx := range k * in.C {
					a += float64(x[((y+ky)*in.W+c)*in.C+kx]) * filter.Normal(i)
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
		b := nn.NewBatch(w.g.Input, shard, classes)
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
		dst[((sample/lanes)*len(src)+k)*lanes+sample%lanes] = v
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
		nodes = append(nodes, linear(id, h, true), op("r"+id, nn.OpReLU))
	}
	return chain(t, nn.Shape{C: 8, H: 1, W: 1}, nn.CrossEntropy, append(nodes, linear("out", 4, true))...)
}

func cnn(t *testing.T, widths ...int) *nn.Graph {
	nodes := []nn.Node{}
	for i, h := range widths {
		id := nn.NodeID("conv" + string(rune('1'+i)))
		nodes = append(nodes, conv(id, h, 3, 1, 1, true), norm("n"+id), op("r"+id, nn.OpReLU))
		if i == 0 {
			nodes = append(nodes, pooling("p"+id, nn.OpMaxPool, 2, 2, 0))
		}
	}
	nodes = append(nodes, op("avg", nn.OpGlobalAvgPool), linear("out", 4, true))
	return chain(t, nn.Shape{C: 2, H: 8, W: 8}, nn.CrossEntropy, nodes...)
}

func testConfig() Config {
	c := Default()
	c.StatisticsSamples, c.NewbornSamples, c.AmplitudeSamples = 1024, 512, 512
	return c
}

func TestEventGrowsMLP(t *testing.T) {
	g := mlp(t, 2, 2)
	w := newWorld(t, g, 6000, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 400, 128, 32, 0.1)
	slots := []optim.Slot{{Name: "velocity", Data: append([]float32(nil), m.Params...)}}
	e := NewEvent(testConfig(), m, slots, w.info(1, 32))
	o := w.run(t, e, m, 32)
	if !o.Grown {
		t.Fatal("nothing grew: " + o.Record.Why)
	}
	if o.Model.Graph.Generation != 1 || o.Model.Graph.NumParams() != o.Record.ParamsAfter || len(o.Slots[0].Data) != o.Record.ParamsAfter {
		t.Error("surgery and record disagree")
	}
	if len(o.Record.Grown) == 1 {
		r := e.ranges[2]
		before, after := w.loss(t, m, r.Offset, r.Count, 32, nn.Train), w.loss(t, o.Model, r.Offset, r.Count, 32, nn.Train)
		close(t, "measured gain", float64(o.Record.Grown[0].Measured), before-after, 1e-5)
	}
}

func TestEventGrowsCNN(t *testing.T) {
	g := cnn(t, 2, 2, 2)
	w := newWorld(t, g, 6000, 1)
	m := nn.Init(g, 2)
	w.train(t, m, 60, 128, 32, 0.1)
	e := NewEvent(testConfig(), m, nil, w.info(1, 32))
	o := w.run(t, e, m, 32)
	if !o.Grown {
		t.Fatal("nothing grew: " + o.Record.Why)
	}
}
