package worker

import (
	"context"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// Local computes whole rounds in this process, with no coordinator and no
// messages, to the bits that workers of a run compute.
type Local struct {
	Samples    Samples
	Threads    int // 0: all processors that quota and affinity allow
	MicroShard int
	Augment    proto.Augmentation // growth events: as in the run
}

// Evaluate returns the metrics of m over the first n test samples.
func (l Local) Evaluate(ctx context.Context, m *nn.Model, n int) (nn.Metrics, error) {
	plain, _, err := l.EvaluateOrder(ctx, m, testOrder, n, 0)
	return plain, err
}

// EvaluateFlips returns the same metrics, and those by the mean of the outputs for a
// picture and its mirror image.
func (l Local) EvaluateFlips(ctx context.Context, m *nn.Model, n int) (plain, flips nn.Metrics, err error) {
	return l.EvaluateOrder(ctx, m, testOrder, n, proto.Mirrored)
}

var testOrder = proto.Order{Split: "test", Stream: "sequential"}

// EvaluateOrder returns the metrics of m over the first n samples of an order; with
// proto.Mirrored also those by the mean of the outputs for a picture and its mirror image.
func (l Local) EvaluateOrder(ctx context.Context, m *nn.Model, o proto.Order, n int, augment proto.Augmentation) (plain, flips nn.Metrics,
	err error) {
	s, err := l.compute(ctx, m, proto.RoundSpec{Kind: proto.Evaluate, Order: o, Count: uint64(n), Augment: augment}, nil)
	if err != nil {
		return plain, flips, err
	}
	if plain = nn.MetricsOf(s.F64); augment&proto.Mirrored != 0 {
		flips = nn.FlipsOf(s.F64)
	}
	return plain, flips, nil
}

// Grow runs growth event e on m to its end; info is what e was made with.
func (l Local) Grow(ctx context.Context, m *nn.Model, e *growth.Event, info growth.EventInfo) (*growth.Outcome, error) {
	for {
		sums, ok, err := l.Round(ctx, m, e, info)
		if err != nil {
			return nil, err
		}
		if !ok {
			return e.Outcome(), nil
		}
		if err := e.Feed(sums.F64); err != nil {
			return nil, err
		}
	}
}

// Round computes the sums that growth event e on m waits for; ok is false once
// the event is decided.
func (l Local) Round(ctx context.Context, m *nn.Model, e *growth.Event, info growth.EventInfo) (sums proto.Sums, ok bool, err error) {
	req, s, ok := e.Next()
	if !ok {
		return proto.Sums{}, false, nil
	}
	order := proto.Order{Split: "train", Stream: "growth", Seed: info.Seed, Index: info.Number, Held: uint64(info.HeldOut)}
	spec := proto.RoundSpec{Kind: proto.Growth, Order: order, Offset: uint64(s.Offset), Count: uint64(s.Count), Augment: l.Augment}
	sums, err = l.compute(ctx, m, spec, req)
	return sums, true, err
}

func (l Local) compute(ctx context.Context, m *nn.Model, spec proto.RoundSpec, req *measure.Request) (proto.Sums, error) {
	spec.MicroShard = uint32(l.MicroShard)
	return l.Rounds().Sums(ctx, m, spec, Beside{Request: req})
}

// Rounds computes rounds one after the other and keeps what the next one can use.
type Rounds struct {
	crew    *crew
	network *network // network of the round before
	params  []float32
}

// Rounds returns no rounds yet.
func (l Local) Rounds() *Rounds {
	threads := l.Threads
	if threads == 0 {
		threads = quota.CPUs()
	}
	return &Rounds{crew: newCrew(l.Samples, threads)}
}

// Beside is what a round follows from beside weights and samples: the request of a growth
// round or of what rides along with a gradient round, and the plan of one of local steps. Both
// are nil for others.
type Beside struct {
	Request *measure.Request
	Plan    *local.Plan
}

// Sums returns the sums of a whole round with the weights of m, rounded as the round says. They may go back with
// Release.
func (r *Rounds) Sums(ctx context.Context, m *nn.Model, spec proto.RoundSpec, beside Beside) (proto.Sums, error) {
	req := beside.Request
	if r.network == nil || r.network.graph != m.Graph || r.network.shard != int(spec.MicroShard) {
		n, err := compile(m.Graph, int(spec.MicroShard))
		if err != nil {
			return proto.Sums{}, err
		}
		r.network = n
	}
	if spec.Kind == proto.Local {
		if err := beside.Plan.Check(m.Graph, int(spec.Local.Steps)); err != nil {
			return proto.Sums{}, err
		}
	}
	params := m.Params
	if spec.Wire.Half() {
		r.params = sized(r.params, len(params))
		params = r.params
		roundWeights(spec.Wire).Round(params, m.Params)
	}
	j := &job{spec: spec, version: &version{network: r.network, params: params, buffers: m.Buffers}, plan: beside.Plan}
	switch {
	case req == nil:
	case spec.Kind != proto.Growth:
		ride, err := r.network.rideAlong(req)
		if err != nil {
			return proto.Sums{}, err
		}
		j.ride = ride
	default:
		g, err := measure.NewJob(m.Graph, req, int(spec.MicroShard))
		if err != nil {
			return proto.Sums{}, err
		}
		j.growth = g
	}
	return r.crew.compute(ctx, j, proto.Root(spec.MicroShards()), 0)
}

// rideAlong returns what rides along with a gradient round, the last one if it is the same.
func (n *network) rideAlong(req *measure.Request) (*measure.Ride, error) {
	data, err := proto.MarshalBlob(req)
	if err != nil {
		return nil, err
	}
	if n.ride == nil || n.ride.digest != proto.DigestOf(data) {
		r, err := measure.NewRide(n.graph, req, n.shard)
		if err != nil {
			return nil, err
		}
		n.ride = &ride{Ride: r, digest: proto.DigestOf(data)}
	}
	return n.ride.Ride, nil
}

// Release gives the memory of sums back.
func (r *Rounds) Release(s proto.Sums) { r.crew.sums.put(s) }
