package speed

import (
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/rng"
)

// span is the number of parameters that a thread sums and updates at a time:
// few enough to stay in its cache.
const span = 8192

// trainer trains one network on one fixed batch.
type trainer struct {
	model     *nn.Model
	program   *nn.Program
	packed    *nn.Packed
	optimizer *optim.Optimizer
	batches   []*nn.Batch
	grads     [][]float32 // one for each micro-shard
	moments   [][]float64
	spaces    []*nn.Workspace // one for each thread
	threads   int
	samples   int
	rate      float64 // learning rate
}

// work is the batch of a step, how it is cut, and how many compute it.
type work struct{ batch, microShard, threads int }

// newTrainer changes m as it trains.
func newTrainer(m *nn.Model, w work) (*trainer, error) {
	g, batch, microShard := m.Graph, w.batch, w.microShard
	program, err := nn.Compile(g, microShard, nn.Options{})
	if err != nil {
		return nil, err
	}
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	classes := min(10, shapes[g.Output().ID].Len())
	t := &trainer{model: m, program: program, packed: program.NewPacked(), threads: w.threads, samples: batch, rate: 0.001}
	t.optimizer = optim.New(optim.Default(), optim.Plain(g.NumParams()))
	pixels := rng.New(1)
	for at := 0; at < batch; at += microShard {
		b := program.NewBatch()
		b.N = min(microShard, batch-at)
		for i := range b.N {
			b.Labels[i] = int32((at + i) % classes)
		}
		for i := range b.X {
			if lane := i / (g.Input.Len() * 32) * 32; lane+i%32 < b.N {
				b.X[i] = float32(pixels.Normal(uint64(at)<<32 | uint64(i)))
			}
		}
		t.batches = append(t.batches, b)
		t.grads = append(t.grads, make([]float32, g.NumParams()))
		t.moments = append(t.moments, make([]float64, program.MomentsLen()))
	}
	for range w.threads {
		t.spaces = append(t.spaces, program.NewWorkspace())
	}
	return t, nil
}

// each calls do for 0 <= i < n on all threads and waits for them.
func (t *trainer) each(n int, do func(thread, i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	work := func(thread int) {
		for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
			do(thread, int(i))
		}
	}
	for thread := 1; thread < t.threads; thread++ {
		wg.Go(func() { work(thread) })
	}
	work(0)
	wg.Wait()
}

// gradients computes every micro-shard's gradient and returns the losses.
func (t *trainer) gradients() []float64 {
	losses := make([]float64, len(t.batches))
	t.each(len(t.batches), func(thread, i int) {
		w := t.spaces[thread]
		w.Forward(t.packed, nil, t.batches[i], nn.Train)
		losses[i] = w.Loss().Loss
		w.Backward(t.grads[i])
		clear(t.moments[i])
		w.AddMoments(t.moments[i])
	})
	return losses
}

// step makes one training step and returns the mean loss before it.
func (t *trainer) step() float64 {
	t.pack()
	losses := t.gradients()
	t.update()
	fold(proto.Root(uint32(len(t.batches))), func(into, from uint32) { losses[into] += losses[from] })
	return losses[0] / float64(t.samples)
}

// pack lays the weights out for the kernels.
func (t *trainer) pack() {
	t.each(t.program.PackParts(), func(_, part int) { t.program.PackPart(t.packed, t.model.Params, part) })
}

// update adds the gradients and moments along the tree and updates the weights.
func (t *trainer) update() {
	root := proto.Root(uint32(len(t.batches)))
	update := t.optimizer.Begin(1/float32(t.samples), t.rate)
	n := len(t.model.Params)
	t.each((n+span-1)/span, func(_, i int) {
		lo, hi := i*span, min(n, (i+1)*span)
		fold(root, func(into, from uint32) {
			a := t.grads[into][lo:hi]
			kernel.Add(a, a, t.grads[from][lo:hi])
		})
		update.Apply(t.model.Params, t.grads[0], kernel.Range{Lo: lo, Hi: hi})
	})
	fold(root, func(into, from uint32) {
		for i, v := range t.moments[from] {
			t.moments[into][i] += v
		}
	})
	nn.UpdateRunning(t.model.Graph, t.model.Buffers, t.moments[0])
}

// fold adds all values of a block into that of its first micro-shard, along the tree.
func fold(b proto.Block, add func(into, from uint32)) {
	if b.IsLeaf() {
		return
	}
	left, right := b.Split()
	fold(left, add)
	fold(right, add)
	add(left.Lo, right.Lo)
}
