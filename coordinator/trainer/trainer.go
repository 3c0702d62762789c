package trainer

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/nn"
	"github.com/tinygrow/tinygrow/tensor/optim"
	"github.com/tinygrow/tinygrow/tensor/portable"
)

// Trainer is a run between two rounds.
type Trainer struct {
	set   Settings
	model *nn.Model
	opt   *optim.Optimizer
	at    Progress
	// average is kept if the configuration says so, else nil.
	average average

	event      *growth.Event // the event in progress, which awaits sums
	eventSums  int           // how many
	eventFLOPs float64       // spent on it so far
	hashed     struct {      // what the last update took digests of
		model *nn.Model
		spans proto.Spans
	}
}

// Progress is where a trainer stands, apart from model and optimizer. It is
// written into checkpoints.
type Progress struct {
	Step uint64 `json:"step"`
	// EvalStep is the step of the last evaluation.
	EvalStep uint64 `json:"eval_step"`
	// Evaluated says that the weights of this step were evaluated, Validated that
	// they were on the validation samples, Considered that growth was, if due.
	Evaluated  bool           `json:"evaluated"`
	Validated  bool           `json:"validated,omitempty"`
	Considered bool           `json:"considered"`
	Growth     growth.History `json:"growth"`
	// FLOPs have been spent on gradients and growth events.
	FLOPs float64 `json:"flops"`
	// Averaged says that the run is over and the model the average of its weights.
	Averaged bool `json:"averaged,omitempty"`
	// Stopped says why the run ended before its last step, if it did.
	Stopped string `json:"stopped,omitempty"`
	// Epoch sums the steps of the epoch at hand, LastEpoch is the one before.
	Epoch     Tally `json:"epoch"`
	LastEpoch Tally `json:"last_epoch"`
	// Test and Validation are the last evaluations, TestStep and ValidationStep
	// those of the weights that they were made with.
	Test           Tally  `json:"test"`
	TestStep       uint64 `json:"test_step,omitempty"`
	TestFlips      *Flips `json:"test_flips,omitempty"` // set together with Test
	Validation     Tally  `json:"validation"`
	ValidationStep uint64 `json:"validation_step,omitempty"`
	StartParams    int    `json:"start_params"`
	// Newborn follows the neurons of the last event, nil if it grew none or
	// they were followed long enough.
	Newborn *growth.Watch `json:"newborn,omitempty"`
	// Riding is what rode along with gradient rounds since the last event, nil if
	// nothing does. Its sums are not in the JSON, see Values.
	Riding *growth.Window `json:"riding,omitempty"`
	// Extensions are the later ends that the run got, in their order.
	Extensions []Extension `json:"extensions,omitempty"`
}

// Tally is a sum of metrics over samples.
type Tally struct {
	Samples float64 `json:"samples"`
	Loss    float64 `json:"loss"`
	Correct float64 `json:"correct"`
}

func tally(f64 []float64) Tally {
	m := nn.MetricsOf(f64)
	return Tally{m.N, m.Loss, m.Correct}
}

func (t *Tally) add(u Tally) {
	t.Samples += u.Samples
	t.Loss += u.Loss
	t.Correct += u.Correct
}

// MeanLoss returns the loss of a sample, 0 for no samples.
func (t Tally) MeanLoss() float64 { return t.Loss / max(t.Samples, 1) }

// Accuracy returns the part of samples that are right, 0 for no samples.
func (t Tally) Accuracy() float64 { return t.Correct / max(t.Samples, 1) }

// Settings are the parts of a run's configuration that decide its result.
type Settings struct {
	Train     Config
	Optimizer optim.Config
	Growth    growth.Config
	Data      Data
}

// Validate returns all faults at once, or nil.
func (s Settings) Validate() error {
	if err := errors.Join(s.Train.Validate(), s.Optimizer.Validate(), s.Growth.Validate()); err != nil {
		return err
	}
	if held := s.Train.Validation; held > 0 && s.Train.Batch > s.train() {
		return fmt.Errorf("batch %d, %d samples held out for validation: the data set has %d training samples: lower --validation or "+
			"--batch", s.Train.Batch, held, s.Data.Train)
	}
	if s.Train.Batch > s.Data.Train {
		return fmt.Errorf("batch %d: the data set has %d training samples: lower --batch", s.Train.Batch, s.Data.Train)
	}
	return nil
}

// train returns the number of samples to train with.
func (s Settings) train() int { return s.Data.Train - s.Train.Validation }

// order returns o with the seed of this run and its number of validation samples.
func (s Settings) order(o proto.Order) proto.Order {
	o.Seed, o.Held = s.Train.Seed, uint64(s.Train.Validation)
	return o
}

// New returns a trainer at the start of a run; it keeps m, which must be valid.
func New(s Settings, m *nn.Model) (*Trainer, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	t := &Trainer{set: s, model: m, opt: optim.New(s.Optimizer, LayoutOf(m.Graph)), at: Progress{StartParams: len(m.Params)}}
	if s.Optimizer.Average > 0 {
		t.average = averageOf(m)
	}
	t.collect()
	return t, nil
}

// Restore returns a trainer in the middle of a run that began with settings s; it
// keeps m and slots, which are those of Trainer.Slots.
func Restore(s Settings, m *nn.Model, slots []optim.Slot, updates uint64, at Progress) (*Trainer, error) {
	s = s.at(at)
	if err := s.Validate(); err != nil {
		return nil, err
	}
	t := &Trainer{set: s, model: m, at: at}
	slots, err := t.takeAverage(slots)
	if err != nil {
		return nil, err
	}
	if t.opt, err = optim.Restore(s.Optimizer, LayoutOf(m.Graph), updates, slots); err != nil {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: %w", err)
	}
	if at.Riding != nil && !at.Riding.Whole() {
		return nil, fmt.Errorf("%w: their sums are missing", growth.ErrOtherWindow)
	}
	return t, nil
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

// Steps returns the number of updates of the whole run; with a budget of
// FLOPs, what it would be if the network grew no more.
func (t *Trainer) Steps() uint64 {
	if t.set.Train.MaxFLOPs == 0 {
		return t.total()
	}
	left := (t.set.Train.MaxFLOPs - t.at.FLOPs) / t.cost(uint64(t.set.Train.Batch))
	return min(t.total(), t.at.Step+uint64(portable.Int(math.Ceil(min(max(left, 0), 1<<53))))) // an empty network costs nothing
}

// Epochs returns how often the run goes through the training samples.
func (t *Trainer) Epochs() float64 { return t.set.epochs(t.Steps()) }

// Batch returns the number of samples of a step.
func (t *Trainer) Batch() int { return t.set.Train.Batch }

// total returns the number of updates of the run if no budget ends it.
func (t *Trainer) total() uint64 { return t.set.steps() }

// cost returns the FLOPs of gradients over that many samples.
func (t *Trainer) cost(samples uint64) float64 {
	return float64(passes * float64(t.model.Graph.FLOPs()) * float64(samples))
}

// passes is what a gradient costs in forward passes.
const passes = 3

// part returns how much of the run is done, from 0 to 1.
func (t *Trainer) part() float64 { return t.set.part(t.at) }

// part returns how much of a run that stands there is done, from 0 to 1.
func (s Settings) part(at Progress) float64 {
	part := float64(at.Step) / float64(s.steps())
	if s.Train.Steps == 0 {
		part = s.epochs(at.Step) / s.Train.Epochs
	}
	if s.Train.MaxFLOPs > 0 {
		part = max(part, min(at.FLOPs/s.Train.MaxFLOPs, 1))
	}
	return part
}

// schedule returns the number of steps that the learning rate is scheduled for:
// those of the run, or as many as it would have if it went on at the rate at
// which it has spent its budget so far.
func (t *Trainer) schedule() uint64 {
	part := t.part()
	if t.set.Train.MaxFLOPs == 0 || part == 0 {
		return t.total()
	}
	return uint64(portable.Int(math.Round(float64(t.at.Step) / part)))
}

// spend counts the FLOPs of samples, and ends the run when they are used up.
func (t *Trainer) spend(samples uint64) {
	t.at.FLOPs += t.cost(samples)
	if limit := t.set.Train.MaxFLOPs; limit > 0 && t.at.FLOPs >= limit && !t.done() {
		t.at.Stopped = fmt.Sprintf("its budget of %.4g FLOPs is spent", limit)
	}
}

// Generation returns the version of the architecture.
func (t *Trainer) Generation() proto.Generation { return proto.Generation(t.model.Graph.Generation) }

// Spans returns what the spans of the model's parameters are known by, if the
// last update hashed them; nil if not. The last one ends with the parameters.
func (t *Trainer) Spans() proto.Spans {
	if t.hashed.model != t.model {
		return nil
	}
	return t.hashed.spans
}

// Digest returns the digest of architecture, weights, optimizer state and average.
func (t *Trainer) Digest() Digest { return digest(t.model, t.opt, t.average) }

// Trained returns the sums over the steps of the epoch at hand, or, at its very
// start, of the one before, and which it is, from 1; of no samples before the
// first step.
func (t *Trainer) Trained() (sums Tally, epoch uint64) {
	if t.at.Epoch.Samples > 0 {
		return t.at.Epoch, t.set.epochOf(t.at.Step) + 1
	}
	return t.at.LastEpoch, t.set.epochOf(t.at.Step)
}

func (t *Trainer) epoch() float64 { return t.set.epochs(t.at.Step) }

func (t *Trainer) done() bool { return t.at.Step >= t.total() || t.at.Stopped != "" }

// evaluation returns the split that the weights of this step have still to be
// evaluated on: that of validation, then, at the end or without one, the test samples.
func (t *Trainer) evaluation() (split string, samples int, due bool) {
	held, every := t.set.Train.Validation, t.set.evalEvery()
	now := t.done() || every > 0 && t.at.Step >= t.at.EvalStep+every
	switch {
	case held > 0 && now && !t.at.Validated:
		return "validation", held, true
	case t.set.Data.Test > 0 && !t.at.Evaluated && (held == 0 && now || t.done()):
		return "test", t.set.Data.Test, true
	}
	return "", 0, false
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
	split, samples, due := t.evaluation()
	switch {
	case due:
		r.Kind, r.Order = proto.Evaluate, t.set.order(proto.Order{Split: split, Stream: "sequential"})
		r.Count, r.F64 = uint64(samples), nn.MetricsLen
		if t.set.Train.TestFlips {
			r.Augment, r.F64 = proto.Mirrored, nn.MetricsLen+nn.FlipLen
		}
	case t.done():
		return Round{}, false
	case t.event != nil:
		req, samples, _ := t.event.Next()
		r.Kind, r.Request = proto.Growth, req
		r.Order = t.set.order(proto.Order{Split: "train", Stream: "growth", Index: t.eventNumber()})
		r.Offset, r.Count, r.Augment, r.F64 = uint64(samples.Offset), uint64(samples.Count), t.set.Train.Augmentation(), t.eventSums
	default:
		r.Kind = proto.Gradient
		batch := uint64(t.set.Train.Batch)
		r.Order = t.set.order(proto.Order{Split: "train", Stream: "epoch", Index: t.set.epochOf(t.at.Step)})
		r.Offset, r.Count, r.Augment = t.at.Step%t.set.perEpoch()*batch, batch, t.set.Train.Augmentation()
		r.F32, r.F64 = len(t.model.Params), t.model.Graph.GradientSums().Len()
		if ride, ok := t.ride(); ok {
			r.Request, r.Riding, r.Metric = ride.Request(t.model.Graph), t.at.Riding.Layout(), ride.Metric()
			r.F64 += t.at.Riding.Len(ride)
		}
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
	if s.Lengths() != r.Lengths {
		return Applied{}, fmt.Errorf("sums of the %s round of step %d: %d and %d values, want %d and %d", r.Kind, r.Step, len(s.F32),
			len(s.F64), r.F32, r.F64)
	}
	m := tally(s.F64)
	if m.Samples != float64(r.Count) {
		return Applied{}, fmt.Errorf("sums of the %s round of step %d: over %v samples, want %d", r.Kind, r.Step, m.Samples, r.Count)
	}
	var a Applied
	switch r.Kind {
	case proto.Growth:
		t.eventFLOPs += t.cost(r.Count)
		if err := t.event.Feed(s.F64); err != nil {
			return Applied{}, err
		}
	default:
		if loss := m.Loss + flipsLoss(r, s.F64); math.IsNaN(loss) || math.IsInf(loss, 0) {
			if r.Step == 0 {
				return Applied{},
					fmt.Errorf("%w before its first step: the loss of fresh weights is %v: look for pixels or targets that are no "+
						"numbers (tinygrow data verify)", ErrDiverged, m.Loss)
			}
			return Applied{}, fmt.Errorf("%w: the loss of step %d is %v: lower the learning rate (--lr) or add warm-up", ErrDiverged,
				r.Step, m.Loss)
		}
		if r.Kind == proto.Evaluate {
			a.Eval = t.evaluated(r.Order.Split, m)
			if t.set.Train.TestFlips {
				if a.Eval.Flips = flipsOf(s.F64); a.Eval.Split == "test" {
					t.at.TestFlips = a.Eval.Flips
				}
			}
		} else {
			t.follow(s, m)
			t.ridden(s.F64, m.Samples)
			a.Step = t.updated(s, m)
			t.collect()
			a.Health = t.followed(t.set.Growth.Follow)
		}
	}
	err := t.settle(&a)
	return a, err
}

// flipsOf reads what an evaluation of both sides of each picture found.
func flipsOf(f64 []float64) *Flips {
	m := nn.FlipsOf(f64)
	return &Flips{m.Loss / m.N, m.Correct / m.N}
}

// flipsLoss returns the loss by both sides of each picture, 0 for other rounds.
func flipsLoss(r Round, f64 []float64) float64 {
	if r.Augment != proto.Mirrored {
		return 0
	}
	return nn.FlipsOf(f64).Loss
}

func (t *Trainer) evaluated(split string, m Tally) *EvalRecord {
	t.at.EvalStep = t.at.Step
	if split == "validation" {
		t.at.Validated, t.at.Validation, t.at.ValidationStep = true, m, t.at.Step
	} else {
		t.at.Evaluated, t.at.Test, t.at.TestStep = true, m, t.at.Step
	}
	if target := t.set.Train.TargetAccuracy; target > 0 && m.Accuracy() >= target && !t.done() {
		t.at.Stopped = fmt.Sprintf("its %s accuracy of %.4g has reached the target of %.4g", split, m.Accuracy(), target)
	}
	t.end()
	return &EvalRecord{Kind: "evaluation", Split: split, Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(),
		Params: len(t.model.Params), Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy()}
}

func (t *Trainer) updated(s proto.Sums, m Tally) *StepRecord {
	lr := optim.LR(t.set.Optimizer, t.at.Step, optim.Length{Steps: t.schedule(), PerEpoch: float64(t.set.perEpoch())})
	nn.UpdateRunning(t.model.Graph, t.model.Buffers, t.model.Graph.GradientSums().Moments(s.F64))
	d, spans := update(t.model, t.opt, t.averaging(), s.F32, float32(1/m.Samples), lr)
	t.hashed.model, t.hashed.spans = t.model, spans
	t.at.Epoch.add(m)
	t.at.Step++
	t.spend(uint64(m.Samples))
	t.at.Evaluated, t.at.Validated, t.at.Considered = false, false, false
	if t.end(); t.at.Averaged {
		d = t.Digest()
	}
	if t.at.Step%t.set.perEpoch() == 0 {
		t.at.LastEpoch, t.at.Epoch = t.at.Epoch, Tally{}
	}
	rec := &StepRecord{Kind: "step", Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(), Params: len(t.model.Params),
		Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy(), LR: lr, Digest: d.String()}
	return rec
}
