package worker

import (
	"context"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
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
	if c := spec.Shares; c != nil && c.Cuts[len(c.Cuts)-1] != uint64(n.graph.NumParams()) {
		return nil, fmt.Errorf("round %d cuts %d parameters, the architecture has %d", spec.Round, c.Cuts[len(c.Cuts)-1],
			n.graph.NumParams())
	}
	if s.version == nil || s.weights != spec.Weights.Key || s.version.network != n {
		if want := weightBytes(n.graph, spec.Wire); spec.Weights.Size != want {
			return nil, fmt.Errorf("weights of round %d have %d bytes, the architecture needs %d", spec.Round, spec.Weights.Size, want)
		}
		in, err := s.blobs.weights(ctx, spec.Weights)
		if err != nil {
			return nil, err
		}
		if s.version != nil {
			s.blobs.recycle(s.version.from)
		}
		s.version = s.versionOf(in, n, spec.Wire)
		s.weights = spec.Weights.Key
		s.job = nil
	}
	switch {
	case spec.Kind == proto.Gradient, spec.Kind == proto.Local:
		return s.gradientOf(ctx, spec, n)
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

// weightBytes returns how many bytes the weights of a round have.
func weightBytes(g *nn.Graph, w proto.Wire) int64 {
	if w.Half() {
		return int64(2 * g.NumParams())
	}
	return int64(4 * (g.NumParams() + g.NumBuffers()))
}

// versionOf returns the version that has come. What a coordinator in this process lends is
// unpacked.
func (s *session) versionOf(in *incoming, n *network, w proto.Wire) *version {
	params := n.graph.NumParams()
	values := in.values
	if w.Half() && in.done == nil {
		s.params = sized(s.params, params)
		roundWeights(w).Unpack(s.params, proto.Halves(in.values)[:params])
		values = s.params
	}
	return &version{network: n, from: in, params: values[:params:params], buffers: values[params:]}
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

// gradientOf returns the job of a gradient round or of one of local steps.
func (s *session) gradientOf(ctx context.Context, spec proto.RoundSpec, n *network) (*job, error) {
	j := &job{spec: spec, version: s.version}
	if spec.Request.Key != "" {
		r, err := s.rideOf(ctx, spec, n)
		if err != nil {
			return nil, err
		}
		j.ride, j.request = r.Ride, r.digest
	}
	if spec.Kind == proto.Local {
		p, err := s.planOf(ctx, spec, n)
		if err != nil {
			return nil, err
		}
		j.plan = p
	}
	return j, nil
}

// planOf returns the plan of a round of local steps, the last one if it is the same.
func (s *session) planOf(ctx context.Context, spec proto.RoundSpec, n *network) (*local.Plan, error) {
	if s.plan != nil && s.planKey == spec.Local.Plan.Key {
		return s.plan, nil
	}
	if size := spec.Local.Plan.Size; size > local.MaxPlan {
		return nil, fmt.Errorf("plan of round %d has %d bytes, at most %d", spec.Round, size, local.MaxPlan)
	}
	data, err := s.blobs.bytes(ctx, spec.Local.Plan)
	if err != nil {
		return nil, err
	}
	p, err := local.Parse(data)
	if err == nil {
		err = p.Check(n.graph, int(spec.Local.Steps))
	}
	if err != nil {
		return nil, fmt.Errorf("round %d: %w", spec.Round, err)
	}
	s.plan, s.planKey = p, spec.Local.Plan.Key
	return p, nil
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
