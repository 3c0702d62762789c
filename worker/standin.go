package worker

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// ErrStandIn is returned where a worker that stands in is asked for what it cannot
// stand in for.
var ErrStandIn = errors.New("a stand-in computes no statistics of growth: give the run growth.policy none")

// standIn makes sums without computing, so that many workers can be measured on
// few processors: it records those of one micro-shard of a network with fresh
// weights, and gives for a block what the tree makes of as many of them, after the
// time that computing would have taken. The record follows from the network and the
// data alone, and the sums of a block from its place in the tree: so all stand-ins
// agree, whoever joins when, and blocks that two of them stand in for pass an audit.
type standIn struct {
	shard   time.Duration // time of a micro-shard on one thread
	network *network
	records map[recordKey]record
}

// recordKey tells apart sums of different meaning.
type recordKey struct {
	kind  proto.Kind
	flips bool
	split string
	shard uint64 // samples
}

// record is the sums of one micro-shard of n samples.
type record struct {
	sums proto.Sums
	n    uint64
}

// block returns the sums of b after the time of as many micro-shards as fall to one
// of the threads, or the cause of ctx's end.
func (s *standIn) block(ctx context.Context, c *crew, j *job, b proto.Block, threads int) (proto.Sums, error) {
	if j.spec.Kind == proto.Growth || j.ride != nil {
		return proto.Sums{}, fmt.Errorf("round %d: %w", j.spec.Round, ErrStandIn)
	}
	c.sums.sized(j.lengths())
	r, err := s.recordOf(c, j)
	if err != nil {
		return proto.Sums{}, err
	}
	shards, steps := j.spec.Leaf()
	waves := (int(b.Len()*shards) + threads - 1) / threads * int(steps)
	due := time.NewTimer(time.Duration(waves) * s.shard)
	defer due.Stop()
	sums := r.node(c, j, b)
	select {
	case <-due.C:
		return sums, nil
	case <-ctx.Done():
		c.sums.put(sums)
		return proto.Sums{}, fmt.Errorf("block %v: %w", b, context.Cause(ctx))
	}
}

// recordOf computes the record for a job, once.
func (s *standIn) recordOf(c *crew, j *job) (record, error) {
	v := j.version
	if s.network != v.network {
		s.network, s.records = v.network, map[recordKey]record{}
	}
	lo, hi := j.spec.Range(0)
	key := recordKey{j.spec.Kind, j.flips(), j.spec.Order.Split, hi - lo}
	if r, there := s.records[key]; there {
		return r, nil
	}
	fresh := nn.Init(v.network.graph, 1)
	own := *j
	own.version = &version{network: v.network, params: fresh.Params, buffers: fresh.Buffers}
	if j.spec.Kind == proto.Local { // a micro-shard of one of its steps stands for all
		own.spec, _ = j.spec.LocalStep(0, 0)
		hi = lo + min(uint64(own.spec.MicroShard), own.spec.Count)
	}
	own.spec.Offset, own.spec.Count, own.spec.Step = 0, hi-lo, 0
	own.spec.Order.Stream, own.spec.Order.Index = "sequential", 0
	if own.spec.Kind == proto.Gradient {
		own.spec.Augment, own.spec.Wire = 0, proto.Wire{} // each round rounds for itself
	}
	own.pack(new([2]*nn.Packed), 1)
	r := record{proto.NewSums(j.lengths()), hi - lo}
	if err := c.hands[0].run(c.samples, &own, 0, r.sums); err != nil {
		return record{}, err
	}
	if j.spec.Kind == proto.Local {
		r.localize(j)
	}
	s.records[key] = r
	return r, nil
}

// standInRate is the learning rate of steps that nobody takes.
const standInRate = 0.1

// localize makes the sums of a gradient those of local steps: the change of the weights is what
// its mean moves them by in the steps of a replica, and the moments of earlier steps count less.
func (r record) localize(j *job) {
	steps := j.spec.Local.Steps
	moved := float64(standInRate * float64(steps))
	lo, hi := j.spec.Range(0)
	for i, v := range r.sums.F32 {
		r.sums.F32[i] = float32(float64(float64(v)*moved) / float64(hi-lo))
	}
	g := j.version.network.graph
	moments := g.GradientSums().Moments(r.sums.F64)
	for _, n := range g.GradientSums().Norms {
		part := g.DecayedSteps(n.Node, uint64(steps)) / float64(steps)
		for i := range 2*n.Channels + 1 {
			moments[n.At+i] = float64(moments[n.At+i] * part)
		}
	}
}

// node returns the value of a node of the tree whose leaves are the record.
func (r record) node(c *crew, j *job, b proto.Block) proto.Sums {
	round := rounding(j.spec.Wire)
	lo, _ := j.spec.Range(b.Lo)
	_, hi := j.spec.Range(b.Hi - 1)
	if n := b.Len(); n == 1 || bits.OnesCount32(n) == 1 && hi-lo == uint64(n)*r.n {
		s := c.sums.get()
		r.leaf(s, part{(hi - lo) / uint64(n), uint64(n)}, round) // doubling is exact, so this is what adding gives
		if at := j.halves(b); at > 0 {
			half := c.sums.get()
			r.leaf(half, part{(hi - lo) / uint64(n), uint64(n) / 2}, round)
			squares := chunkSquares(half.F32)
			s.F64[at], s.F64[at+1] = squares, squares
			c.sums.put(half)
		}
		return s
	}
	left, right := b.Split()
	s, other := r.node(c, j, left), r.node(c, j, right)
	if at := j.halves(b); at > 0 {
		s.F64[at], s.F64[at+1] = chunkSquares(s.F32), chunkSquares(other.F32)
		clear(other.F64[at:][:nn.HalvesLen])
	}
	s.Add(other)
	round.Round(s.F32, s.F32)
	c.sums.put(other)
	return s
}

// part is so many samples, a power of two times.
type part struct{ samples, times uint64 }

// leaf puts the record into s as if it were over other samples: the counts are exact. Leaves are
// rounded, and so is what is too large after doubling.
func (r record) leaf(s proto.Sums, p part, round kernel.Rounding) {
	n, all, times := float64(p.samples), float64(r.n), float64(p.times)
	for i, v := range r.sums.F32 {
		s.F32[i] = float32(float64(v) * n / all)
	}
	round.Round(s.F32, s.F32)
	for i, v := range s.F32 {
		s.F32[i] = float32(v * float32(times))
	}
	round.Round(s.F32, s.F32)
	for i, v := range r.sums.F64 {
		v = float64(v*n) / all
		if i == correctAt || len(r.sums.F32) == 0 && i == flipsCorrectAt {
			v = math.Floor(v)
		}
		s.F64[i] = float64(v * times)
	}
}

// Where sums count correct samples: after those and the loss, of plain pictures and of
// both sides of each.
const (
	correctAt      = nn.MetricsLen - 1
	flipsCorrectAt = nn.MetricsLen + nn.FlipLen - 1
)
