package worker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Samples is the data set as a worker reads it. Its methods are called by
// several goroutines at once.
type Samples interface {
	// Digest identifies the contents; all workers of a run must agree.
	Digest() string
	// Fits returns an error if there are no samples of an order, or if they are
	// not what a graph reads.
	Fits(o proto.Order, g *nn.Graph) error
	// Fill puts the n samples at positions lo, lo+1 ... of an order into b,
	// augmented by the order's seed and index as asked for. An error is that of the
	// files in which the samples are, and ends the worker.
	Fill(b *nn.Batch, o proto.Order, augment proto.Augmentation, lo, n int) error
}

// network is one generation, compiled.
type network struct {
	graph  *nn.Graph
	shard  int // samples of a micro-shard
	train  *nn.Program
	eval   *nn.Program
	digest proto.Digest // the graph's, as it came
	ride   *ride        // what rode along last, nil: nothing did
}

// ride is what rides along with gradient rounds of one generation.
type ride struct {
	*measure.Ride
	key    string       // key of the request
	digest proto.Digest // digest of the request, as it came
}

// compile makes a graph ready for micro-shards of the given number of samples.
func compile(g *nn.Graph, shard int) (*network, error) {
	train, err := nn.Compile(g, shard, nn.Options{})
	if err != nil {
		return nil, err
	}
	eval, err := nn.Compile(g, shard, nn.Options{Inference: true})
	if err != nil {
		return nil, err
	}
	return &network{graph: g, shard: shard, train: train, eval: eval}, nil
}

// version is one state of a network's numbers, shared by all threads and read only.
type version struct {
	network *network
	from    *incoming // has the values; nil: the caller does
	params  []float32
	buffers []float32
	packed  [2]*nn.Packed // train's and eval's; nil until needed
}

// job is what is computed for every micro-shard of a block.
type job struct {
	spec    proto.RoundSpec
	version *version
	growth  *measure.Job  // nil but for growth rounds
	ride    *measure.Ride // nil but for gradient rounds that statistics ride along with
	request proto.Digest  // growth or ride was made from a request of that digest
	plan    *local.Plan   // nil but for rounds of local steps

	replica *ownStep // nil but for one step of a replica
}

// inputs returns the digest of what the sums are made from: what is here, not
// what the round's references promise.
func (j *job) inputs() proto.Digest {
	return j.spec.Inputs(j.version.network.digest, j.version.from.digest(), j.request)
}

// lengths returns those of the sums.
func (j *job) lengths() proto.Lengths {
	switch j.spec.Kind {
	case proto.Gradient, proto.Local:
		f64 := j.version.network.train.SumsLen()
		if j.ride != nil {
			f64 += j.ride.Len(j.update())
		}
		return proto.Lengths{F32: len(j.version.params), F64: f64}
	case proto.Growth:
		return proto.Lengths{F64: j.growth.Len()}
	}
	if j.flips() {
		return proto.Lengths{F64: nn.MetricsLen + nn.FlipLen}
	}
	return proto.Lengths{F64: nn.MetricsLen}
}

// update is the number by which it is known what rides along.
func (j *job) update() uint64 {
	switch {
	case j.replica != nil:
		return j.replica.update
	case j.spec.Kind == proto.Local:
		return j.spec.Local.Update
	}
	return uint64(j.spec.Step)
}

// halves returns where the sums over block b tell of the two halves of the round (see
// nn.GradientSums), 0 if they do not.
func (j *job) halves(b proto.Block) int {
	if !j.spec.Halved(b) {
		return 0
	}
	return j.version.network.train.SumsLen() - nn.HalvesLen
}

// flips reports whether an evaluation reads the mirror image of each picture too.
func (j *job) flips() bool { return j.spec.Kind == proto.Evaluate && j.spec.Augment == proto.Mirrored }

// pack prepares the weights for the kernels, once a version, on so many threads.
func (j *job) pack(packs *[2]*nn.Packed, threads int) {
	v := j.version
	i, program := 0, v.network.train
	switch j.spec.Kind {
	case proto.Growth:
		return
	case proto.Evaluate:
		i, program = 1, v.network.eval
	}
	if v.packed[i] != nil {
		return
	}
	if packs[i] == nil {
		packs[i] = program.NewPacked()
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(threads, program.PackParts()) {
		wg.Go(func() {
			for part := int(next.Add(1)) - 1; part < program.PackParts(); part = int(next.Add(1)) - 1 {
				program.PackPart(packs[i], v.params, part)
			}
		})
	}
	wg.Wait()
	v.packed[i] = packs[i]
}

// crew computes blocks on a fixed number of threads.
type crew struct {
	samples Samples
	hands   []*hand
	sums    pool
	network *network
	packs   [2]*nn.Packed // memory of the last version's, of the same network
	standIn *standIn      // nil: sums are computed
	teams   []*crew       // parts of the hands, which compute a replica each
}

// hand is the memory of one thread.
type hand struct {
	batch  *nn.Batch
	train  *nn.Workspace
	eval   *nn.Workspace
	runner *measure.Runner
	job    *measure.Job // runner is one of this job
	rider  *measure.Rider
	ride   *measure.Ride // rider is one of this ride

	outputs []float32 // logits of an evaluation's pictures as they are
}

func newCrew(s Samples, threads int) *crew {
	c := &crew{samples: s}
	for range max(threads, 1) {
		c.hands = append(c.hands, new(hand))
	}
	return c
}

// compute returns the sums over block b, computed on the given number of
// threads (0: all), or the cause of ctx's end. They go back with c.sums.put.
func (c *crew) compute(ctx context.Context, j *job, b proto.Block, threads int) (proto.Sums, error) {
	if c.network != j.version.network {
		c.network, c.packs, c.teams = j.version.network, [2]*nn.Packed{}, nil
		for _, h := range c.hands {
			*h = hand{batch: c.network.train.NewBatch()}
		}
	}
	if threads == 0 {
		threads = len(c.hands)
	}
	threads = min(threads, len(c.hands))
	if c.standIn != nil {
		return c.standIn.block(ctx, c, j, b, threads)
	}
	j.pack(&c.packs, threads)
	c.sums.sized(j.lengths())
	if j.spec.Kind == proto.Local {
		return c.replicas(ctx, j, b, threads)
	}
	return c.fold(ctx, j, b, threads, func(ctx context.Context, hand int, i uint32, s proto.Sums) error {
		return c.hands[hand].run(c.samples, j, i, s)
	})
}

// fold adds up the leaves of block b, which so many workers compute, each the next one as soon as it
// is done with its last. leaf overwrites s with the sums of leaf i.
func (c *crew) fold(ctx context.Context, j *job, b proto.Block, workers int,
	leaf func(ctx context.Context, worker int, i uint32, s proto.Sums) error) (proto.Sums, error) {
	f := newFold(b, &c.sums, rounding(j.spec.Wire), workers)
	f.halves = j.halves(b)
	var next atomic.Int64
	next.Store(int64(b.Lo))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			defer f.help()
			for ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(b.Hi) {
					return
				}
				s := c.sums.get()
				if err := leaf(ctx, worker, uint32(i), s); err != nil {
					stop(err)
					return
				}
				f.put(proto.Block{Lo: uint32(i), Hi: uint32(i) + 1}, s)
			}
		})
	}
	wg.Wait()
	s, ok := f.nodes[b]
	if !ok {
		return proto.Sums{}, fmt.Errorf("block %v: %w", b, context.Cause(ctx))
	}
	return s, nil
}

// gradientOf returns the workspace of a gradient round. Where statistics ride along
// with some, all of them have the one workspace: it computes the same bits, and memory
// that only some steps touch would be out of the caches.
func (h *hand) gradientOf(j *job) *nn.Workspace {
	ride := j.ride
	if last := j.version.network.ride; ride == nil && last != nil {
		ride = last.Ride
	}
	if ride != nil {
		if h.ride != ride {
			h.rider, h.ride, h.train = ride.NewRider(), ride, nil
		}
		return h.rider.Workspace
	}
	if h.train == nil {
		h.train = j.version.network.train.NewWorkspace()
	}
	return h.train
}

// run overwrites s with the sums over micro-shard i.
func (h *hand) run(samples Samples, j *job, i uint32, s proto.Sums) error {
	v, b := j.version, h.batch
	lo, hi := j.spec.Range(i)
	augment := j.spec.Augment
	if j.flips() {
		augment = 0
	}
	if err := samples.Fill(b, j.spec.Order, augment, int(lo), int(hi-lo)); err != nil {
		return err
	}
	b.Drop = nn.Drop{On: j.spec.Kind == proto.Gradient, Seed: j.spec.Order.Seed, Step: uint64(j.spec.Step), Shard: uint64(i)}
	if j.replica != nil {
		b.Drop.Shard += j.replica.first
	}
	switch j.spec.Kind {
	case proto.Gradient:
		w := h.gradientOf(j)
		w.Forward(v.packed[0], v.buffers, b, nn.Train)
		w.Loss().Put(s.F64)
		w.Backward(s.F32)
		if j.spec.Wire.Half() {
			rounding(j.spec.Wire).Round(s.F32, s.F32)
		}
		rest := s.F64[nn.MetricsLen:v.network.train.SumsLen()]
		if j.ride != nil {
			h.rider.Sums(s.F64[len(rest)+nn.MetricsLen:], b, j.update())
		}
		clear(rest)
		w.AddMoments(rest[:v.network.train.MomentsLen()])
	case proto.Evaluate:
		if h.eval == nil {
			h.eval = v.network.eval.NewWorkspace()
		}
		h.eval.Forward(v.packed[1], v.buffers, b, nn.Eval)
		h.eval.Loss().Put(s.F64)
		if j.flips() {
			if err := samples.Fill(b, j.spec.Order, proto.Mirrored, int(lo), int(hi-lo)); err != nil {
				return err
			}
			h.flip(j, s.F64[nn.MetricsLen:])
		}
	case proto.Growth:
		if h.job != j.growth {
			h.runner, h.job = j.growth.NewRunner(), j.growth
		}
		h.runner.Run(s.F64, v.params, v.buffers, b)
	}
	return nil
}

// flip puts the loss and the correct samples by the mean of the last outputs and those
// for the batch as it is now into sums.
func (h *hand) flip(j *job, sums []float64) {
	v, output := j.version, j.version.network.graph.Output().ID
	h.outputs = append(h.outputs[:0], h.eval.Value(output)...)
	h.eval.Forward(v.packed[1], v.buffers, h.batch, nn.Eval)
	y := h.eval.Value(output)
	for i, first := range h.outputs {
		y[i] = float32((first + y[i]) / 2)
	}
	m := h.eval.Loss()
	sums[0], sums[1] = m.Loss, m.Correct
}
