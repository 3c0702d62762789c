// Package naive computes the sums of one micro-shard in the plainest way, afresh
// each time, for tests of those who ask for them. Workers compute the same bits.
package naive

import (
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/kernel"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Leaf is a micro-shard of a round.
type Leaf struct {
	Model   *nn.Model
	Round   proto.RoundSpec
	Request *measure.Request // what a growth round asks for, or what rides along with a gradient round
	Lengths proto.Lengths    // how long the sums are
	Shard   uint64           // number of the micro-shard, or of the replica, in its round

	local *proto.LocalSpec // nil but for a step of a replica
}

// Sums returns the sums over the samples that fill puts into a batch. It panics where
// the round does not fit the model.
func (l Leaf) Sums(fill func(*nn.Batch)) proto.Sums {
	m, r := l.Model, l.Round
	p, err := nn.Compile(m.Graph, int(r.MicroShard), nn.Options{})
	must(err)
	s, batch := proto.NewSums(l.Lengths), p.NewBatch()
	fill(batch)
	batch.Drop = nn.Drop{On: r.Kind == proto.Gradient, Seed: r.Order.Seed, Step: uint64(r.Step), Shard: l.Shard}
	if r.Kind == proto.Growth {
		job, err := measure.NewJob(m.Graph, l.Request, int(r.MicroShard))
		must(err)
		job.NewRunner().Run(s.F64, m.Params, m.Buffers, batch)
		return s
	}
	w, mode, gradient := p.NewWorkspace(), nn.Train, p.SumsLen()
	if r.Kind == proto.Gradient && l.Request != nil {
		ride, err := measure.NewRide(m.Graph, l.Request, int(r.MicroShard))
		must(err)
		rider := ride.NewRider()
		w = rider.Workspace
		defer func() { rider.Sums(s.F64[gradient:], batch, l.update()) }()
	}
	if r.Kind == proto.Evaluate {
		mode = nn.Eval
	}
	w.Forward(p.Pack(nil, m.Params), m.Buffers, batch, mode)
	w.Loss().Put(s.F64)
	if r.Kind == proto.Gradient {
		w.Backward(s.F32)
		w.AddMoments(s.F64[nn.MetricsLen : gradient-nn.HalvesLen])
	}
	return s
}

// update is the number by which it is known what rides along.
func (l Leaf) update() uint64 {
	if l.local != nil {
		return l.local.Update
	}
	return uint64(l.Round.Step)
}

// Steps returns what the steps of replica Shard of a round of local steps lead to, each
// micro-shard computed afresh; fill puts the samples at positions lo to hi of the order into a batch.
func (l Leaf) Steps(p *local.Plan, fill func(b *nn.Batch, lo, hi uint64)) proto.Sums {
	m, own := l.Model, l.Model.Clone()
	s := proto.NewSums(l.Lengths)
	must(p.Check(m.Graph, int(l.Round.Local.Steps)))
	replica := local.NewReplica(p, m.Graph, m.Params, func(n int, f func(i int)) {
		for i := range n {
			f(i)
		}
	})
	for i := range l.Round.Local.Steps {
		step, first := l.Round.LocalStep(uint32(l.Shard), i)
		own.Params = replica.Params
		one := Leaf{Model: own, Round: step, Lengths: proto.Lengths{F32: l.Lengths.F32, F64: m.Graph.GradientSums().Len()}}
		if i == 0 {
			one.Request, one.Lengths, one.local = l.Request, l.Lengths, &l.Round.Local
		}
		fold := proto.NewFold(step.MicroShards(), func(left, right proto.Sums) proto.Sums { left.Add(right); return left })
		for shard := range step.MicroShards() {
			lo, hi := step.Range(shard)
			one.Shard = first + uint64(shard)
			must(fold.Put(proto.Block{Lo: shard, Hi: shard + 1}, one.Sums(func(b *nn.Batch) { fill(b, lo, hi) })))
		}
		sums, _ := fold.Root()
		if i == 0 {
			copy(s.F64, sums.F64) // with what rode along
		}
		replica.Step(sums.F32, sums.F64)
	}
	replica.Put(s.F32, s.F64, m.Params)
	return s
}

// Add adds right to left, the children of a node of the tree of a round over graph g. Where these are the halves of a
// batch and the round asks for it, the sums tell the squares of their gradients, summed by chunks of grain values.
func Add(node proto.Block, r *proto.RoundSpec, g *nn.Graph, grain int, left, right proto.Sums) {
	halved := r.Halved(node)
	var squares [2]float64
	for i, half := range []proto.Sums{left, right} {
		for at := 0; halved && at < len(half.F32); at += grain {
			squares[i] += kernel.Squares(half.F32[at:min(at+grain, len(half.F32))])
		}
	}
	if left.Add(right); halved {
		copy(g.GradientSums().Halves(left.F64), squares[:])
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
