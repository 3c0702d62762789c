package trainer

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Trainer is a run between two rounds.
type Trainer struct {
	set     Settings
	horizon horizon
	model   *nn.Model
	opt     *optim.Optimizer
	at      Progress

	event     *growth.Event // in progress, awaiting sums
	eventSums int           // how many
}

// Progress is where a trainer stands, apart from model and optimizer. It is
// written into checkpoints.
type Progress struct {
	Step uint64 `json:"step"`
	// Evaluated says that the weights of this step were evaluated, Considered
	// that growth was, if due.
	Evaluated  bool           `json:"evaluated"`
	Considered bool           `json:"considered"`
	Growth     growth.History `json:"growth"`
	// Epoch sums the steps of the epoch at hand, LastEpoch is the one before.
	Epoch     Tally `json:"epoch"`
	LastEpoch Tally `json:"last_epoch"`
	// Test is the last evaluation.
	Test        Tally `json:"test"`
	StartParams int   `json:"start_params"`
	// Newborn follows the neurons of the last event, nil if it grew none or
	// they were followed long enough.
	Newborn *growth.Watch `json:"newborn,omitempty"`
}

// Tally is a sum of metrics over samples.
type Tally struct {
	Samples float64 `json:"samples"`
	Loss    float64 `json:"loss"`
	Correct float64 `json:"correct"`
}

func tally(f64 []float64) Tally { return Tally{f64[0], f64[1], f64[2]} }

func (t *Tally) add(u Tally) {
	t.Samples += u.Samples
	t.Loss += u.Loss
	t.Correct += u.Correct
}

// MeanLoss and Accuracy are 0 for no samples.
func (t Tally) MeanLoss() float64 { return t.Loss / max(t.Samples, 1) }
func (t Tally) Accuracy() float64 { return t.Correct / max(t.Samples, 1) }

// Settings are the parts of a run's configuration that decide its result.
type Settings struct {
	Train     Config
	Optimizer optim.Config
	Growth    growth.Config
	Data      Data
}

// horizon checks the settings and counts them in steps.
func (s Settings) horizon() (horizon, error) {
	if err := errors.Join(s.Train.Validate(), s.Optimizer.Validate(), s.Growth.Validate()); err != nil {
		return horizon{}, err
	}
	return newHorizon(s.Train, s.Data)
}

// New returns a trainer at the start of a run; it keeps m, which must be valid.
func New(s Settings, m *nn.Model) (*Trainer, error) {
	h, err := s.horizon()
	if err != nil {
		return nil, err
	}
	return &Trainer{set: s, horizon: h, model: m, opt: optim.New(s.Optimizer, len(m.Params)),
		at: Progress{StartParams: len(m.Params)}}, nil
}

// Restore returns a trainer in the middle of a run; it keeps m and slots.
func Restore(s Settings, m *nn.Model, slots []optim.Slot, updates uint64, at Progress) (*Trainer, error) {
	h, err := s.horizon()
	if err != nil {
		return nil, err
	}
	opt, err := optim.Restore(s.Optimizer, len(m.Params), updates, slots)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: %w", err)
	}
	return &Trainer{set: s, horizon: h, model: m, opt: opt, at: at}, nil
}

// Model returns the model at hand; it changes with Apply and must not be
// changed by others.
func (t *Trainer) Model() *nn.Model { return t.model }

// Optimizer returns the optimizer at hand.
func (t *Trainer) Optimizer() *optim.Optimizer { return t.opt }

// Progress returns where the trainer stands. A growth event in progress is
// left out: a restored trainer runs it again from its start.
func (t *Trainer) Progress() Progress { return t.at }

// Step returns the number of updates made, Steps that of the whole run.
func (t *Trainer) Step() proto.Step { return proto.Step(t.at.Step) }

// Steps returns the number of updates of the whole run.
func (t *Trainer) Steps() uint64 { return t.horizon.total }

// Epochs returns how often the run goes through the training samples.
func (t *Trainer) Epochs() float64 { return float64(t.horizon.total) / float64(t.horizon.perEpoch) }

// Generation returns the version of the architecture.
func (t *Trainer) Generation() proto.Generation { return proto.Generation(t.model.Graph.Generation) }

// Digest returns the digest of architecture, weights and optimizer state.
func (t *Trainer) Digest() Digest { return digest(t.model, t.opt) }

// TrainLoss returns the mean training loss over the epoch at hand, or, at its
// very start, over the one before.
func (t *Trainer) TrainLoss() float64 {
	if t.at.Epoch.Samples > 0 {
		return t.at.Epoch.MeanLoss()
	}
	return t.at.LastEpoch.MeanLoss()
}

func (t *Trainer) epoch() float64 { return float64(t.at.Step) / float64(t.horizon.perEpoch) }

func (t *Trainer) done() bool { return t.at.Step >= t.horizon.total }

// evalDue reports whether the weights of this step are to be evaluated.
func (t *Trainer) evalDue() bool {
	every := t.horizon.evalEvery
	return t.set.Data.Test > 0 && (t.done() || every > 0 && t.at.Step > 0 && t.at.Step%every == 0)
}

// Begin must be called once, before the first Next. A growth event that is
// decided without a round of its own is in what it returns.
func (t *Trainer) Begin() (Applied, error) {
	var a Applied
	err := t.settle(&a)
	return a, err
}

// Next returns the round to run, the same one until Apply; ok is false at the
// end of the run.
func (t *Trainer) Next() (r Round, ok bool) {
	r.Generation, r.Step, r.MicroShard = t.Generation(), t.Step(), uint32(t.set.Train.MicroShard)
	switch {
	case t.evalDue() && !t.at.Evaluated:
		r.Kind, r.Order = proto.Evaluate, proto.Order{Split: "test", Stream: "sequential"}
		r.Count, r.F64 = uint64(t.set.Data.Test), metricsLen
	case t.done():
		return Round{}, false
	case t.event != nil:
		req, samples, _ := t.event.Next()
		r.Kind, r.Request = proto.Growth, req
		r.Order = proto.Order{Split: "train", Stream: "growth", Seed: t.set.Train.Seed, Index: t.eventNumber()}
		r.Offset, r.Count, r.Augment, r.F64 = uint64(samples.Offset), uint64(samples.Count), t.set.Train.Augment, t.eventSums
	default:
		r.Kind = proto.Gradient
		batch := uint64(t.set.Train.Batch)
		r.Order = proto.Order{Split: "train", Stream: "epoch", Seed: t.set.Train.Seed, Index: t.at.Step / t.horizon.perEpoch}
		r.Offset, r.Count, r.Augment = t.at.Step%t.horizon.perEpoch*batch, batch, t.set.Train.Augment
		r.F32, r.F64 = len(t.model.Params), metricsLen+momentsLen(t.model.Graph)
	}
	return r, true
}

// Apply takes the reduced sums of the round that Next returned; it reads them
// only. Its error ends the run.
func (t *Trainer) Apply(s proto.Sums) (Applied, error) {
	r, ok := t.Next()
	if !ok {
		panic("trainer: sums after the end of the run")
	}
	if len(s.F32) != r.F32 || len(s.F64) != r.F64 {
		return Applied{}, fmt.Errorf("sums of the %s round of step %d: %d and %d values, want %d and %d", r.Kind, r.Step, len(s.F32), len(s.F64), r.F32, r.F64)
	}
	m := tally(s.F64)
	if m.Samples != float64(r.Count) {
		return Applied{}, fmt.Errorf("sums of the %s round of step %d: over %v samples, want %d", r.Kind, r.Step, m.Samples, r.Count)
	}
	var a Applied
	switch r.Kind {
	case proto.Growth:
		if err := t.event.Feed(s.F64); err != nil {
			return Applied{}, err
		}
	default:
		if math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0) {
			if r.Step == 0 {
				return Applied{}, fmt.Errorf("%w before its first step: the loss of fresh weights is %v: look for pixels or targets that are no numbers (tinygrow data verify)", ErrDiverged, m.Loss)
			}
			return Applied{}, fmt.Errorf("%w: the loss of step %d is %v: lower the learning rate (--lr) or add warm-up", ErrDiverged, r.Step, m.Loss)
		}
		if r.Kind == proto.Evaluate {
			a.Eval = t.evaluated(m)
		} else {
			t.follow(s, m)
			a.Step = t.updated(s, m)
			a.Health = t.followed(t.set.Growth.Follow)
		}
	}
	err := t.settle(&a)
	return a, err
}

func (t *Trainer) evaluated(m Tally) *EvalRecord {
	t.at.Evaluated, t.at.Test = true, m
	return &EvalRecord{Kind: "evaluation", Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(),
		Params: len(t.model.Params), Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy()}
}

func (t *Trainer) updated(s proto.Sums, m Tally) *StepRecord {
	lr := optim.LR(t.set.Optimizer, t.at.Step, t.horizon.total, float64(t.horizon.perEpoch))
	nn.UpdateRunning(t.model.Graph, t.model.Buffers, s.F64[metricsLen:])
	d := update(t.model, t.opt, s.F32, float32(1/m.Samples), lr)
	t.at.Epoch.add(m)
	t.at.Step++
	t.at.Evaluated, t.at.Considered = false, false
	rec := &StepRecord{Kind: "step", Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(), Params: len(t.model.Params),
		Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy(), LR: lr, Digest: d.String()}
	if t.at.Step%t.horizon.perEpoch == 0 {
		t.at.LastEpoch, t.at.Epoch = t.at.Epoch, Tally{}
	}
	return rec
}

// metricsLen is the number of metrics in front of the moments.
const metricsLen = 3

// momentsLen returns the length of a graph's batch-norm moments.
func momentsLen(g *nn.Graph) int {
	n := 0
	for _, e := range g.BufferEntries() {
		if e.Role == nn.RoleRunningMean {
			n += 2*e.Len() + 1
		}
	}
	return n
}
