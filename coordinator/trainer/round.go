package trainer

import (
	"errors"

	"github.com/tinygrow/tinygrow/proto"
)

// Kind is what a round computes.
type Kind string

// The kinds of rounds.
const (
	Gradient Kind = "gradient" // F32: gradient; F64: samples, losses, correct, batch-norm moments
	Evaluate Kind = "evaluate" // F64: samples, losses, correct
	Grow     Kind = "growth"   // F64: what the growth request asks for
)

// Samples names the samples of a round: Count positions from Offset on in an
// order that is a function of the rest.
type Samples struct {
	Split   string // train or test
	Stream  string // epoch, growth or sequential
	Seed    uint64
	Index   uint64 // number of the epoch or of the growth event
	Offset  uint64
	Count   uint64
	Augment bool
}

// Round is one distributed computation.
type Round struct {
	Kind       Kind
	Generation proto.Generation
	Step       proto.Step // of the weights
	Samples    Samples
	MicroShard int
	Request    []byte // what a growth round computes, else nil
}

// MicroShards returns the number of atoms of the round.
func (r Round) MicroShards() int {
	return (int(r.Samples.Count) + r.MicroShard - 1) / r.MicroShard
}

// Sums are the reduced sums of a round.
type Sums struct {
	F32 []float32
	F64 []float64
}

// ErrDiverged is returned when the loss is not a number any more.
var ErrDiverged = errors.New("training diverged")

// StepRecord is what one update is remembered by: a line of the metrics.
type StepRecord struct {
	Kind       string           `json:"kind"` // step
	Step       proto.Step       `json:"step"` // after the update
	Epoch      float64          `json:"epoch"`
	Generation proto.Generation `json:"generation"`
	Params     int              `json:"params"`
	Samples    int              `json:"samples"`
	Loss       float64          `json:"loss"` // mean over the batch, before the update
	Accuracy   float64          `json:"accuracy"`
	LR         float64          `json:"lr"`
	Digest     string           `json:"digest"` // of architecture, weights and optimizer state after the update
}

// EvalRecord is what one evaluation is remembered by: a line of the metrics.
type EvalRecord struct {
	Kind       string           `json:"kind"` // evaluation
	Step       proto.Step       `json:"step"`
	Epoch      float64          `json:"epoch"`
	Generation proto.Generation `json:"generation"`
	Params     int              `json:"params"`
	Samples    int              `json:"samples"`
	Loss       float64          `json:"loss"`
	Accuracy   float64          `json:"accuracy"`
}
