package proto

import (
	"errors"
	"fmt"
)

// LocalSpec says what a round of local steps is: each of Replicas replicas of the network
// takes Steps steps of its own. The leaves of the round's tree are then replicas, not
// micro-shards. Of the Count / Steps samples of each step replica r computes the r-th of
// equal parts, in micro-shards as ever.
type LocalSpec struct {
	Replicas uint32 `msgpack:"replicas"`
	Steps    uint32 `msgpack:"steps"`
	// Update is the number of the round among those of local steps of the run, by
	// which it is known what rides along with the first step.
	Update uint64  `msgpack:"update"`
	Plan   BlobRef `msgpack:"plan"` // optimizer and rates, JSON
}

// Limits of rounds of local steps.
const (
	MaxReplicas   = 4096
	MaxLocalSteps = 1 << 16
)

// zero reports whether s is of no round.
func (s LocalSpec) zero() bool { return s == LocalSpec{} }

func (r *RoundSpec) checkLocal() error {
	if r.Kind != Local {
		if !r.Local.zero() {
			return fmt.Errorf("a round of kind %.40q has no local steps", string(r.Kind))
		}
		return nil
	}
	l := r.Local
	if err := errors.Join(within("replicas", int(l.Replicas), bounds{1, MaxReplicas}),
		within("local steps", int(l.Steps), bounds{1, MaxLocalSteps}), l.Plan.check()); err != nil {
		return err
	}
	if r.Count%(uint64(l.Replicas)*uint64(l.Steps)) != 0 {
		return fmt.Errorf("%d samples are no whole number for each of %d replicas in %d steps", r.Count, l.Replicas, l.Steps)
	}
	return nil
}

// Leaf returns what a leaf of the round's tree is: so many micro-shards that can be computed at
// once, so many times one after the other.
func (r *RoundSpec) Leaf() (shards, steps uint32) {
	if r.Kind != Local {
		return 1, 1
	}
	step, _ := r.LocalStep(0, 0)
	return step.MicroShards(), r.Local.Steps
}

// LocalStep returns the gradient round that step i of a replica is, over its part of
// the samples, and the number of its first micro-shard among those of all replicas.
func (r *RoundSpec) LocalStep(replica, i uint32) (step RoundSpec, first uint64) {
	batch := r.Count / uint64(r.Local.Steps)
	step = *r
	step.Kind, step.Step, step.Count = Gradient, r.Step+Step(i), batch/uint64(r.Local.Replicas)
	step.Local, step.Halves = LocalSpec{}, false
	step.Offset = r.Offset + uint64(i)*batch + uint64(replica)*step.Count
	return step, uint64(replica) * uint64(step.MicroShards())
}
