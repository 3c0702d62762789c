package worker

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
)

// ownStep is what one step of a replica has that a gradient round has not.
type ownStep struct {
	first  uint64 // number of its first micro-shard among those of all replicas
	update uint64 // see proto.LocalSpec
}

// replicas returns the sums over the replicas of block b, on so many threads. Where those are more
// than a replica has micro-shards, teams of them compute a replica each.
func (c *crew) replicas(ctx context.Context, j *job, b proto.Block, threads int) (proto.Sums, error) {
	shards, _ := j.spec.Leaf()
	teams := c.split(threads, max(1, min(threads/int(shards), int(b.Len()))))
	return c.fold(ctx, j, b, len(teams), func(ctx context.Context, team int, i uint32, s proto.Sums) error {
		return teams[team].steps(ctx, j, i, s)
	})
}

// split cuts the first threads of the hands into n teams of about equal size.
func (c *crew) split(threads, n int) []*crew {
	for len(c.teams) < n {
		c.teams = append(c.teams, &crew{samples: c.samples, network: c.network})
	}
	for i, team := range c.teams[:n] {
		team.hands = c.hands[i*threads/n : (i+1)*threads/n]
	}
	return c.teams[:n]
}

// steps overwrites s with what the steps of replica i led to. What rides along does so with the
// first one, of which all replicas have the same weights.
func (c *crew) steps(ctx context.Context, j *job, i uint32, s proto.Sums) error {
	v := j.version
	replica := local.NewReplica(j.plan, v.network.graph, v.params, c.each)
	for step := range j.spec.Local.Steps {
		spec, first := j.spec.LocalStep(i, step)
		one := &job{spec: spec, version: &version{network: v.network, params: replica.Params, buffers: v.buffers},
			replica: &ownStep{first, j.spec.Local.Update}}
		if step == 0 {
			one.ride = j.ride
		}
		sums, err := c.compute(ctx, one, proto.Root(spec.MicroShards()), len(c.hands))
		if err != nil {
			return err
		}
		replica.Step(sums.F32, sums.F64)
		if one.ride != nil {
			n := len(s.F64) - one.ride.Len(one.update())
			copy(s.F64[n:], sums.F64[n:])
		}
		c.sums.put(sums)
	}
	replica.Put(s.F32, s.F64, v.params)
	return nil
}

// each calls f for all 0 <= i < n, on the threads of the crew.
func (c *crew) each(n int, f func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, len(c.hands)) - 1 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
		f(i)
	}
	wg.Wait()
}
