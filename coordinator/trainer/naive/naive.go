// Package naive computes the sums of one micro-shard in the plainest way, afresh
// each time, for tests of those who ask for them. Workers compute the same bits.
package naive

import (
	"github.com/tinygrow/tinygrow/growth/measure"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
)

// Leaf is a micro-shard of a round.
type Leaf struct {
	Model   *nn.Model
	Round   proto.RoundSpec
	Request *measure.Request // what a growth round asks for, or what rides along with a gradient round
	Lengths proto.Lengths    // how long the sums are
}

// Sums returns the sums over the samples that fill puts into a batch. It panics where
// the round does not fit the model.
func (l Leaf) Sums(fill func(*nn.Batch)) proto.Sums {
	m, r := l.Model, l.Round
	p, err := nn.Compile(m.Graph, int(r.MicroShard), nn.Options{})
	must(err)
	s, batch := proto.NewSums(l.Lengths), p.NewBatch()
	fill(batch)
	if r.Kind == proto.Growth {
		job, err := measure.NewJob(m.Graph, l.Request, int(r.MicroShard))
		must(err)
		job.NewRunner().Run(s.F64, m.Params, m.Buffers, batch)
		return s
	}
	w, mode, gradient := p.NewWorkspace(), nn.Train, nn.MetricsLen+p.MomentsLen()
	if r.Kind == proto.Gradient && l.Request != nil {
		ride, err := measure.NewRide(m.Graph, l.Request, int(r.MicroShard))
		must(err)
		rider := ride.NewRider()
		w = rider.Workspace
		defer func() { rider.Sums(s.F64[gradient:], batch, uint64(r.Step)) }()
	}
	if r.Kind == proto.Evaluate {
		mode = nn.Eval
	}
	w.Forward(p.Pack(nil, m.Params), m.Buffers, batch, mode)
	w.Loss().Put(s.F64)
	if r.Kind == proto.Gradient {
		w.Backward(s.F32)
		w.AddMoments(s.F64[nn.MetricsLen:gradient])
	}
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
