package worker

import (
	"context"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/worker/quota"
)

// prepare gets together all that a round needs: architecture, weights and
// growth request, each kept from the round before where it is the same.
func (s *session) prepare(ctx context.Context, spec proto.RoundSpec) (*job, error) {
	n, err := s.networkOf(ctx, spec)
	if err != nil {
		return nil, err
	}
	if err := s.crew.samples.Fits(spec.Order, n.graph); err != nil {
		return nil, fmt.Errorf("round %d: %w", spec.Round, err)
	}
	if s.version == nil || s.weights != spec.Weights.Key || s.version.network != n {
		if want := int64(4 * (n.graph.NumParams() + n.graph.NumBuffers())); spec.Weights.Size != want {
			return nil, fmt.Errorf("weights of round %d have %d bytes, the architecture needs %d", spec.Round, spec.Weights.Size, want)
		}
		in, err := s.blobs.weights(ctx, spec.Weights)
		if err != nil {
			return nil, err
		}
		if s.version != nil {
			s.blobs.recycle(s.version.from)
		}
		params := n.graph.NumParams()
		s.version = &version{network: n, from: in, params: in.values[:params:params], buffers: in.values[params:]}
		s.weights = spec.Weights.Key
		s.job = nil
	}
	switch {
	case spec.Kind == proto.Gradient && spec.Request.Key != "":
		r, err := s.rideOf(ctx, spec, n)
		if err != nil {
			return nil, err
		}
		return &job{spec: spec, version: s.version, ride: r.Ride, request: r.digest}, nil
	case spec.Kind != proto.Growth:
		return &job{spec: spec, version: s.version}, nil
	}
	if s.job == nil || s.request != spec.Request.Key {
		j, err := s.growthOf(ctx, spec)
		if err != nil {
			return nil, err
		}
		s.job, s.request = j, spec.Request.Key
	}
	return &job{spec: spec, version: s.version, growth: s.job.growth, request: s.job.request}, nil
}

func (s *session) networkOf(ctx context.Context, spec proto.RoundSpec) (*network, error) {
	n, ok := s.networks[spec.Graph.Key]
	if ok && n.shard == int(spec.MicroShard) {
		return n, nil
	}
	data, err := s.blobs.bytes(ctx, spec.Graph)
	if err != nil {
		return nil, err
	}
	g, err := nn.ParseGraph(data)
	if err != nil {
		return nil, fmt.Errorf("round %d: %w", spec.Round, err)
	}
	if g.Generation != uint64(spec.Generation) {
		return nil, fmt.Errorf("round %d is of generation %d, its architecture of %d", spec.Round, spec.Generation, g.Generation)
	}
	if err := fits(g, int(spec.MicroShard), memory()); err != nil {
		return nil, fmt.Errorf("round %d: %w", spec.Round, err)
	}
	if n, err = compile(g, int(spec.MicroShard)); err != nil {
		return nil, fmt.Errorf("round %d: %w", spec.Round, err)
	}
	n.digest = proto.DigestOf(data)
	s.networks = map[string]*network{spec.Graph.Key: n}
	return n, nil
}

// memory is how many bytes this process may take.
func memory() int64 {
	if m := quota.Room(); m > 0 {
		return m
	}
	return math.MaxInt64
}

// fits refuses a network of which not even the outputs of one micro-shard have
// room in memory.
func fits(g *nn.Graph, shard int, memory int64) error {
	shapes, err := g.Shapes()
	if err != nil {
		return err
	}
	need := 0.0
	for _, s := range shapes {
		need += float64(4 * float64(shard) * float64(s.C) * float64(s.H) * float64(s.W))
	}
	if need > float64(memory) {
		return fmt.Errorf("a micro-shard of %d samples takes %.0f MiB, this worker has %d MiB: set train.microshard lower",
			shard, need/(1<<20), memory>>20)
	}
	return nil
}

// rideOf returns what rides along with a gradient round, the last one if it is the same.
func (s *session) rideOf(ctx context.Context, spec proto.RoundSpec, n *network) (*ride, error) {
	if n.ride != nil && n.ride.key == spec.Request.Key {
		return n.ride, nil
	}
	req, digest, err := s.requestOf(ctx, spec)
	if err != nil {
		return nil, err
	}
	r, err := measure.NewRide(n.graph, req, n.shard)
	if err != nil {
		return nil, fmt.Errorf("growth request of round %d: %w", spec.Round, err)
	}
	n.ride = &ride{r, spec.Request.Key, digest}
	return n.ride, nil
}

// requestOf fetches the growth request of a round.
func (s *session) requestOf(ctx context.Context, spec proto.RoundSpec) (*measure.Request, proto.Digest, error) {
	data, err := s.blobs.bytes(ctx, spec.Request)
	if err != nil {
		return nil, proto.Digest{}, err
	}
	req := new(measure.Request)
	if err := proto.UnmarshalBlob(data, req); err != nil {
		return nil, proto.Digest{}, fmt.Errorf("growth request of round %d: %w", spec.Round, err)
	}
	return req, proto.DigestOf(data), nil
}

func (s *session) growthOf(ctx context.Context, spec proto.RoundSpec) (*job, error) {
	req, digest, err := s.requestOf(ctx, spec)
	if err != nil {
		return nil, err
	}
	j, err := measure.NewJob(s.version.network.graph, req, int(spec.MicroShard))
	if err != nil {
		return nil, fmt.Errorf("growth request of round %d: %w", spec.Round, err)
	}
	return &job{version: s.version, growth: j, request: digest}, nil
}
