package view

import (
	"slices"

	"github.com/tinygrow/tinygrow/coordinator/checkpoint"
	"github.com/tinygrow/tinygrow/proto"
)

// Keeping says which checkpoints of a run are worth their room. The newest always is.
type Keeping struct {
	Last   int  // so many of the newest
	Best   bool // keep that of the best evaluation
	Growth bool // keep, for every growth event that grew, the newest one before it
}

// Keep returns the steps of the checkpoints that are there and are to be kept, ascending.
func (r *Run) Keep(k Keeping) ([]proto.Step, error) {
	steps, err := checkpoint.Steps(r.dir)
	if err != nil {
		return nil, err
	}
	kept := slices.Clone(steps[max(0, len(steps)-max(k.Last, 1)):])
	if k.Best {
		kept = append(kept, r.bestOf(steps)...)
	}
	if k.Growth {
		for i := range r.events {
			e := &r.events[i]
			if at, there := slices.BinarySearch(steps, proto.Step(e.Step)); len(e.Grown) > 0 && (there || at > 0) {
				if !there {
					at--
				}
				kept = append(kept, steps[at])
			}
		}
	}
	slices.Sort(kept)
	return slices.Compact(kept), nil
}

// bestOf returns the step, of those given, of the most accurate evaluation, the first
// of equals: on validation samples if there are any. It is nothing where none was evaluated.
func (r *Run) bestOf(steps []proto.Step) []proto.Step {
	split := "test"
	if slices.ContainsFunc(r.evaluations, func(e Evaluation) bool { return e.Split == "validation" }) {
		split = "validation"
	}
	best := -1
	for i, e := range r.evaluations {
		if _, there := slices.BinarySearch(steps, proto.Step(e.Step)); !there || e.Split != split {
			continue
		}
		if best < 0 || e.Accuracy > r.evaluations[best].Accuracy {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	return []proto.Step{proto.Step(r.evaluations[best].Step)}
}
