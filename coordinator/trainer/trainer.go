package trainer

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
)

// Trainer is a run between two rounds.
type Trainer struct {
	cfg     Config
	data    Data
	horizon horizon
	model   *nn.Model
	opt     *optim.Optimizer
	at      Progress
}

// Progress is where a trainer stands, apart from model and optimizer. It is
// written into checkpoints.
type Progress struct {
	Step uint64 `json:"step"`
	// Evaluated says that the weights of this step were evaluated if due,
	// Grown that growth was considered.
	Evaluated bool `json:"evaluated"`
	Grown     bool `json:"grown"`
	// Epoch sums the steps of the epoch at hand, LastEpoch is the one before.
	Epoch     Tally `json:"epoch"`
	LastEpoch Tally `json:"last_epoch"`
	// Test is the last evaluation.
	Test        Tally `json:"test"`
	StartParams int   `json:"start_params"`
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

// New returns a trainer at the start of a run; it keeps m, which must be valid.
func New(cfg Config, o optim.Config, d Data, m *nn.Model) (*Trainer, error) {
	h, err := newHorizon(cfg, o, d)
	if err != nil {
		return nil, err
	}
	return &Trainer{cfg: cfg, data: d, horizon: h, model: m, opt: optim.New(o, len(m.Params)),
		at: Progress{StartParams: len(m.Params)}}, nil
}

// Restore returns a trainer in the middle of a run; it keeps m and slots.
func Restore(cfg Config, o optim.Config, d Data, m *nn.Model, slots []optim.Slot, updates uint64, at Progress) (*Trainer, error) {
	h, err := newHorizon(cfg, o, d)
	if err != nil {
		return nil, err
	}
	opt, err := optim.Restore(o, len(m.Params), updates, slots)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: %w", err)
	}
	return &Trainer{cfg: cfg, data: d, horizon: h, model: m, opt: opt, at: at}, nil
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
	return t.data.Test > 0 && (t.done() || every > 0 && t.at.Step > 0 && t.at.Step%every == 0)
}

// Next returns the round to run; ok is false at the end of the run. It changes nothing
// that another call does not change in the same way.
func (t *Trainer) Next() (r Round, ok bool) {
	r = Round{Generation: t.Generation(), Step: t.Step(), MicroShard: t.cfg.MicroShard}
	switch {
	case t.evalDue() && !t.at.Evaluated:
		r.Kind = Evaluate
		r.Samples = Samples{Split: "test", Stream: "sequential", Count: uint64(t.data.Test)}
	case t.done():
		return Round{}, false
	default:
		r.Kind = Gradient
		batch := uint64(t.cfg.Batch)
		r.Samples = Samples{Split: "train", Stream: "epoch", Seed: t.cfg.Seed, Index: t.at.Step / t.horizon.perEpoch,
			Offset: t.at.Step % t.horizon.perEpoch * batch, Count: batch, Augment: t.cfg.Augment}
	}
	return r, true
}

// Applied says what a round's sums led to.
type Applied struct {
	Step *StepRecord // after a gradient round
	Eval *EvalRecord // after an evaluation
}

// SumsLen returns the lengths of the sums of round r.
func (t *Trainer) SumsLen(r Round) (f32, f64 int) {
	switch r.Kind {
	case Gradient:
		return len(t.model.Params), metricsLen + momentsLen(t.model.Graph)
	default:
		return 0, metricsLen
	}
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

// Apply takes the reduced sums of the round that Next returned; it reads them
// only. Its error ends the run.
func (t *Trainer) Apply(s Sums) (Applied, error) {
	r, ok := t.Next()
	if !ok {
		panic("trainer: sums after the end of the run")
	}
	if f32, f64 := t.SumsLen(r); len(s.F32) != f32 || len(s.F64) != f64 {
		return Applied{}, fmt.Errorf("sums of the %s round of step %d: %d and %d values, want %d and %d", r.Kind, r.Step, len(s.F32), len(s.F64), f32, f64)
	}
	m := tally(s.F64)
	if m.Samples != float64(r.Samples.Count) {
		return Applied{}, fmt.Errorf("sums of the %s round of step %d: over %v samples, want %d", r.Kind, r.Step, m.Samples, r.Samples.Count)
	}
	if math.IsNaN(m.Loss) || math.IsInf(m.Loss, 0) {
		return Applied{}, fmt.Errorf("%w: the loss of step %d is %v: lower the learning rate (--lr) or add warm-up", ErrDiverged, r.Step, m.Loss)
	}
	if r.Kind == Evaluate {
		return t.evaluated(m), nil
	}
	return t.updated(s, m), nil
}

func (t *Trainer) evaluated(m Tally) Applied {
	t.at.Evaluated, t.at.Test = true, m
	return Applied{Eval: &EvalRecord{Kind: "evaluation", Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(),
		Params: len(t.model.Params), Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy()}}
}

func (t *Trainer) updated(s Sums, m Tally) Applied {
	lr := optim.LR(t.opt.Config(), t.at.Step, t.horizon.total, float64(t.horizon.perEpoch))
	nn.UpdateRunning(t.model.Graph, t.model.Buffers, s.F64[metricsLen:])
	d := update(t.model, t.opt, s.F32, float32(1/m.Samples), lr)
	t.at.Epoch.add(m)
	t.at.Step++
	t.at.Evaluated, t.at.Grown = false, false
	rec := &StepRecord{Kind: "step", Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(), Params: len(t.model.Params),
		Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy(), LR: lr, Digest: d.String()}
	if t.at.Step%t.horizon.perEpoch == 0 {
		t.at.LastEpoch, t.at.Epoch = t.at.Epoch, Tally{}
	}
	return Applied{Step: rec}
}
