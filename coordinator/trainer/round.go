package trainer

import (
	"errors"

	"github.com/tinygrow/tinygrow/growth/measure"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
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
	// Plan is what the replicas of a round of local steps are told, Moved the sum of its rates.
	Plan  *local.Plan
	Moved float64
	// Lengths are those of the sums.
	proto.Lengths
}

// ErrDiverged is returned when the loss is not a number any more.
var ErrDiverged = errors.New("training diverged")

// Applied says what a round's sums led to, in this order.
type Applied struct {
	Init   *InitRecord          `json:",omitempty"` // after an iteration of learning first weights
	Step   *StepRecord          // after a gradient round
	Health *growth.HealthRecord // set once the neurons of an event have been followed long enough
	Eval   *EvalRecord          // after an evaluation
	// Restored is set behind the evaluation after which the run went back to its best network.
	Restored *RestoredRecord `json:",omitempty"`
	Growth   *growth.Record  // after the last round of a growth event: a line of the journal
	Grown    *GrownRecord    // set together with Growth
}

// NewWeights reports whether model or optimizer changed.
func (a Applied) NewWeights() bool {
	return a.Step != nil || a.Grown != nil && a.Grown.Grown || a.Init != nil && a.Init.Done
}

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
	Metric     string           `json:"-"` // what Accuracy is, as in EvalRecord, which alone is written down
	LR         float64          `json:"lr"`
	Compared
	Digest string `json:"digest"` // covers architecture, weights and optimizer state after the update
	// Steps is how many steps each replica took, whose losses the loss is the mean of
	// and of whose last LR is the rate; 0: one step, with no replicas.
	Steps int `json:"steps,omitempty"`
}

// Passed reports whether the update made a step of a number that can be divided by every.
func (r *StepRecord) Passed(every uint64) bool {
	return uint64(r.Step)/every != (uint64(r.Step)-uint64(max(r.Steps, 1)))/every
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
	// Metric says what Accuracy is where samples have no classes (nn.Task.Metric).
	Metric string `json:"metric,omitempty"`
	Flips  *Flips `json:"flips,omitempty"`
	// Kept is the part of the weights of layers that masks keep, where there are some.
	Kept float64 `json:"kept,omitempty"`
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
