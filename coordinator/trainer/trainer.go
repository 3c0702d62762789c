package trainer

import (
	"fmt"
	"math"

	"github.com/tinygrow/tinygrow/coordinator/reduce"
	"github.com/tinygrow/tinygrow/coordinator/trainer/initial"
	"github.com/tinygrow/tinygrow/growth"
	"github.com/tinygrow/tinygrow/proto"
	"github.com/tinygrow/tinygrow/tensor/local"
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
	// ungated are the parameters without gates, and their digest, while there are gates.
	ungated struct {
		params []float32
		sum    []byte
	}

	// learner learns the scales of first weights, nil: it is over, or the run has none.
	learner *initial.Learner

	masks *masks // nil but for runs that find masks

	event      *growth.Event // the event in progress, which awaits sums
	eventSums  int           // how many
	eventFLOPs float64       // spent on it so far, or on the iteration at hand of learning first weights
	overflows  int           // in fp16, of the gradient of the step at hand
	hashed     struct {      // what the last update took digests of
		model *nn.Model
		spans proto.Spans
	}
}

// whole returns the shard of all parameters.
func (t *Trainer) whole() *reduce.Shard { return whole(t.model, t.opt, t.average, t.set.grain()) }

// New returns a trainer at the start of a run; it keeps m, which must be valid.
func New(s Settings, m *nn.Model) (*Trainer, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	t := &Trainer{set: s, model: m, at: Progress{StartParams: len(m.Params)}}
	layout := local.LayoutOf(m.Graph)
	if s.Train.Masks.Until > 0 {
		t.masks, layout = newMasks(m, s.Train.Seed), optim.Plain(len(m.Params))
	}
	t.opt = optim.New(s.optimizer(t.at), layout)
	if s.Optimizer.Average > 0 {
		t.average = averageOf(m)
	}
	t.collect()
	if s.Train.Init.On() {
		state := initial.Start(len(m.Graph.ParamEntries()))
		t.at.Learning = &state
		return t, t.learn(state)
	}
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
	if err == nil {
		slots, err = t.takeUngated(slots)
	}
	if err == nil {
		slots, err = t.takeMasks(slots)
	}
	if err != nil {
		return nil, err
	}
	c := s.optimizer(at)
	layout := layoutAged(c, m.Graph, at.Ages)
	if t.masks != nil && !at.Masked {
		layout = optim.Plain(len(m.Params))
	}
	if t.opt, err = optim.Restore(c, layout, updates, slots); err != nil {
		return nil, fmt.Errorf("the checkpoint does not fit the configuration: %w", err)
	}
	if k := at.Monitored; k != nil && s.Callbacks.keeps() && k.model == nil {
		return nil, fmt.Errorf("step %d: %w", k.Step, ErrNoBest)
	}
	if at.Learning != nil {
		if !s.Train.Init.On() || at.Step > 0 {
			return nil, fmt.Errorf("step %d: %w: it learns none", at.Step, initial.ErrState)
		}
		if err := t.learn(*at.Learning); err != nil {
			return nil, err
		}
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

// PartDone returns how much of the run is done, from 0 to 1.
func (t *Trainer) PartDone() float64 { return t.set.part(t.at) }

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
func (t *Trainer) schedule() uint64 { return t.set.schedule(t.at) }

func (s Settings) schedule(at Progress) uint64 {
	part := s.part(at)
	if s.Train.MaxFLOPs == 0 || part == 0 || at.Step == 0 {
		return s.steps()
	}
	return uint64(portable.Int(math.Round(float64(at.Step) / part)))
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

// Digest returns the digest of architecture, weights, optimizer state, average and the scale of gradients in fp16.
func (t *Trainer) Digest() Digest {
	return sum(t.shard().Parts().State, t.model, t.opt.Count(), t.average, t.digested())
}

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
	case t.learner != nil:
		t.probe(&r)
	case t.event != nil:
		req, samples, _ := t.event.Next()
		r.Kind, r.Request = proto.Growth, req
		r.Order = t.set.order(proto.Order{Split: "train", Stream: "growth", Index: t.Events()})
		r.Offset, r.Count = uint64(samples.Offset), uint64(samples.Count)
		r.Augment, r.F64 = t.set.Train.Augmentation().Unmixed(), t.eventSums
	default:
		r.Kind = proto.Gradient
		batch := uint64(t.set.Train.Batch)
		r.Order = t.set.order(proto.Order{Split: "train", Stream: "epoch", Index: t.set.epochOf(t.at.Step)})
		r.Offset, r.Count, r.Augment = t.at.Step%t.set.perEpoch()*batch, batch, t.set.Train.Augmentation()
		r.Wire, r.Halves = t.wire(), t.set.Train.GradCosine
		r.F32, r.F64 = len(t.model.Params), t.model.Graph.GradientSums().Len()
		t.localize(&r)
		if ride, ok := t.ride(); ok {
			r.Request, r.Riding, r.Metric = ride.Request(t.model.Graph), t.at.Riding.Layout(), ride.Metric()
			r.F64 += t.at.Riding.Len(ride)
		}
	}
	return r, true
}

// Apply takes the reduced sums of the round that Next returned; it reads them
// only. A gradient that overflowed in fp16 leads to nothing but the same round at a lower scale. Its error ends the run.
func (t *Trainer) Apply(s proto.Sums) (Applied, error) {
	r, ok := t.Next()
	if !ok {
		panic("trainer: sums after the end of the run")
	}
	if t.learner != nil {
		return t.probed(r, s)
	}
	return t.apply(r, s, func(s proto.Sums, step reduce.Step) reduce.Parts {
		return t.update(s.F32, step)
	})
}

// fits returns an error for sums that are not of round r.
func fits(r Round, s proto.Sums) error {
	if s.Lengths() != r.Lengths {
		return fmt.Errorf("sums of the %s round of step %d: %d and %d values, want %d and %d", r.Kind, r.Step, len(s.F32),
			len(s.F64), r.F32, r.F64)
	}
	if m := tally(s.F64); m.Samples != float64(r.Count) {
		return fmt.Errorf("sums of the %s round of step %d: over %v samples, want %d", r.Kind, r.Step, m.Samples, r.Count)
	}
	return nil
}

// check returns an error for sums that round r cannot have.
func check(r Round, s proto.Sums) error {
	if err := fits(r, s); err != nil || r.Kind == proto.Growth {
		return err
	}
	m := tally(s.F64)
	if loss := m.Loss + flipsLoss(r, s.F64); math.IsNaN(loss) || math.IsInf(loss, 0) {
		if r.Step == 0 {
			return fmt.Errorf("%w before its first step: the loss of fresh weights is %v: look for pixels or targets that are no "+
				"numbers (tinygrow data verify)", ErrDiverged, m.Loss)
		}
		return fmt.Errorf("%w: the loss of step %d is %v: lower the learning rate (--lr) or add warm-up", ErrDiverged, r.Step, m.Loss)
	}
	return nil
}

// apply takes the sums of round r, whose update is made by update.
func (t *Trainer) apply(r Round, s proto.Sums, update func(proto.Sums, reduce.Step) reduce.Parts) (Applied, error) {
	if err := check(r, s); err != nil {
		return Applied{}, err
	}
	m := tally(s.F64)
	var a Applied
	switch r.Kind {
	case proto.Growth:
		t.eventFLOPs += float64(passes * float64(r.Request.FLOPs(t.model.Graph)) * float64(r.Count))
		if err := t.event.Feed(s.F64); err != nil {
			return Applied{}, err
		}
	default:
		if r.Kind == proto.Evaluate {
			w := t.Weights().Model
			a.Eval = t.evaluated(r.Order.Split, m, w)
			if t.set.Train.TestFlips {
				if a.Eval.Flips = flipsOf(s.F64); a.Eval.Split == "test" {
					t.at.TestFlips = a.Eval.Flips
				}
			}
			var err error
			if a.Restored, err = t.restore(r.Order.Split); err != nil {
				return Applied{}, err
			}
		} else {
			if again, err := t.overflowed(s.F32); again || err != nil {
				return Applied{}, err
			}
			t.follow(s, m)
			t.ridden(s.F64, float64(t.set.Train.Batch))
			a.Step = t.updated(r, s, m, update)
			t.collect()
			a.Health = t.followed(t.set.Growth.Fixes().Follow)
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

// evaluated takes what an evaluation of model w found.
func (t *Trainer) evaluated(split string, m Tally, w *nn.Model) *EvalRecord {
	t.at.EvalStep = t.at.Step
	if split == "validation" {
		t.at.Validated, t.at.Validation, t.at.ValidationStep = true, m, t.at.Step
	} else {
		t.at.Evaluated, t.at.Test, t.at.TestStep = true, m, t.at.Step
	}
	if target := t.set.Train.TargetAccuracy; target > 0 && m.Accuracy() >= target && !t.done() && !t.toPrune() {
		t.at.Stopped = fmt.Sprintf("its %s %s of %.4g has reached the target of %.4g",
			split, t.set.Data.Task.Metric(), m.Accuracy(), target)
	}
	t.watch(split, m, w)
	t.end()
	kept, _ := t.Masks()
	return &EvalRecord{Kind: "evaluation", Split: split, Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(),
		Params: len(t.model.Params), Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy(), Metric: t.metric(), Kept: kept}
}

// metric names what the accuracies of records are, where they are something else.
func (t *Trainer) metric() string {
	if t.set.Data.Task.Labelled() {
		return ""
	}
	return t.set.Data.Task.Metric()
}

// Task returns what the outputs are.
func (t *Trainer) Task() nn.Task { return t.set.Data.Task }

// counted is where the run stands once an update that stands for so many steps, over so many samples, is made.
func (t *Trainer) counted(by move, samples uint64) {
	t.at.Step += by.steps
	t.at.Made = by.made()
	t.spend(samples)
	t.at.Evaluated, t.at.Validated, t.at.Considered = false, false, false
}

func (t *Trainer) updated(r Round, s proto.Sums, m Tally, update func(proto.Sums, reduce.Step) reduce.Parts) *StepRecord {
	by := t.move(r, m.Samples)
	step := by.Step
	nn.UpdateRunningBy(t.model.Graph, t.model.Buffers, t.model.Graph.GradientSums().Moments(s.F64), by.steps)
	var parts reduce.Parts
	if t.at.Gates != nil {
		parts = t.gate(s.F32, m.Samples)
	} else {
		parts = update(s, step)
	}
	if t.average != nil {
		_, buffers := t.average.split(len(t.model.Params))
		reduce.Toward(buffers, t.model.Buffers, step.Average)
	}
	compared := t.compared(r, s.F64, parts.Squares)
	d := sum(parts.State, t.model, t.opt.Count(), t.average, t.digested())
	if t.hashed.model, t.hashed.spans = t.model, parts.Params; t.set.grain() != reduce.Chunk {
		t.hashed.spans = nil // they are none of the weights
	}
	t.at.Epoch.add(m)
	t.counted(by, uint64(m.Samples))
	if t.end(); t.at.Averaged {
		d = t.Digest()
	}
	if t.at.Step%t.set.perEpoch() == 0 {
		t.at.LastEpoch, t.at.Epoch = t.at.Epoch, Tally{}
	}
	rec := &StepRecord{Kind: "step", Step: t.Step(), Epoch: t.epoch(), Generation: t.Generation(), Params: len(t.model.Params),
		Samples: int(m.Samples), Loss: m.MeanLoss(), Accuracy: m.Accuracy(), Metric: t.metric(), LR: by.lr, Compared: compared,
		Digest: d.String(), Steps: int(by.made())}
	return rec
}
