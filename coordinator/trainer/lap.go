package trainer

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Lap is the epoch at hand. All its steps have the same batch; the rest of its
// order that fills no batch is left out.
type Lap struct {
	Epoch uint64 `json:"epoch"` // from 0
	Began uint64 `json:"began"` // steps made before it
	Batch int    `json:"batch"` // samples of a step
}

// first returns the first epoch of a run.
func (s Settings) first() Lap { return Lap{Batch: s.Train.Batch} }

// next returns the epoch that begins after so many steps with so many parameters.
func (s Settings) next(l Lap, step uint64, params, start int) Lap {
	next := Lap{l.Epoch + 1, step, s.Train.Batch}
	if c := s.Train; c.GrowBatch {
		most := s.train()
		if c.MaxBatch > 0 {
			most = min(most, c.MaxBatch)
		}
		shards := math.Round(float64(c.Batch) * math.Sqrt(float64(params)/math.Max(float64(start), 1)) / float64(c.MicroShard))
		next.Batch = max(c.Batch, min(portable.Int(math.Min(shards, 1<<20))*c.MicroShard, most/c.MicroShard*c.MicroShard))
	}
	return next
}

// check returns why a lap cannot be of these settings, after so many steps.
func (s Settings) check(l Lap, step uint64) error {
	if l.Batch < 1 || l.Batch > s.train() || l.Began > step || step-l.Began >= s.perEpoch(l) {
		return fmt.Errorf("batch %d, epoch %d from step %d on, at step %d of a data set of %d samples", l.Batch, l.Epoch, l.Began, step, s.train())
	}
	return nil
}

// perEpoch returns the number of steps of an epoch.
func (s Settings) perEpoch(l Lap) uint64 { return uint64(s.train() / l.Batch) }

// epochs returns how many epochs have been made.
func (s Settings) epochs(l Lap, step uint64) float64 {
	return float64(l.Epoch) + (float64(step)-float64(l.Began))/float64(s.perEpoch(l))
}

// steps returns the number of steps of the run if its batch stays.
func (s Settings) steps(l Lap) uint64 {
	if s.Train.Steps > 0 {
		return s.Train.Steps
	}
	left := math.Max(s.Train.Epochs-float64(l.Epoch), 0)
	return max(l.Began+uint64(portable.Int(math.Round(left*float64(s.perEpoch(l))))), 1)
}

// evalEvery returns the number of steps between two evaluations; 0 for one at the end.
func (s Settings) evalEvery(l Lap) uint64 {
	if s.Train.EvalEpochs == 0 {
		return 0
	}
	return max(uint64(portable.Int(math.Round(s.Train.EvalEpochs*float64(s.perEpoch(l))))), 1)
}
