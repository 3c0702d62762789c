package trainer

import (
	"errors"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
)

// Round is one distributed computation: all of proto.RoundSpec but its number
// and the references to what is sent beside it.
type Round struct {
	proto.RoundSpec
	// Request is that of growth rounds, and of what rides along with a gradient round:
	// statistics of Riding, with S if Metric is set.
	Request *measure.Request
	Riding  []measure.RidingSite
	Metric  bool
	// Lengths are those of the sums.
	proto.Lengths
}

// ErrDiverged is returned when the loss is not a number any more.
var ErrDiverged = errors.New("training diverged")

// Applied says what a round's sums led to, in this order.
type Applied struct {
	Step   *StepRecord          // after a gradient round
	Health *growth.HealthRecord // set once the neurons of an event have been followed long enough
	Eval   *EvalRecord          // after an evaluation
	Growth *growth.Record       // after the last round of a growth event: a line of the journal
	Grown  *GrownRecord         // set together with Growth
}

// NewWeights reports whether model or optimizer changed.
func (a Applied) NewWeights() bool { return a.Step != nil || a.Grown != nil && a.Grown.Grown }

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
	Digest     string           `json:"digest"` // covers architecture, weights and optimizer state after the update
}

// EvalRecord is what one evaluation is remembered by: a line of the metrics.
type EvalRecord struct {
	Kind       string           `json:"kind"`  // evaluation
	Split      string           `json:"split"` // validation or test
	Step       proto.Step       `json:"step"`
	Epoch      float64          `json:"epoch"`
	Generation proto.Generation `json:"generation"`
	Params     int              `json:"params"`
	Samples    int              `json:"samples"`
	Loss       float64          `json:"loss"`
	Accuracy   float64          `json:"accuracy"`
	Flips      *Flips           `json:"flips,omitempty"`
}

// Flips is an evaluation by the mean of the outputs for a picture and its mirror image.
type Flips struct {
	Loss     float64 `json:"loss"`
	Accuracy float64 `json:"accuracy"`
}

// GrownRecord is what one growth event is remembered by: a line of the
// metrics. All that led to it is in the journal.
type GrownRecord struct {
	Kind       string           `json:"kind"` // growth
	Step       proto.Step       `json:"step"`
	Generation proto.Generation `json:"generation"` // after the event
	Params     int              `json:"params"`
	Grown      bool             `json:"grown"`
	Why        string           `json:"why"`
	Digest     string           `json:"digest"`
}
