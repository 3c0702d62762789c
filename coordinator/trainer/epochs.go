package trainer

import (
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Of each epoch's order the rest that fills no batch is left out.

// perEpoch returns the number of steps of an epoch.
func (s Settings) perEpoch() uint64 { return uint64(s.train() / s.Train.Batch) }

// epochOf returns the epoch, from 0, of the step that follows so many.
func (s Settings) epochOf(step uint64) uint64 { return step / s.perEpoch() }

// epochs returns how many epochs so many steps are.
func (s Settings) epochs(step uint64) float64 {
	epoch := s.epochOf(step)
	return float64(epoch) + float64(step-epoch*s.perEpoch())/float64(s.perEpoch())
}

// steps returns the number of steps of the run.
func (s Settings) steps() uint64 {
	if s.Train.Steps > 0 {
		return s.Train.Steps
	}
	return max(uint64(portable.Int(math.Round(s.Train.Epochs*float64(s.perEpoch())))), 1)
}

// evalEvery returns the number of steps between two evaluations; 0 for one at the end.
func (s Settings) evalEvery() uint64 {
	if s.Train.EvalEpochs == 0 {
		return 0
	}
	return max(uint64(portable.Int(math.Round(s.Train.EvalEpochs*float64(s.perEpoch())))), 1)
}
